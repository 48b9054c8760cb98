"""What a fit will take, said before it starts."""

from pathlib import Path
from typing import TYPE_CHECKING

from patchsieve.cli.console import say, seconds_in_words, size_in_words, warn

if TYPE_CHECKING:
    from patchsieve.detectors.plan import Plan


def show_plan(plan: "Plan", folder: Path | None) -> None:
    """Say what a fit will take; `folder` is where embeddings wait on the disk, None where they stay in memory."""
    height, width, channels = plan.shape
    rows = [("images", f"{plan.images}, each {height} x {width} patches of {channels} channels")]
    if plan.tiling is not None:
        frame, tile = plan.tiling.frame, plan.tiling.tile
        rows.append(
            (
                "tiles",
                f"{len(plan.tiling)} of {tile[0]} x {tile[1]} pixels in a frame of {frame[0]} x {frame[1]}",
            )
        )
    if plan.bank:
        rows.append(("memory bank", f"about {plan.bank:,} patches{_exactness(plan)}"))
    rows += [(what, size_in_words(size)) for what, size in plan.stages if size]
    budget, free = size_in_words(plan.budget), size_in_words(plan.available)
    rows.append(("memory at most", f"{size_in_words(plan.peak)}; the budget is {budget}, {free} are free"))
    if folder is not None:
        rows.append(("embeddings on disk", f"at most {size_in_words(plan.embedding_bytes)}, in {folder}"))
    left = "" if folder is None else ", less for images that are on disk already"
    rows.append(("embedding", f"about {seconds_in_words(plan.embedding_seconds)} on this machine{left}"))
    # No table: it would break long lines, and a folder's name in the middle.
    indent = max(len(name) for name, _ in rows)
    for name, text in rows:
        say(f"{name:{indent}}  {text}")
    if not plan.fits:
        warn(
            "this may not fit into memory: use a smaller --bank-size, a smaller --image-size, fewer images, "
            "or in padim fewer channels"
        )


def _exactness(plan: "Plan") -> str:
    if plan.shards == 1:
        return ""
    return (
        f", chosen in {plan.shards} shards: close to the greedy choice, not the same; --coreset greedy is exact with "
        "enough memory"
    )
