"""From patch features to image scores and patch scores as nodes, detector by detector."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from patchsieve.bank import NearestNeighbours
from patchsieve.detectors import (
    AdaptiveSieve,
    Denoised,
    Detector,
    PaDiM,
    PatchCore,
    QualitySoftPatch,
    SoftPatch,
)
from patchsieve.errors import ConfigError
from patchsieve.runtime.export.graph import Graph
from patchsieve.runtime.export.search import Found, nearest, nearest_by_pull, nearest_by_reach, vector_norm

Scored = tuple[str, str]
Shape = tuple[int, int, int]


def scored(graph: Graph, model: Detector, patches: str, shape: Shape) -> Scored:
    """Return image scores float32 `[B]` and patch scores float32 `[B, H, W]`.

    Args:
        graph: to add to.
        model: fitted.
        patches: float32 `[B, H * W, C]`.
        shape: (H, W, C).

    Raises:
        ConfigError: a detector of this kind has no graph.
    """
    return writer_of(model)(graph, model, patches, shape)


def writer_of(model: Detector) -> Callable[[Graph, Any, str, Shape], Scored]:
    """Return what writes a detector as nodes. Raises `ConfigError` where nothing does."""
    for kind, writer in _WRITERS.items():
        if type(model) is kind:
            return writer
    known = ", ".join(kind.system for kind in _WRITERS)
    raise ConfigError(f"{model.system} cannot be exported; these can: {known}")


def _soft_patch(graph: Graph, model: SoftPatch, patches: str, shape: Shape) -> Scored:
    found = nearest(graph, patches, _numbers(model.bank_.features))
    scores = _weighted(graph, found, model.bank_.weights)
    return _largest(graph, scores), _as_map(graph, scores, shape)


def _weighted(graph: Graph, found: Found, weights: torch.Tensor | None) -> str:
    distances, index = found
    if weights is None:
        return distances
    return graph.add("Mul", distances, graph.add("Gather", graph.number(_numbers(weights)), index))


def _patch_core(graph: Graph, model: PatchCore, patches: str, shape: Shape) -> Scored:
    bank = model.bank_.features.cpu()
    distances, index = nearest(graph, patches, _numbers(bank))
    scores, patch_scores = _largest(graph, distances), _as_map(graph, distances, shape)
    if not model.reweight_neighbours or len(bank) < 2:
        return scores, patch_scores
    # The patch with the highest score, its nearest of the bank, and those around that one.
    where = graph.add("ArgMax", distances, axis=1, keepdims=1)
    worst, its_nearest = (graph.add("GatherND", each, where, batch_dims=1) for each in (patches, index))
    # Exactly, whatever the model itself is searched with.
    around = NearestNeighbours(bank).search(bank, k=min(model.reweight_neighbours, len(bank)))[1]
    neighbours = graph.add("Gather", graph.whole(around.numpy()), its_nearest, axis=0)
    points = graph.add("Gather", graph.number(_numbers(bank)), neighbours, axis=0)
    apart = vector_norm(graph, graph.add("Sub", graph.add("Unsqueeze", worst, graph.whole([1])), points), 2)
    together = graph.add("ReduceLogSumExp", apart, graph.whole([1]), keepdims=0)
    share = graph.add("Exp", graph.add("Sub", scores, together))
    return graph.add("Mul", scores, graph.add("Sub", graph.number(1.0), share)), patch_scores


def _adaptive(graph: Graph, model: AdaptiveSieve, patches: str, shape: Shape) -> Scored:
    bank = model.bank_
    features = _numbers(bank.features)
    if bank.radii is None:
        found = nearest(graph, patches, features)
    else:
        found = nearest_by_reach(graph, patches, features, _numbers(bank.radii))
    scores = _weighted(graph, found, bank.weights)
    worst = graph.highest(scores, model.averaged(shape[0] * shape[1]))
    return graph.add("ReduceMean", worst, graph.whole([1]), keepdims=0), _as_map(graph, scores, shape)


def _quality(graph: Graph, model: QualitySoftPatch, patches: str, shape: Shape) -> Scored:
    bank = model.bank_
    assert bank.weights is not None, "learn gives every bank patch a pull"
    pulls = _numbers(bank.weights)
    ends = np.cumsum((0, *model.layer_channels_))
    fused = []
    for begin, end, scale in zip(ends, ends[1:], model.layer_scales_.tolist(), strict=False):
        part = graph.add("Slice", patches, graph.whole([begin]), graph.whole([end]), graph.whole([2]))
        pulled = nearest_by_pull(graph, part, _numbers(bank.features[:, begin:end]), pulls)
        fused.append(graph.add("Div", pulled, graph.number(scale * len(model.layer_channels_))))
    total = fused[0] if len(fused) == 1 else graph.add("Sum", *fused)
    lenient = graph.number(_numbers(model.leniency()).reshape(1, -1))
    scores = graph.add("Div", total, lenient)
    return _largest(graph, scores), _as_map(graph, scores, shape)


def _padim(graph: Graph, model: PaDiM, patches: str, shape: Shape) -> Scored:
    d = len(model.channels_)
    chosen = graph.add("Gather", patches, graph.whole(model.channels_.cpu().numpy()), axis=2)
    centred = graph.add("Sub", chosen, graph.number(_numbers(model.means_).reshape(-1, d)))
    by_position = graph.add("Transpose", centred, perm=[1, 2, 0])
    whitened = graph.add("MatMul", graph.number(_numbers(model.whitening_)), by_position)
    distances = graph.add("Transpose", vector_norm(graph, whitened, 1), perm=[1, 0])
    return _largest(graph, distances), _as_map(graph, distances, shape)


def _denoised(graph: Graph, model: Denoised, patches: str, shape: Shape) -> Scored:
    return scored(graph, model.second_, patches, shape)


def _largest(graph: Graph, patch_scores: str) -> str:
    return graph.add("ReduceMax", patch_scores, graph.whole([1]), keepdims=0)


def _as_map(graph: Graph, patch_scores: str, shape: Shape) -> str:
    return graph.reshape(patch_scores, 0, shape[0], shape[1])


def _numbers(tensor: torch.Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    return tensor.detach().cpu().float().numpy()


_WRITERS: dict[type[Detector], Callable[[Graph, Any, str, Shape], Scored]] = {
    SoftPatch: _soft_patch,
    PatchCore: _patch_core,
    QualitySoftPatch: _quality,
    PaDiM: _padim,
    Denoised: _denoised,
    AdaptiveSieve: _adaptive,
}
