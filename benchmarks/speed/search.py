"""Nearest neighbours beside FAISS, exact and approximate, and anomalib's chunked product."""

from collections.abc import Callable
from functools import partial

import faiss
import numpy as np
import torch
from anomalib.models.image.patchcore.torch_model import PatchcoreModel

from patchsieve.bank import NearestNeighbours
from speed.pairs import Contender, interleave, print_table

Found = tuple[np.ndarray, np.ndarray]
# Two distances that differ by less are one distance in float32.
_SAME = 1e-6
_TINY = 1e-6
# Bank points per inverted list.
_PER_LIST = 32


def compare_searches(bank: torch.Tensor, images: list[torch.Tensor], pairs: int, approximate: bool) -> None:
    """Print the table for a bank `[M, C]` and queries `[Q, C]` of several images, searched one by one."""
    ours = Contender("PatchSieve", partial(every, ours_search(bank), images))
    peers = [
        Contender("FAISS IndexFlatL2", partial(every, faiss_search(bank, "Flat", {}), images)),
        Contender("anomalib nearest_neighbors", partial(every, anomalib_search(bank), images)),
    ]
    for name, factory, settings in approximations(*bank.shape) if approximate else ():
        peers.append(Contender(name, partial(every, faiss_search(bank, factory, settings), images)))
    interleave(ours, peers, pairs)
    queries = torch.cat(images)
    for peer in peers:
        peer.check = agreement(bank, queries, ours.result, peer.result)
    print_table(ours, peers)


def approximations(rows: int, width: int) -> list[tuple[str, str, dict[str, int]]]:
    """Name FAISS's approximate indices, each as its factory calls it and with what it takes at search time."""
    lists = rows // _PER_LIST
    bytes_kept = next(count for count in (64, 48, 32, 16, 1) if width % count == 0)
    return [
        (f"FAISS IVF, 16 of {lists} lists", f"IVF{lists},Flat", {"nprobe": 16}),
        ("FAISS HNSW32, efSearch 64", "HNSW32", {"efSearch": 64}),
        # np: no polysemous training, which would take minutes and which this search makes no use of.
        (f"FAISS PQ{bytes_kept}", f"PQ{bytes_kept}np", {}),
    ]


def every(search: Callable[[torch.Tensor], Found], images: list[torch.Tensor]) -> Found:
    found = [search(queries) for queries in images]
    return np.concatenate([part[0] for part in found]), np.concatenate([part[1] for part in found])


def ours_search(bank: torch.Tensor) -> Callable[[torch.Tensor], Found]:
    index = NearestNeighbours(bank)

    def search(queries: torch.Tensor) -> Found:
        distances, indices = index.search(queries)
        return distances[:, 0].numpy(), indices[:, 0].numpy()

    return search


def faiss_search(
    bank: torch.Tensor, factory: str, settings: dict[str, int]
) -> Callable[[torch.Tensor], Found]:
    index = faiss.index_factory(bank.shape[1], factory)
    index.train(bank.numpy())
    index.add(bank.numpy())
    for name, value in settings.items():
        faiss.ParameterSpace().set_index_parameter(index, name, value)

    def search(queries: torch.Tensor) -> Found:
        squared, indices = index.search(queries.numpy(), 1)
        return np.sqrt(squared[:, 0].clip(min=0)), indices[:, 0]

    return search


def anomalib_search(bank: torch.Tensor) -> Callable[[torch.Tensor], Found]:
    model = PatchcoreModel(layers=["layer1"], backbone="resnet18", pre_trained=False)
    model.memory_bank = bank

    def search(queries: torch.Tensor) -> Found:
        distances, indices = model.nearest_neighbors(queries, n_neighbors=1)
        return distances.numpy(), indices.numpy()

    return search


def agreement(bank: torch.Tensor, queries: torch.Tensor, ours: Found, theirs: Found) -> str:
    """Compare the true distances of the neighbours found, so that a tie counts as found."""
    mine, other = (true_distances(bank, queries, indices) for _, indices in (ours, theirs))
    nearest = np.minimum(mine, other) * (1 + _SAME)
    error = np.max(np.abs(theirs[0] - other) / np.maximum(other, _TINY))
    found = f"recall@1 {np.mean(other <= nearest):.4f} (ours beside it {np.mean(mine <= nearest):.4f})"
    return f"{found}; largest relative error of a distance {error:.0e}"


def true_distances(bank: torch.Tensor, queries: torch.Tensor, indices: np.ndarray) -> np.ndarray:
    return torch.linalg.vector_norm(
        queries.double() - bank[torch.from_numpy(indices)].double(), dim=1
    ).numpy()
