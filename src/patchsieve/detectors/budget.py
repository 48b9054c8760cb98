"""How much memory a fit may take, and how it is shared out."""

from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from patchsieve.errors import ConfigError
from patchsieve.features import PatchFeatures

# The libraries themselves, and the blocks of positions, queries and images that are worked on at a time.
FIXED_BYTES = 1200 * 2**20
# A weight, a mark and an index of each training patch, and the same again while they are computed.
PATCH_BYTES = 32
SMALLEST = 2 * 2**30
# Of the machine's memory where the user has set no budget. Not of what is free now: the budget decides about
# shards, and the same images shall give the same model whatever else runs.
_DEFAULT_SHARE = 0.5
# Features stay in memory where they take at most this share of the budget.
_FEATURES_SHARE = 0.4
# What is left at least: with less the work would be cut into ever smaller pieces.
_LEAST = 2**26
_CONTROL_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class Budget:
    """Memory that a fit may take.

    Attributes:
        total: bytes, of everything.
    """

    total: int

    @classmethod
    def of(cls, setting: int | None, device: torch.device) -> "Budget":
        """Return the budget that the user set, or half of the memory of the machine or of its GPU."""
        if setting is not None:
            return cls(setting)
        if device.type == "cuda":
            return cls(int(_DEFAULT_SHARE * torch.cuda.get_device_properties(device).total_memory))
        return cls(int(_DEFAULT_SHARE * machine_memory()))

    def keeps(self, feature_bytes: int) -> bool:
        """Return whether features of so many bytes stay in memory; else they are worked on in a file."""
        return feature_bytes <= _FEATURES_SHARE * self.total

    def for_coreset(self, features: PatchFeatures) -> int:
        """Return the bytes that are left for choosing the memory bank from these features."""
        images, height, width, _ = features.shape
        return self.left(images * height * width, features.resident_bytes)

    def left(self, patches: int, resident_bytes: int) -> int:
        """Return the bytes left beside so many patches of which so many bytes are in memory; at least some."""
        return max(_LEAST, self.total - FIXED_BYTES - PATCH_BYTES * patches - resident_bytes)


def check_budget(setting: int | None) -> None:
    """Raise `ConfigError` where a budget is too small to work at all."""
    if setting is not None and setting < SMALLEST:
        raise ConfigError(
            f"memory_budget is {setting} bytes: at least {SMALLEST // 2**30} GiB are needed, more than half of it "
            "for the libraries; give a size such as 4GiB"
        )


def machine_memory() -> int:
    """Return the bytes of memory of this machine, or of the container that this process runs in."""
    total = int(psutil.virtual_memory().total)
    try:
        limit = _CONTROL_GROUP_LIMIT.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdecimal() else total
