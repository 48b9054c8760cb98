"""Noise discriminators by position beside loops of scikit-learn fits."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from patchsieve.features import PatchFeatures
from patchsieve.sieve import make_discriminator, outlier_scores
from speed.pairs import Contender, interleave, print_table

_EPS = 0.01
_TINY = 1e-6


def compare_discriminators(features: torch.Tensor, pairs: int) -> None:
    """Print a table for each discriminator on `[N, H, W, C]`."""
    loops: dict[str, dict[str, Callable[[np.ndarray], np.ndarray]]] = {
        "lof": {
            "loop of sklearn LocalOutlierFactor": lof,
            "the same with metric='l2'": partial(lof, metric="l2"),
        },
        "nearest": {"loop of sklearn NearestNeighbors": nearest},
        "gaussian": {
            "loop of NumPy, covariance and inverse": gaussian,
            "loop of sklearn EmpiricalCovariance, unregularised": empirical,
        },
    }
    for name, functions in loops.items():
        ours = Contender(f"PatchSieve {name}", partial(score, features, name))
        peers = [Contender(who, partial(by_position, features, each)) for who, each in functions.items()]
        interleave(ours, peers, pairs)
        for peer in peers:
            worst = np.max(np.abs(peer.result - ours.result) / np.maximum(peer.result, _TINY))
            peer.check = f"largest relative difference {worst:.1e}"
        print_table(ours, peers)


def score(features: torch.Tensor, name: str) -> np.ndarray:
    """Return our scores `[N, H, W]`."""
    return outlier_scores(PatchFeatures(features), make_discriminator(name, gaussian_eps=_EPS)).numpy()


def by_position(features: torch.Tensor, each: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the scores `[N, H, W]` that `each` gives to the `[N, C]` of one position after the other."""
    positions = features.flatten(1, 2).numpy()
    scores = [each(np.ascontiguousarray(positions[:, index])) for index in range(positions.shape[1])]
    return np.stack(scores, axis=1).reshape(features.shape[:3])


def lof(patches: np.ndarray, metric: str = "minkowski") -> np.ndarray:
    return -LocalOutlierFactor(n_neighbors=6, metric=metric).fit(patches).negative_outlier_factor_


def nearest(patches: np.ndarray) -> np.ndarray:
    return NearestNeighbors(n_neighbors=1).fit(patches).kneighbors()[0][:, 0]


def gaussian(patches: np.ndarray) -> np.ndarray:
    centred = patches - patches.mean(axis=0, dtype=np.float64)
    covariance = np.cov(patches, rowvar=False) + _EPS * np.eye(patches.shape[1])
    return np.sqrt(np.einsum("nc,nc->n", centred @ np.linalg.inv(covariance), centred))


def empirical(patches: np.ndarray) -> np.ndarray:
    """Score with scikit-learn's estimate, which divides by N and has no regularisation: other values."""
    return np.sqrt(EmpiricalCovariance().fit(patches).mahalanobis(patches))
