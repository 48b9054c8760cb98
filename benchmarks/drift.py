"""How often `patchsieve drift` raises a false alarm, and which changes it finds.

    python benchmarks/drift.py --data ../shared/data --cache .cache

For each data set the good images of train and test are taken together. A model is fitted on one half; the other half
is what "today" is drawn from, again and again, in several sizes: unchanged (every alarm is false), changed in one way
(every alarm is right), or unchanged with a share of real defects (every alarm is false, too). The whole is repeated
with other halves. A rate is printed with its 95 % Wilson interval over the draws; draws from the same half share
images, so the interval is a little too narrow.

With `--margin 8` the model learns from images less 8 pixels at the left and at the right, and the one change is a shift
of as many: the window is moved over the whole image, so that something new comes in where `shift 8 px` repeats the
image's last pixels.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from patchsieve import SoftPatch, read_images
from patchsieve.detectors import Detector
from patchsieve.evaluation.drift import Finding, Rules, Sample, findings
from patchsieve.features import Embeddings, embed_cached, pooled
from patchsieve.images import ImageSet, decode

Pixels = npt.NDArray[np.uint8]
Change = Callable[[Pixels], Pixels]

# Images of the half that today is drawn from which are also made in every changed version.
POOL = 50
BANK = 1000


def main() -> None:
    arguments = parse()
    rules = Rules(level=arguments.level, effect=arguments.effect, tolerated=arguments.tolerated)
    for name in arguments.sets.split(","):
        images = read_images(arguments.data / name)
        for line in study(images, arguments, rules):
            print(f"{name:14s} {line}", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps the features of images")
    parser.add_argument("--sets", default="magnetic_tile,elpv_poly,cookies")
    parser.add_argument("--sizes", default="20,50,200", help="images of today; larger than there are: all")
    parser.add_argument(
        "--halves", type=int, default=4, help="times that the images are split and a model is fitted"
    )
    parser.add_argument("--draws", type=int, default=50, help="draws of today, of each kind, size and half")
    parser.add_argument("--draws-changed", type=int, default=10, help="the same, of images that were changed")
    parser.add_argument("--margin", type=int, default=0, help="pixels to shift a window over the images by")
    parser.add_argument("--level", type=float, default=Rules().level)
    parser.add_argument("--effect", type=float, default=Rules().effect)
    parser.add_argument("--tolerated", type=float, default=Rules().tolerated)
    return parser.parse_args()


def study(images: ImageSet, arguments: argparse.Namespace, rules: Rules) -> Iterator[str]:
    extractor = SoftPatch().make_extractor()
    margin, changes = arguments.margin, CHANGES
    seen = images
    if margin:
        seen = made(images, window(margin, 0))
        changes = {f"window shifted {margin} px": window(margin, margin)}
    good = embed_cached(extractor, seen.where(lambda each: not each.defective), arguments.cache)
    bad = embed_cached(extractor, seen.where(lambda each: bool(each.defective)), arguments.cache)
    # Only images that are never fitted on are made in changed versions.
    order = np.random.default_rng(0).permutation(len(good))
    pool, others = order[: min(POOL, len(good) // 2)], order[min(POOL, len(good) // 2) :]
    originals = {record.name: record for record in images}
    chosen = images.with_records([originals[good.images[int(index)].name] for index in pool])
    versions = {
        name: embed_cached(extractor, made(chosen, change), arguments.cache, dtype="float16")
        for name, change in changes.items()
    }
    tally = Tally()
    for half in range(arguments.halves):
        rng = np.random.default_rng(half)
        mixed = rng.permutation(others)
        cut = len(good) // 2
        # A small bank saves time: drift looks at how scores are distributed, not at how well they rank.
        model = SoftPatch(seed=half, bank_size=BANK).fit(good.take(mixed[:cut]))
        record = model.training_
        training = Sample(record.scores, record.pooled.float().numpy(), record.appearance)
        held = sample(model, good.take(np.concatenate([pool, mixed[cut:]])))
        defects = sample(model, bad)
        changed = {name: sample(model, embeddings) for name, embeddings in versions.items()}
        for size in map(int, arguments.sizes.split(",")):
            for number in range(arguments.draws):
                for kind, today in unchanged(rng, size, held, defects):
                    tally.add(kind, len(today), findings(training, today, rules, nearest=True))
                # What is drawn from so few images soon repeats itself.
                if number < arguments.draws_changed and size <= len(pool):
                    for kind, each in changed.items():
                        today = taken(each, rng.permutation(len(each))[:size])
                        tally.add(kind, len(today), findings(training, today, rules, nearest=True))
    yield from tally.lines()


class Tally:
    """Counts of alarms, and of what caused them, by kind and size of today."""

    def __init__(self) -> None:
        self.alarms: dict[tuple[str, int], list[bool]] = {}
        self.causes: dict[tuple[str, int], Counter[str]] = {}

    def add(self, kind: str, size: int, tests: tuple[Finding, ...]) -> None:
        found = [each for each in tests if each.drifted]
        self.alarms.setdefault((kind, size), []).append(bool(found))
        self.causes.setdefault((kind, size), Counter()).update(
            f"{each.name} {each.direction}" for each in found
        )

    def lines(self) -> Iterator[str]:
        for (kind, size), alarms in self.alarms.items():
            low, high = wilson(sum(alarms), len(alarms))
            why = ", ".join(
                f"{words} {100 * count / len(alarms):.0f} %"
                for words, count in self.causes[kind, size].most_common(4)
            )
            yield (
                f"{kind:18s} today {size:4d}: {100 * np.mean(alarms):5.1f} % drift "
                f"[{100 * low:.1f}, {100 * high:.1f}] of {len(alarms)}  {why}"
            )


def unchanged(
    rng: np.random.Generator, size: int, held: Sample, defects: Sample
) -> Iterator[tuple[str, Sample]]:
    """Yield one draw of today without any change, clean and with two shares of defects."""
    yield "unchanged", taken(held, rng.permutation(len(held))[:size])
    for share in (0.1, 0.2):
        count = min(size, len(held))
        spoilt = int(share * count)
        good = taken(held, rng.permutation(len(held))[: count - spoilt])
        worst = taken(defects, rng.permutation(len(defects))[:spoilt])
        yield f"defects {100 * share:.0f} %", joined(good, worst)


def sample(model: Detector, embeddings: Embeddings) -> Sample:
    return Sample(
        model.predict(embeddings).scores, pooled(embeddings.features).float().numpy(), embeddings.appearance
    )


def taken(each: Sample, rows: npt.NDArray[np.int64]) -> Sample:
    return Sample(each.scores[rows], each.pooled[rows], each.appearance[rows])


def joined(first: Sample, second: Sample) -> Sample:
    return Sample(
        np.concatenate([first.scores, second.scores]),
        np.concatenate([first.pooled, second.pooled]),
        np.concatenate([first.appearance, second.appearance]),
    )


def made(images: ImageSet, change: Change) -> ImageSet:
    """Return changed versions of images, which are kept in memory."""
    return images.with_records(
        [replace(record, path=None, pixels=change(decode(record))) for record in images]
    )


def wilson(hits: int, trials: int) -> tuple[float, float]:
    z, share = 1.96, hits / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    reach = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def as_pixels(values: npt.NDArray[np.floating]) -> Pixels:
    return values.clip(0, 255).round().astype(np.uint8)


def gain(*factors: float) -> Change:
    return lambda pixels: as_pixels(pixels * np.array(factors))


def gamma(power: float) -> Change:
    return lambda pixels: as_pixels(255 * (pixels / 255) ** power)


def blur(sigma: float) -> Change:
    return lambda pixels: np.array(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))


def jpeg(quality: int) -> Change:
    def change(pixels: Pixels) -> Pixels:
        data = BytesIO()
        Image.fromarray(pixels).save(data, "JPEG", quality=quality)
        return np.array(Image.open(data))

    return change


def shift(by: int) -> Change:
    return lambda pixels: np.pad(pixels, ((0, 0), (by, 0), (0, 0)), mode="edge")[:, : pixels.shape[1]].copy()


def window(margin: int, to: int) -> Change:
    return lambda pixels: pixels[:, margin + to : pixels.shape[1] - margin + to].copy()


def rotation(degrees: float) -> Change:
    def change(pixels: Pixels) -> Pixels:
        fill = tuple(int(value) for value in np.median(pixels.reshape(-1, 3), axis=0))
        return np.array(Image.fromarray(pixels).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=fill))

    return change


def noise(sigma: float) -> Change:
    def change(pixels: Pixels) -> Pixels:
        rng = np.random.default_rng(crc32(pixels.tobytes()))
        return as_pixels(pixels + rng.normal(0, sigma, (*pixels.shape[:2], 1)))

    return change


CHANGES: dict[str, Change] = {
    "brightness -30 %": gain(0.7),
    "brightness -15 %": gain(0.85),
    "brightness -5 %": gain(0.95),
    "brightness +5 %": gain(1.05),
    "brightness +15 %": gain(1.15),
    "brightness +30 %": gain(1.3),
    "gamma 0.8": gamma(0.8),
    "gamma 1.25": gamma(1.25),
    "blur 0.5": blur(0.5),
    "blur 1": blur(1),
    "blur 2": blur(2),
    "JPEG 30": jpeg(30),
    "shift 8 px": shift(8),
    "rotation 2 deg": rotation(2),
    "red +10, blue -10": gain(1.1, 1, 0.9),
    "noise 5": noise(5),
    "noise 10": noise(10),
}


if __name__ == "__main__":
    main()
