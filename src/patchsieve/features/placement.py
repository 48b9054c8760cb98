"""Where work on features is done: here, or by workers elsewhere that the features lie with."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

import torch

# Some of the images: a stretch of them, or any by their rows, int64 `[n]`.
Rows = slice | torch.Tensor
# Patches `[n, C]` from one place to before another in a list of patches.
Reader = Callable[[int, int], torch.Tensor]

Part = TypeVar("Part")
Held = TypeVar("Held", covariant=True)
Done = TypeVar("Done")


class Group(Protocol[Held]):
    """The parts of one work, each where its share of the features lies, in order."""

    def ask(self, question: Callable[[Held], Done]) -> list[Done]:
        """Return each part's answer; asking changes no part."""

    def tell(self, change: Callable[[Held], object]) -> None:
        """Change every part."""

    def close(self) -> None:
        """Let the parts go."""


@dataclass(frozen=True)
class Here(Generic[Part]):
    """A group in this process."""

    parts: Sequence[Part]

    def ask(self, question: Callable[[Part], Done]) -> list[Done]:
        """See `Group.ask`."""
        return [question(part) for part in self.parts]

    def tell(self, change: Callable[[Part], object]) -> None:
        """See `Group.tell`."""
        for part in self.parts:
            change(part)

    def close(self) -> None:
        """See `Group.close`."""


@runtime_checkable
class Workers(Protocol):
    """What a store of features is as well where the work on them goes to them.

    Work is a function that can be sent to another process; there it has one thread.
    """

    def map_positions(
        self, rows: Rows, blocks: Sequence[tuple[int, int]], work: Callable[[torch.Tensor], Done]
    ) -> Iterator[Done]:
        """Yield what `work` makes of the patches `[P, n, C]` of some images in each block of positions, in order."""

    def map_images(
        self, rows: torch.Tensor, size: int, work: Callable[[torch.Tensor, int], Done]
    ) -> Iterator[Done]:
        """Yield what `work` makes of some images `[b, H, W, C]`, `size` at a time; see `PatchFeatures.map_batches`."""

    def map_patches(
        self, lists: Sequence[torch.Tensor], works: Sequence[Callable[[Reader], Done]]
    ) -> Iterator[Done]:
        """Yield what comes of each work on the patches of its list, int64 `[K]` into the store's, in order."""

    def spread(
        self, patches: torch.Tensor, unit: int, build: Callable[[Reader, int, int], Part]
    ) -> Group[Part]:
        """Build a part with each worker; see `PatchFeatures.spread`."""
