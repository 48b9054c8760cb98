"""How many and which of the candidate patches become the memory bank, within a budget of memory."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import isqrt

import numpy as np
import torch
from sklearn.random_projection import GaussianRandomProjection

from patchsieve.bank import clustering, coreset
from patchsieve.bank.coreset import CHUNK_ROWS, Shard, greedy_rounds, random_coreset
from patchsieve.errors import ConfigError
from patchsieve.features.patches import PatchFeatures
from patchsieve.features.placement import Here, Reader
from patchsieve.parallel import map_blocks
from patchsieve.progress import SILENT, Progress, staged

CORESETS = ("greedy", "composable", "random", "kmeans", "minibatch_kmeans")
_K_CENTER = ("greedy", "composable")
# Candidates read and projected at a time.
_READ_PATCHES = 65_536


@dataclass(frozen=True)
class CoresetChoice:
    """How the patches of the bank are chosen.

    The greedy selection needs all candidates in memory, here or with workers elsewhere. Where they do not fit into
    `memory`, they are split into shards by image, each shard chooses a whole bank of its own, and the bank is chosen
    from these choices. That is no longer the greedy selection itself. No candidate is farther from the bank than the
    sum of two greedy radii, of its shard and of the last selection, and neither is more than twice the smallest radius
    possible for all candidates: among any k + 1 of them two share a centre of the best k. So it is 4 times the smallest
    radius at most, where greedy alone promises 2. ``composable`` works in shards in any case, in as many as pays: a
    shard is then as large as the choices of all are together, and with workers elsewhere each shard is a task by
    itself, so that no worker holds more than that, and none waits for the others.

    The k-means methods stand for the usual alternative: the real patch nearest to each cluster's centre. Centres
    follow the crowd, so rare looks are left out that greedy keeps; they are here to be compared with. Where the
    candidates do not fit into `memory`, they cluster as many as do, chosen at random.

    Attributes:
        method: ``greedy`` (k-center), ``composable`` (the same in shards), ``random``, ``kmeans`` or
            ``minibatch_kmeans``.
        ratio: share of the candidate patches that enters the bank, 0 < ratio <= 1.
        size: the most patches that enter it; None for no limit but the ratio.
        projection_dims: distances are measured on a Johnson-Lindenstrauss projection to this many dimensions where
            the features have more (PatchCore, section 3.2; the reference code uses 128).
        seed: of the projection, the first pick or the first centres, and every random choice.
        memory: bytes that the selection may take; None for no limit.

    References:
        Shards: Malkomes et al. (2015), "Fast distributed k-center clustering with outliers on massive data".
    """

    method: str = "greedy"
    ratio: float = 0.1
    size: int | None = None
    projection_dims: int = 128
    seed: int = 0
    memory: int | None = None

    def __post_init__(self) -> None:
        if self.method not in CORESETS:
            raise ConfigError(f"there is no coreset {self.method!r}; choose one of {', '.join(CORESETS)}")
        if not 0 < self.ratio <= 1:
            raise ConfigError(f"coreset_ratio is {self.ratio}: it must be above 0 and at most 1")
        if self.size is not None and self.size < 1:
            raise ConfigError(f"bank_size is {self.size}: it must be at least 1")
        if self.projection_dims < 1:
            raise ConfigError(f"projection_dims is {self.projection_dims}: it must be at least 1")

    def count(self, candidates: int) -> int:
        """Return how many of so many candidates are chosen, at least one."""
        return max(1, min(int(self.ratio * candidates), self.size or candidates))

    def shards(self, candidates: int, channels: int, device: torch.device) -> int:
        """Return into how many shards the selection splits so many candidates of `channels` channels.

        A large bank keeps their number, and so what is saved, small: a cap on its size helps.
        """
        # With more shards than this, what they choose together is more than one of them.
        most = isqrt(candidates // self.count(candidates))
        if self.method == "composable":
            return most
        if self.method != "greedy" or self.memory is None:
            return 1
        needed = candidates * self._bytes_each(channels, device)
        return min(-(-needed // self.memory), most)

    def working_bytes(self, candidates: int, channels: int, device: torch.device) -> int:
        """Return what choosing among so many candidates of `channels` channels keeps in memory."""
        if self.method == "random":
            return 0
        together = -(-candidates // self.shards(candidates, channels, device))
        if self.method not in _K_CENTER:
            together = min(candidates, self._clustered(channels, device))
        return together * self._bytes_each(channels, device)

    def select(
        self, features: PatchFeatures, candidates: torch.Tensor, *, progress: Progress = SILENT
    ) -> torch.Tensor:
        """Choose among patches.

        Args:
            features: `[N, H, W, C]`.
            candidates: int64 `[n]` ascending, indices into the flattened `[N H W]`: what may be chosen.
            progress: of the selection.

        Returns:
            int64 `[K]`, those chosen, K >= 1.
        """
        count = self.count(len(candidates))
        if self.method == "random":
            picks = random_coreset(len(candidates), count, seed=self.seed)
            return candidates[torch.from_numpy(picks).to(candidates.device)]
        if self.method not in _K_CENTER:
            return self._cluster(features, candidates, count, progress)
        random = np.random.default_rng(self.seed)
        shards = self.shards(len(candidates), features.shape[3], features.device)
        # Workers elsewhere hold all candidates between them, in memory of their own.
        if shards > 1 and not (self.method == "greedy" and features.elsewhere):
            parts = candidates.tensor_split(shards)
            candidates = self._chosen_in_shards(features, parts, count, random, progress)
        return self._greedy(features, candidates, count, random, progress)

    def _chosen_in_shards(
        self,
        features: PatchFeatures,
        shards: Sequence[torch.Tensor],
        count: int,
        random: np.random.Generator,
        progress: Progress,
    ) -> torch.Tensor:
        """Return what the shards choose, each for itself."""
        projection = self._projection(features)
        # How far a worker elsewhere is with its shard, nobody is told.
        told = SILENT if features.elsewhere else progress
        works = [
            partial(
                _shard_picks,
                total=len(shard),
                count=min(count, len(shard)),
                start=int(random.integers(len(shard))),
                projection=projection,
                title=f"coreset of shard {number} of {len(shards)}",
                progress=told,
            )
            for number, shard in enumerate(shards, start=1)
        ]
        found = []
        with staged(progress, "coresets of shards", len(shards)) as stage:
            for shard, picks in zip(shards, features.map_patches(shards, works), strict=True):
                found.append(shard[picks.to(shard.device)])
                stage.advance()
        return torch.cat(found)

    def _greedy(
        self,
        features: PatchFeatures,
        candidates: torch.Tensor,
        count: int,
        random: np.random.Generator,
        progress: Progress,
    ) -> torch.Tensor:
        shards = features.spread(
            candidates, CHUNK_ROWS, partial(_shard, projection=self._projection(features))
        )
        try:
            picks = greedy_rounds(
                shards,
                len(candidates),
                min(count, len(candidates)),
                start=int(random.integers(len(candidates))),
                progress=progress,
            )
        finally:
            shards.close()
        return candidates[torch.from_numpy(picks).to(candidates.device)]

    def _cluster(
        self, features: PatchFeatures, candidates: torch.Tensor, count: int, progress: Progress
    ) -> torch.Tensor:
        most = self._clustered(features.shape[3], features.device)
        if len(candidates) > most:
            some = random_coreset(len(candidates), most, seed=self.seed)
            candidates = candidates[torch.from_numpy(some).to(candidates.device)]
        count = min(count, len(candidates))
        with staged(progress, f"coreset ({self.method})", count) as stage:
            picks = clustering.cluster_coreset(
                _points(
                    lambda first, last: features.patches(candidates[first:last]),
                    len(candidates),
                    self._projection(features),
                ),
                count,
                seed=self.seed,
                in_batches=self.method == "minibatch_kmeans",
            )
            stage.advance(count)
        return candidates[torch.from_numpy(picks).to(candidates.device)]

    def _clustered(self, channels: int, device: torch.device) -> int:
        """Return how many candidates can be clustered within the memory."""
        return (
            sys.maxsize if self.memory is None else max(1, self.memory // self._bytes_each(channels, device))
        )

    def _bytes_each(self, channels: int, device: torch.device) -> int:
        dims = min(channels, self.projection_dims)
        return (
            coreset.working_bytes(dims, device)
            if self.method in _K_CENTER
            else clustering.working_bytes(dims)
        )

    def _projection(self, features: PatchFeatures) -> torch.Tensor | None:
        """Return what patches are multiplied with to give the points that distances are measured on, `[C, D]`."""
        channels = features.shape[3]
        if channels <= self.projection_dims:
            return None
        projection = GaussianRandomProjection(self.projection_dims, random_state=self.seed)
        projection.fit(np.zeros((1, channels), dtype=np.float32))
        return torch.from_numpy(projection.components_.T).to(features.device, torch.float32)


def _shard(read: Reader, first: int, count: int, *, projection: torch.Tensor | None) -> Shard:
    return Shard(_points(read, count, projection), first)


def _shard_picks(
    read: Reader,
    *,
    total: int,
    count: int,
    start: int,
    projection: torch.Tensor | None,
    title: str,
    progress: Progress,
) -> torch.Tensor:
    """Return which of `total` patches a shard chooses for itself, int64 `[K]`."""
    alone = Here([_shard(read, 0, total, projection=projection)])
    return torch.from_numpy(greedy_rounds(alone, total, count, start=start, title=title, progress=progress))


def _points(read: Reader, count: int, projection: torch.Tensor | None) -> torch.Tensor:
    """Return the points that distances are measured on, float32 `[count, D]`."""
    points = torch.empty(0)
    for first in range(0, count, _READ_PATCHES):
        patches = read(first, min(first + _READ_PATCHES, count))
        if not first:
            points = patches.new_empty(count, patches.shape[1] if projection is None else projection.shape[1])
        if projection is not None:
            # In chunks, each by one thread: the same to the last bit wherever they are worked on.
            chunks = torch.split(patches, CHUNK_ROWS)
            patches = torch.cat(map_blocks(partial(torch.mm, mat2=projection), chunks, patches.device))
        points[first : first + len(patches)] = patches
    return points
