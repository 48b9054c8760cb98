"""What the kernels are timed on: features of real images, or drawn ones."""

from collections.abc import Sequence
from pathlib import Path

import torch
from sklearn.random_projection import GaussianRandomProjection

from patchsieve.features import FeatureExtractor
from patchsieve.images import ImageSet, read_images


def real_features(extractor: FeatureExtractor, folder: Path, split: str, images: int) -> torch.Tensor:
    """Embed at most `images` of a split's good images, evenly chosen: float32 `[N, H, W, C]`."""
    found = read_images(folder).where(lambda record: record.split == split and not record.defective)
    return extractor.embed(evenly(found, images)).features.tensor()


def evenly(found: ImageSet, images: int) -> ImageSet:
    step = max(1, len(found) // images)
    return found.with_records(found.records[::step][:images])


def projected(features: torch.Tensor, dims: int) -> torch.Tensor:
    """Bring the channels to `dims` by a random projection, as before a coreset."""
    projection = GaussianRandomProjection(dims, random_state=0).fit(features.new_zeros(1, features.shape[-1]))
    return features @ torch.from_numpy(projection.components_.T).to(features)


def clustered(shape: Sequence[int], clusters: int = 64) -> torch.Tensor:
    """Draw float32 `[..., C]` from clusters whose standard deviations fall as 1 / sqrt(axis)."""
    draw = torch.Generator().manual_seed(0)
    channels = shape[-1]
    centres = torch.randn(clusters, channels, generator=draw)
    members = torch.randint(clusters, tuple(shape[:-1]), generator=draw)
    points = centres[members].add_(torch.randn(*shape, generator=draw), alpha=0.5)
    axes = torch.linalg.qr(torch.randn(channels, channels, generator=draw)).Q
    return points.mul_(torch.arange(1, channels + 1).rsqrt()) @ axes


def isotropic(rows: int, channels: int, seed: int) -> torch.Tensor:
    """Draw a standard normal float32 `[rows, channels]`: no axis matters more than another, the hardest case."""
    return torch.randn(rows, channels, generator=torch.Generator().manual_seed(seed))


def leading_variance(points: torch.Tensor, axes: int = 16) -> str:
    """Say how fast the spectrum of `[N, C]` falls."""
    sample = points[:: max(1, len(points) // 20_000)]
    variances = torch.linalg.eigvalsh(torch.cov(sample.T.double())).flip(0)
    return f"{axes} of {points.shape[1]} axes hold {variances[:axes].sum() / variances.sum():.0%} of the variance"
