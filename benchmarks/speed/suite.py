"""The four comparisons with their data: what is timed, at which size, on what."""

import math
import platform
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import faiss
import torch
from threadpoolctl import threadpool_limits

from patchsieve.bank import greedy_coreset
from patchsieve.features import make_extractor
from speed.coreset import compare_coresets
from speed.data import clustered, isotropic, leading_variance, projected, real_features
from speed.discriminators import compare_discriminators
from speed.embedding import compare_embedding
from speed.search import compare_searches

_POINTS, _DIMS = 120_000, 128
_IMAGES, _GRID = 300, (28, 28)
_BANK, _QUERY_IMAGES, _WIDE = 16_000, 4, 1024
_CORESET_RATIO = 0.1
_DEFAULT, _PAPER = "efficientnet_lite0", "timm:wide_resnet50_2@random"
# Wide features: trained weights that need no download, and the papers' network at its width, untrained: nearly all
# of its variance lies on few axes, so only the first of them says how a search does on real features.
_WIDE_BACKBONES = {"efficientnet_lite2": ("stage3", "stage4", "stage5", "stage6", "stage7"), _PAPER: None}
# Turns per pair asked for: a single image is over so soon that five pairs say little.
_BATCHES = {1: 4, 16: 1}
_PACKAGES = ("torch", "numpy", "scikit-learn", "faiss-cpu", "anomalib")


@dataclass
class Suite:
    """The comparisons, one method each.

    Attributes:
        data: a set of images in the MVTec AD layout, None to draw features.
        size: share of the full number of points, positions and bank patches.
        pairs: timed for each peer.
    """

    data: Path | None
    size: float
    pairs: int

    def describe(self, threads: int) -> None:
        """Give every library the same number of threads, and say what this machine is."""
        torch.set_num_threads(threads)
        faiss.omp_set_num_threads(threads)
        threadpool_limits(threads)
        able = torch.cpu.get_capabilities()
        cores = f"{able.get('num_physical_cores')} cores, {threads} threads"
        bfloat16 = "with" if able.get("avx512_bf16") or able.get("amx_bf16") else "without"
        print(f"{able.get('cpu_name') or platform.machine()}, {cores}, ", end="")
        print(f"{torch.backends.cpu.get_cpu_capability()} {bfloat16} bfloat16 products; ", end="")
        print(", ".join(f"{name} {version(name)}" for name in _PACKAGES))

    def coreset(self) -> None:
        """Greedy k-center selection."""
        flat = self._features.flatten(0, 2)
        shuffled = torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))
        points = flat[shuffled[: int(self.size * _POINTS)]]
        shape = f"{len(points) // 10} of {len(points)} x {points.shape[1]}"
        title("Greedy k-center coreset", shape, self._source, points)
        compare_coresets(points, self.pairs)

    def discriminators(self) -> None:
        """Outlier scores by position."""
        height, width = self._features.shape[1:3]
        features = self._features[:, : max(1, round(self.size * height))].contiguous()
        images, rows = features.shape[0], features.shape[1]
        shape = f"{rows * width} positions x {images} images x {features.shape[3]}"
        title("Noise discriminators by position", shape, self._source, features.flatten(0, 2))
        compare_discriminators(features, self.pairs)

    def search(self) -> None:
        """Nearest neighbours on real wide features, or drawn ones, and on isotropic ones as the hardest case."""
        rows, patches = int(self.size * _BANK), math.prod(_GRID)
        for name, layers in _WIDE_BACKBONES.items() if self.data else ():
            bank, images = self._real_bank(name, layers, rows)
            self._search(f"{name} features", bank, images, self._source, approximate=name != _PAPER)
        if not self.data:
            drawn = clustered((rows + _QUERY_IMAGES * patches, _WIDE))
            self._search("clusters", drawn[:rows], list(drawn[rows:].split(patches)), self._source)
        queries = isotropic(_QUERY_IMAGES * patches, _WIDE, seed=1)
        bank = isotropic(rows, _WIDE, seed=0)
        self._search("isotropic", bank, list(queries.split(patches)), "a standard normal", approximate=False)

    def embedding(self) -> None:
        """The embedding of the default backbone and of the papers', at their own widths and at the papers'."""
        for name, dims in ((_DEFAULT, None), (_PAPER, None), (_PAPER, _WIDE)):
            extractor = make_extractor(backbone=name, dims=dims)
            print(f"\n### Embedding, {name}: {' x '.join(map(str, extractor.shape))}")
            for batch, turns in _BATCHES.items():
                compare_embedding(extractor, batch, turns * self.pairs)

    @cached_property
    def _features(self) -> torch.Tensor:
        """Training features float32 `[N, H, W, C]`, C = 128."""
        if self.data is None:
            return clustered((_IMAGES, *_GRID, _DIMS))
        extractor = make_extractor(backbone=_DEFAULT)
        return projected(real_features(extractor, self.data, "train", _IMAGES), _DIMS)

    def _real_bank(
        self, name: str, layers: tuple[str, ...] | None, rows: int
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return a greedy bank of good training patches, and the patches of some good test images."""
        extractor = make_extractor(backbone=name, layers=layers, dims=None if layers else _WIDE)
        patches = math.prod(extractor.shape[:2])
        images = math.ceil(rows / _CORESET_RATIO / patches)
        training = real_features(extractor, self.data, "train", images).flatten(0, 2)
        picks = greedy_coreset(projected(training, _DIMS), rows, start=0)
        bank = training[torch.from_numpy(picks)]
        return bank, list(real_features(extractor, self.data, "test", _QUERY_IMAGES).flatten(1, 2))

    def _search(
        self, what: str, bank: torch.Tensor, images: list[torch.Tensor], source: str, approximate: bool = True
    ) -> None:
        queries = f"{len(images)} images of {len(images[0])} patches, one after the other"
        shape = f"{queries}, in a bank of {bank.shape[0]} x {bank.shape[1]}"
        title(f"Nearest neighbours, {what}", shape, source, bank)
        compare_searches(bank, images, self.pairs, approximate)

    @property
    def _source(self) -> str:
        return f"{self.data.name} images" if self.data else "drawn clusters"


def title(kernel: str, shape: str, source: str, points: torch.Tensor) -> None:
    """Head a table with what is measured, and how fast the spectrum of the data falls."""
    print(f"\n### {kernel}: {shape}\n\nFrom {source}; {leading_variance(points)}.", flush=True)
