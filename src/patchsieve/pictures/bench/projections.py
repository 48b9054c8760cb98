"""Patch features in the plane: where the patches of noise images lie, and which of them the memory bank kept."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from patchsieve.errors import ConfigError
from patchsieve.pictures.bench.figure import BenchFigure, Table, canvas
from patchsieve.pictures.style import BLUE, GREY, INK, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.floating]
Indices = npt.NDArray[np.int64]
# Features `[N, C]`, or what reads some of them by index where they are too many to hold.
Points = Floats | Callable[[Indices], Floats]
Flags = npt.NDArray[np.bool_]
Method = Literal["pca", "tsne", "umap"]

METHODS: dict[Method, str] = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
_MOST_POINTS = {"pca": 3000, "tsne": 1200, "umap": 3000}
# t-SNE and UMAP see the main directions only, as their authors advise: less noise, less time.
_CHANNELS_FIRST = 50
_SIZE = (7.6, 4.8)


class Group(NamedTuple):
    """Points of one kind.

    Attributes:
        name: as the legend says.
        members: bool `[N]`.
        colour: of its points.
        marker: of its points.
        filled: whether they are filled.
    """

    name: str
    members: Flags
    colour: str
    marker: str
    filled: bool


def projected(points: Floats, method: Method, seed: int) -> npt.NDArray[np.float64]:
    """Lay points into the plane.

    Args:
        points: `[N, C]`, at least three of at least two channels.
        method: ``pca``, ``tsne`` or ``umap``.
        seed: of what is random in it.

    Returns:
        `[N, 2]`.

    Raises:
        ConfigError: the method is unknown, or it is ``umap`` and umap-learn is not installed.
        ValueError: there are too few points or channels.
    """
    from sklearn.decomposition import PCA

    if method not in get_args(Method):
        raise ConfigError(f"no projection {method!r}; there are {', '.join(get_args(Method))}")
    if method == "umap" and find_spec("umap") is None:
        raise ConfigError("the projection umap needs umap-learn: pip install 'patchsieve[umap]'")
    if points.ndim != 2 or len(points) < 3 or points.shape[1] < 2:
        raise ValueError(f"a projection needs three points of two channels, not {points.shape}")
    points = np.asarray(points, np.float64)
    width = 2 if method == "pca" else min(_CHANNELS_FIRST, *points.shape)
    reduced = PCA(width, svd_solver="full", random_state=seed).fit_transform(points)
    if method == "pca":
        return np.asarray(reduced, np.float64)
    if method == "tsne":
        from sklearn.manifold import TSNE

        nearest = min(30.0, (len(points) - 1) / 3)
        return np.asarray(
            TSNE(perplexity=nearest, init="pca", random_state=seed).fit_transform(reduced), np.float64
        )
    from umap import UMAP

    # Its own start, by eigenvectors, does not exist for three points.
    model = UMAP(n_neighbors=min(15, len(points) - 1), init="pca", random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(reduced), np.float64)


def bank_projection(
    points: Points,
    noisy: Flags,
    picked: Flags,
    *,
    title: str,
    name: str,
    method: Method = "tsne",
    seed: int = 0,
) -> BenchFigure:
    """Draw training patches by origin, and which of them are in the memory bank.

    Args:
        points: features `[N, C]`.
        noisy: bool `[N]`, true for patches of defective images.
        picked: bool `[N]`, true for those that the bank holds.
        title: what the points are, e.g. detector and category.
        name: of the files.
        method: how they are laid into the plane.
        seed: of the projection, and of the draw where there are too many points.

    Raises:
        ConfigError: as in `projected`.
        ValueError: as in `projected`, or the lengths differ.
    """
    _require_flags(points, noisy, picked)
    groups = (
        Group("from clean images, not in the bank", ~noisy & ~picked, GREY, ".", True),
        Group("from noise images, not in the bank", noisy & ~picked, VERMILLION, "x", True),
        Group("from clean images, in the bank", ~noisy & picked, BLUE, "o", False),
        Group("from noise images, in the bank", noisy & picked, INK, "D", True),
    )
    caption = (
        "Each point is one patch of a training image. A memory bank should hold patches of clean images all over "
        "their cloud, and few of those that lie apart (diamonds): these are defects that were learnt as normal. A "
        "noise image has many normal patches too, so not every diamond is a mistake."
    )
    return _figure(points, groups, caption, f"Patches of the memory bank: {title}", name, method, seed)


def split_projection(
    points: Points,
    test: Flags,
    defective: Flags,
    *,
    title: str,
    name: str,
    method: Method = "pca",
    seed: int = 0,
) -> BenchFigure:
    """Draw features of training and test images, to see whether the two are of one kind.

    Args:
        points: one feature for each image or patch `[N, C]`.
        test: bool `[N]`, true for those of test images.
        defective: bool `[N]`, true for those of defective images.
        title: what the points are.
        name: of the files.
        method: how they are laid into the plane.
        seed: as in `bank_projection`.

    Raises:
        ConfigError: as in `projected`.
        ValueError: as in `projected`, or the lengths differ.
    """
    _require_flags(points, test, defective)
    groups = (
        Group("training, good", ~test & ~defective, GREY, ".", True),
        Group("training, defective (noise)", ~test & defective, INK, "D", True),
        Group("test, good", test & ~defective, BLUE, "o", False),
        Group("test, defective", test & defective, VERMILLION, "x", True),
    )
    caption = (
        "Each point is one image. Good test images (rings) should lie within the cloud of the training images (dots): "
        "where they form a cloud of their own, light, camera or product have changed."
    )
    return _figure(points, groups, caption, f"Training and test features: {title}", name, method, seed)


def _require_flags(points: Points, first: Flags, second: Flags) -> None:
    counts = {len(first), len(second)} | (set() if callable(points) else {len(points)})
    if len(counts) > 1:
        raise ValueError(f"there must be as many flags of each kind as points, not {sorted(counts)}")


def _figure(
    points: Points,
    groups: tuple[Group, ...],
    caption: str,
    title: str,
    name: str,
    method: Method,
    seed: int,
) -> BenchFigure:
    count = len(groups[0].members)
    chosen = _chosen(groups, _MOST_POINTS.get(method, count), seed)
    places = projected(points(chosen) if callable(points) else points[chosen], method, seed)
    counts = {
        group.name: f"{int(group.members[chosen].sum())} of {int(group.members.sum()):,}" for group in groups
    }
    drawn = "All points are drawn."
    if len(chosen) < count:
        drawn = (
            f"Of {count:,} points {len(chosen):,} are drawn, as many of each kind where there are enough, at random "
            f"(seed {seed}): the shares of the kinds are those in the key, not those in the picture."
        )
    with canvas(*_SIZE) as figure:
        axes = figure.add_axes((0.01, 0.13, 0.98, 0.86))
        for group in groups:
            _draw(axes, places[group.members[chosen]], group, counts[group.name])
        axes.set(xticks=[], yticks=[])
        axes.set_frame_on(False)
        axes.set_aspect("equal", adjustable="datalim")
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.02), ncols=2, frameon=False)
        kinds = np.full(len(chosen), "", dtype=object)
        for group in groups:
            kinds[group.members[chosen]] = group.name
        return BenchFigure.drawn(
            figure,
            name=f"{name}-{method}",
            title=f"{title} ({METHODS[method]})",
            caption=f"{caption} {drawn} {_reading(method)}",
            alt=f"{title}, laid out by {METHODS[method]}: "
            + ", ".join(f"{count} {kind}" for kind, count in counts.items())
            + ".",
            table=Table(
                ("point", "x", "y", "kind"),
                tuple(
                    (int(index), float(x), float(y), str(kind))
                    for index, (x, y), kind in zip(chosen, places, kinds, strict=True)
                ),
            ),
        )


def _chosen(groups: tuple[Group, ...], most: int, seed: int) -> Indices:
    """Draw from every kind as evenly as their sizes allow: the few that matter are not lost among the many."""
    if len(groups[0].members) <= most:
        return np.arange(len(groups[0].members), dtype=np.int64)
    rng, left, taken = np.random.default_rng(seed), most, []
    kinds = sorted((np.flatnonzero(group.members) for group in groups), key=len)
    for index, kind in enumerate(kinds):
        share = min(len(kind), left // (len(kinds) - index))
        taken.append(rng.choice(kind, share, replace=False))
        left -= share
    return np.sort(np.concatenate(taken)).astype(np.int64)


def _draw(axes: Axes, places: npt.NDArray[np.float64], group: Group, count: str) -> None:
    size = {".": 14, "x": 16, "o": 20, "D": 16}[group.marker]
    axes.scatter(
        places[:, 0],
        places[:, 1],
        s=size,
        marker=group.marker,
        linewidths=0.9,
        alpha=0.85,
        label=f"{group.name}: {count}",
        facecolors=group.colour if group.filled else "none",
        edgecolors=group.colour if group.marker != "x" else None,
    )


def _reading(method: Method) -> str:
    if method == "pca":
        return "Distances are those along the two directions of largest variance."
    return "Only who is near whom has a meaning, not distances between clouds nor their sizes."
