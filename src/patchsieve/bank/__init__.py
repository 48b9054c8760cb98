"""The bank: the patches that stand for normal.

In: features of the training patches that the sieve left, `PatchFeatures` `[N, H, W, C]` with a mask and soft weights
`[N, H, W]`. Out: a `MemoryBank` of M patches chosen by a coreset, nearest neighbours in it, exact or by FAISS, and the
file that holds it.
"""

from patchsieve.bank.choice import CORESETS, CoresetChoice
from patchsieve.bank.container import FORMAT_VERSION, read_container, write_container
from patchsieve.bank.coreset import greedy_coreset, random_coreset
from patchsieve.bank.indexes import INDEXES, IndexChoice
from patchsieve.bank.memory_bank import MemoryBank
from patchsieve.bank.reach import ReachNeighbours
from patchsieve.bank.renewal import renewed
from patchsieve.bank.search import NearestNeighbours
from patchsieve.bank.weighted import WeightedNeighbours

__all__ = [
    "CORESETS",
    "FORMAT_VERSION",
    "INDEXES",
    "CoresetChoice",
    "IndexChoice",
    "MemoryBank",
    "NearestNeighbours",
    "ReachNeighbours",
    "WeightedNeighbours",
    "greedy_coreset",
    "random_coreset",
    "read_container",
    "renewed",
    "write_container",
]
