"""How often the achieved false-alarm rate lies in the interval that a threshold is given with, and how large it is.

    python benchmarks/thresholds.py --plot thresholds.png
    python benchmarks/thresholds.py --data DATA --sets magnetic_tile,elpv_poly --plot thresholds_real.png

Without DATA by simulation: scores of good images are drawn from distributions whose tail is known, `--shares` of
the images are defective and score 1.5 to 4 times the median good one. With DATA (folders in the MVTec AD layout) on
real images: the good ones of a set are split at random into halves, one to fit, with so many defective images beside
them that they are the same shares, and one to count false alarms. These are few, so that the achieved rate itself is
uncertain: an end of the interval counts as kept where the count is within what a beta-binomial distribution allows.

A row: what was asked for, the achieved rate (median, and 5 % to 95 % of all fits), the mean upper end of the interval,
the share of fits whose rate is not above it (95 % is promised); of clean rows the same when the images are known to be
clean, and the share inside the interval (90 % is promised); and the contamination that was estimated.

With `--judged` a detector has looked at the images and was sure that they are all good, though it was wrong where
shares of them are defective.

On real images a second table has the median recall of defective images that were not learnt from: at the threshold; at
the one of a set that is said to be clean, whether it is or not; and at the one that has the rate asked for on the
unseen good images.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

import numpy as np
from scipy import stats

from patchsieve.decisions import ScoreTail
from patchsieve.detectors import SoftPatch
from patchsieve.features import PatchFeatures, embed_cached
from patchsieve.images import read_images
from patchsieve.progress import SILENT

FAMILIES = {
    "gamma": stats.gamma(9),
    "log-normal": stats.lognorm(0.25),
    "Weibull": stats.weibull_min(3),
    "Fréchet": stats.invweibull(8),
}
DEFECTIVE = (1.5, 4.0)
# By kind of scores, share of defective images, number of images and rate asked for: the figures of each fit.
Found = dict[tuple[str, float, int, float], list[tuple[float, ...]]]


@dataclass(frozen=True)
class Draw:
    """Scores of one fit, and how often good images score above a threshold."""

    kind: str
    share: float
    scores: np.ndarray
    achieved: Callable[[float], float]
    unseen: "Unseen | None" = None


@dataclass(frozen=True)
class Unseen:
    """Scores of real images that were not learnt from."""

    good: np.ndarray
    defective: np.ndarray

    def recalls(self, *thresholds: float) -> list[float]:
        return [share_above(self.defective, each) for each in thresholds]


def main() -> None:
    arguments = parse()
    rates = [float(rate) for rate in arguments.rates.split(",")]
    draws = real(arguments) if arguments.data else simulated(arguments)
    found: Found = {}
    recalls: Found = {}
    for draw in draws:
        doubted = np.zeros(len(draw.scores), bool) if arguments.judged else None
        tail, clean = (ScoreTail.of(draw.scores, clean=clean, doubted=doubted) for clean in (False, True))
        for rate in rates:
            cell = draw.kind, draw.share, len(draw.scores), rate
            usual, known = tail.threshold(rate), clean.threshold(rate)
            row = [draw.achieved(usual.threshold), usual.high, usual.contamination, kept(draw, tail, rate)[1]]
            if not draw.share:
                row += [draw.achieved(known.threshold), known.high, all(kept(draw, clean, rate))]
            found.setdefault(cell, []).append(tuple(row))
            if draw.unseen is not None:
                best = float(np.quantile(draw.unseen.good, 1 - rate))
                recall = draw.unseen.recalls(usual.threshold, known.threshold, best)
                recalls.setdefault(cell, []).append((*recall, draw.achieved(known.threshold)))
    table(found)
    recall_table(recalls)
    if arguments.plot:
        plot(found, arguments.plot)


def kept(draw: Draw, tail: ScoreTail, rate: float) -> tuple[bool, bool]:
    """Return whether the lower and the upper end of the interval are kept."""
    found = tail.threshold(rate)
    achieved = draw.achieved(found.threshold)
    if draw.unseen is None:
        return found.low <= achieved, achieved <= found.high
    above, images = tail.sifted.count_above(found.threshold), tail.sifted.images
    if not tail.sifted.decisive:
        above, images = (tail.sifted.scores > found.threshold).sum(), len(draw.scores)
    counted = len(draw.unseen.good)
    most = stats.betabinom.ppf(0.95, counted, above + 1, images - above)
    least = stats.betabinom.ppf(0.05, counted, above, images - above + 1) if above > 0 else 0
    count = round(achieved * counted)
    return count >= least, count <= most


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", default="30,100,300,1000,2000", help="sizes of the training sets")
    parser.add_argument("--shares", default="0,0.05,0.1,0.2", help="of defective images among them")
    parser.add_argument("--rates", default="0.05,0.01,0.005", help="false-alarm rates asked for")
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--judged", action="store_true", help="a detector was sure that all these are good")
    parser.add_argument("--data", type=Path, help="real images instead of a simulation")
    parser.add_argument("--sets", default="magnetic_tile,elpv_poly")
    parser.add_argument("--bank-size", type=int, default=1000)
    parser.add_argument("--cache", type=Path, help="folder of embeddings")
    parser.add_argument("--plot", type=Path, help="PNG file of the calibration plot")
    return parser.parse_args()


def simulated(arguments: argparse.Namespace) -> Iterator[Draw]:
    for images in map(int, arguments.images.split(",")):
        for name, family in FAMILIES.items():
            for share in map(float, arguments.shares.split(",")):
                for repeat in range(arguments.repeats):
                    rng = np.random.default_rng((crc32(name.encode()), images, repeat))
                    defective = round(share * images)
                    good = family.rvs(images - defective, random_state=rng)
                    bad = family.median() * rng.uniform(*DEFECTIVE, defective)
                    yield Draw(name, share, np.concatenate([good, bad]), family.sf)


def real(arguments: argparse.Namespace) -> Iterator[Draw]:
    for name in arguments.sets.split(","):
        model = SoftPatch(bank_size=arguments.bank_size)
        embeddings = embed_cached(model.make_extractor(), read_images(arguments.data / name), arguments.cache)
        features = embeddings.features.in_memory()
        defective = np.array([bool(record.defective) for record in embeddings.images])
        good, bad = np.flatnonzero(~defective), np.flatnonzero(defective)
        for repeat in range(arguments.repeats):
            rng = np.random.default_rng(repeat)
            order, defects = rng.permutation(good), rng.permutation(bad)
            half = len(order) // 2
            for share in map(float, arguments.shares.split(",")):
                noise = round(half * share / (1 - share))
                chosen = features.take(np.sort(np.concatenate([order[:half], defects[:noise]])))
                model = SoftPatch(bank_size=arguments.bank_size, seed=repeat)
                model.learn(chosen)
                scores, _ = model.out_of_sample(chosen, SILENT)
                unseen = Unseen(
                    scored(model, features.take(order[half:])), scored(model, features.take(defects[noise:]))
                )
                yield Draw(name, share, scores, partial(share_above, unseen.good), unseen)


def scored(model: SoftPatch, features: PatchFeatures) -> np.ndarray:
    return np.concatenate([model.score(batch)[0].numpy() for batch in features.batches(16)])


def share_above(scores: np.ndarray, threshold: float) -> float:
    return float((scores > threshold).mean())


def table(found: Found) -> None:
    print(
        "scores | defective | images | asked % | achieved % (5 % .. 95 %) | upper end % | below it | estimated | "
        "known to be clean: achieved % (5 % .. 95 %) | upper end % | inside"
    )
    print("--- | --- | --- | --- | --- | --- | --- | --- | --- | --- | ---")
    for (kind, share, images, rate), rows in found.items():
        values = np.array(rows)
        mean = values.mean(axis=0)
        clean = " | | " if share else f"{spread(values[:, 4])} | {100 * mean[5]:.2f} | {mean[6]:.2f}"
        print(
            f"{kind} | {share:g} | {images} | {100 * rate:g} | {spread(values[:, 0])} | {100 * mean[1]:.2f} | "
            f"{mean[3]:.2f} | {mean[2]:.3f} | {clean}"
        )


def recall_table(recalls: Found) -> None:
    if recalls:
        print(
            "\nscores | defective | asked % | recall | said to be clean: recall | false alarms % | best recall"
        )
        print("--- | --- | --- | --- | --- | --- | ---")
    for (kind, share, _, rate), rows in recalls.items():
        usual, clean, best, alarms = np.median(rows, axis=0)
        print(
            f"{kind} | {share:g} | {100 * rate:g} | {usual:.2f} | {clean:.2f} | {100 * alarms:.2f} | {best:.2f}"
        )


def spread(rates: np.ndarray) -> str:
    low, middle, high = 100 * np.quantile(rates, [0.05, 0.5, 0.95])
    return f"{middle:.2f} ({low:.2f} .. {high:.2f})"


def plot(found: Found, path: Path) -> None:
    """Draw achieved against asked-for rates, and the upper ends of the intervals."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = list(dict.fromkeys(key[0] for key in found))
    shares = sorted({key[1] for key in found})
    figure, grid = pyplot.subplots(
        len(shares),
        len(kinds),
        figsize=(3.1 * len(kinds), 3.0 * len(shares)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    colours = ("#D55E00", "#E69F00", "#009E73", "#0072B2", "#CC79A7")
    floor = 1e-2
    for row, share in enumerate(shares):
        for column, kind in enumerate(kinds):
            axes = grid[row, column]
            sizes = sorted({key[2] for key in found if key[:2] == (kind, share)})
            axes.plot([0.1, 20], [0.1, 20], color="#767676", linewidth=1)
            for place, (size, colour) in enumerate(zip(sizes, colours, strict=False)):
                cells = sorted(
                    (key[3], rows) for key, rows in found.items() if key[:3] == (kind, share, size)
                )
                x = [100 * rate * 1.13 ** (place - len(sizes) / 2) for rate, _ in cells]
                quantiles = [
                    100 * np.quantile([one[0] for one in rows], [0.05, 0.5, 0.95]) for _, rows in cells
                ]
                low, middle, high = np.maximum(np.array(quantiles).T, floor)
                axes.vlines(x, low, high, color=colour, linewidth=2)
                axes.plot(x, middle, "o", color=colour, markersize=4, label=f"{size} images")
                ends = [100 * np.mean([one[1] for one in rows]) for _, rows in cells]
                axes.plot(x, ends, "_", color=colour, markersize=10)
            axes.set(xscale="log", yscale="log", ylim=(floor, 40))
            axes.set_title(f"{kind}, {100 * share:g} % defective", fontsize=9)
            axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("false alarms asked for (%)")
    for axes in grid[:, 0]:
        axes.set_ylabel("achieved (%)")
    grid[0, 0].legend(frameon=False, fontsize=7)
    figure.suptitle(
        "Dots: median over all fits; bars: 5 to 95 % of them; dashes: mean upper end of the interval",
        fontsize=9,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
