"""What a prediction has no verdict for, in words."""

from typing import TYPE_CHECKING

from patchsieve.cli.console import warn

if TYPE_CHECKING:
    from patchsieve.images import Skipped


def tell_left_out(undecoded: int, total: int, left_out: int, first: "Skipped | None") -> None:
    """Warn of images that could not be decoded, and of what was not taken for an image.

    Args:
        undecoded: images that could not be decoded.
        total: images.
        left_out: files that were not taken for images.
        first: of these.
    """
    if undecoded:
        warn(f"{undecoded} of {total} images could not be decoded and have no verdict")
    if first is not None:
        more = f" and {left_out - 1} more" if left_out > 1 else ""
        warn(f"left out {first.name} ({first.reason}){more}: patchsieve check lists all")
