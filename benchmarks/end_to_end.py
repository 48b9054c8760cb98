"""A whole fit and whole predictions beside the bare forward passes of the same images.

    python benchmarks/end_to_end.py DATA/magnetic_tile

The bare forward pass runs the backbone over images that are decoded and preprocessed already: once as the network is
published (float32, channels first, batch norms on their own) and once as it runs here. The fit starts from files, with
default settings and nothing cached: decoding, embedding, discriminator, coreset and calibration. The prediction starts
from files too. All are run in turns; a ratio is the median over the turns, its range behind it.
"""

import argparse
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from backbones import published
from patchsieve.detectors import DETECTORS, Detector, load, make_detector
from patchsieve.features import FeatureExtractor
from patchsieve.images import ImageSet, decode, read_images
from speed.embedding import alone
from speed.pairs import Contender, interleave
from speed.peers import declare_torchvision
from speed.stages import StageTimes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="one set of images in the MVTec AD layout")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--detector", default="softpatch", choices=tuple(DETECTORS))
    parser.add_argument("--images", type=int, help="of the training set and of the test set; default all")
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.backbone.startswith("timm:"):
        declare_torchvision()
    settings = {"backbone": arguments.backbone, "precision": arguments.precision}
    images = read_images(arguments.data)
    train, test = (
        part.with_records(part.records[: arguments.images]) for part in (images.train, images.test)
    )
    make = partial(make_detector, arguments.detector, settings)
    print(
        f"{len(train)} training and {len(test)} test images, {torch.get_num_threads()} threads, {settings}\n"
    )
    model = fit_table(make, train, arguments.pairs)
    predict_table(model, test, arguments.pairs)


def fit_table(make: partial[Detector], train: ImageSet, pairs: int) -> Detector:
    extractor = make().make_extractor()
    batches = preprocessed(extractor, train)
    stages: list[StageTimes] = []
    fitted: list[Detector] = []

    def fit() -> None:
        stages.append(StageTimes())
        fitted[:] = [make().fit(train, progress=stages[-1])]

    ours = Contender("fit, from files to a calibrated model", fit)
    bare = Contender("bare forward pass, as it runs here", partial(forward, extractor, batches))
    plain = Contender("bare forward pass, as published", partial(run, published(extractor.backbone), batches))
    interleave(ours, [bare, plain], pairs)
    print("| | seconds | fit takes, times this |\n| --- | --- | --- |")
    print(f"| {ours.name} | {median(ours.seconds):.1f} | 1 |")
    for peer in (bare, plain):
        print(f"| {peer.name} | {median(peer.seconds):.1f} | {factors(peer)} |")
    print("\nWhere the fit's time goes:\n\n| stage | seconds |\n| --- | --- |")
    for title in stages[0].seconds:
        print(f"| {title} | {median(times.seconds[title] for times in stages):.1f} |")
    return fitted[0]


def predict_table(model: Detector, test: ImageSet, pairs: int) -> None:
    print("\n| batch | predict, ms an image | bare, as it runs here | times | bare, as published | times |")
    print("| --- " * 6 + "|")
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.sieve")
        for size in (1, 16):
            loaded = load(Path(folder) / "model.sieve")
            loaded.extractor_ = extractor = replace(loaded.extractor_, batch_size=size)
            batches = preprocessed(extractor, test)
            ours = Contender("predict", partial(predict, loaded, test))
            bare = Contender("bare", partial(forward, extractor, batches))
            plain = Contender("plain", partial(run, published(extractor.backbone), batches))
            interleave(ours, [bare, plain], pairs)
            cells = [f"{1000 * median(each.seconds) / len(test):.1f}" for each in (ours, bare, plain)]
            print(f"| {size} | {cells[0]} | {cells[1]} | {factors(bare)} | {cells[2]} | {factors(plain)} |")


def predict(model: Detector, images: ImageSet) -> None:
    for _ in model.iter_predict(images):
        pass


def preprocessed(extractor: FeatureExtractor, images: ImageSet) -> list[torch.Tensor]:
    tensors = [extractor.preprocessing(decode(record)) for record in images]
    return [torch.stack(part) for part in chunks(tensors, extractor.batch_size)]


def chunks(tensors: list[torch.Tensor], size: int) -> list[list[torch.Tensor]]:
    return [tensors[first : first + size] for first in range(0, len(tensors), size)]


def forward(extractor: FeatureExtractor, batches: list[torch.Tensor]) -> None:
    run(alone(extractor).forward, batches)


@torch.inference_mode()
def run(network: object, batches: list[torch.Tensor]) -> None:
    assert callable(network)
    for batch in batches:
        network(batch)


def factors(peer: Contender) -> str:
    ratios = [1 / ratio for ratio in peer.ratios]
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    started = perf_counter()
    main()
    print(f"\n({perf_counter() - started:.0f} s)")
