"""Nearest neighbours among the images at one position, for a whole block of positions at once."""

import torch

# Candidates kept beyond k from the fast distances, so that the exact ones can still change their order.
_SPARE = 2


def neighbours_by_position(features: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Find for every feature its k nearest others at the same position.

    Distances are first taken from one batched matrix product, |a|^2 + |b|^2 - 2ab, which loses digits where
    neighbours are close; the nearest few are then measured again as |a - b| and put in order.

    Args:
        features: float32 `[P, N, C]`: P positions, N images, C channels.
        k: neighbours wanted, at most N - 1.

    Returns:
        Euclidean distances float32 `[P, N, k]`, ascending, and image indices int64 `[P, N, k]`.
    """
    images = features.shape[1]
    features = features - features.mean(dim=1, keepdim=True)
    norms = features.square().sum(dim=2)
    squared = torch.baddbmm(norms[:, None, :], features, features.transpose(1, 2), alpha=-2.0)
    # The row's own norm is the same for all its candidates: it cannot change which are nearest.
    squared.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    candidates = torch.topk(squared, min(k + _SPARE, images - 1), dim=2, largest=False, sorted=False).indices
    distances = torch.stack([_distance(features, column) for column in candidates.unbind(dim=2)], dim=2)
    order = distances.argsort(dim=2, stable=True)[:, :, :k]
    return distances.gather(2, order), candidates.gather(2, order)


def _distance(features: torch.Tensor, neighbour: torch.Tensor) -> torch.Tensor:
    """Distance `[P, N]` of every feature to one neighbour of its position, by index `[P, N]`."""
    positions, images, channels = features.shape
    # One flat gathering of rows: take_along_dim would first spread the indices over all channels.
    rows = neighbour + images * torch.arange(positions, device=features.device)[:, None]
    other = features.reshape(-1, channels)[rows.flatten()].view_as(features)
    distance: torch.Tensor = torch.linalg.vector_norm(features - other, dim=2)
    return distance
