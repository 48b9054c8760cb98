"""The results of a bench in one SQLite file: what is in it is not computed again."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from patchsieve.detectors import make_detector
from patchsieve.errors import PatchSieveError
from patchsieve.evaluation.bench.cells import Cell, CellResult, System

_SCHEMA = """
CREATE TABLE IF NOT EXISTS image_lists (
    id TEXT PRIMARY KEY,
    names TEXT NOT NULL,
    labels BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS cells (
    key TEXT NOT NULL,
    content TEXT NOT NULL,
    dataset TEXT NOT NULL,
    category TEXT NOT NULL,
    system TEXT NOT NULL,
    detector TEXT NOT NULL,
    settings TEXT NOT NULL,
    noise REAL NOT NULL,
    overlap TEXT NOT NULL,
    seed INTEGER NOT NULL,
    metrics TEXT NOT NULL,
    test_list TEXT REFERENCES image_lists(id),
    scores BLOB,
    training_list TEXT REFERENCES image_lists(id),
    training_scores BLOB,
    failure TEXT,
    patchsieve TEXT NOT NULL,
    finished TEXT NOT NULL,
    PRIMARY KEY (key, content)
);
PRAGMA user_version = 1;
"""


class ResultStore:
    """Cells and their results, by experiment and by the content of the images.

    Every result is on the disk when `add` returns; a process that is killed loses the cell it was at, no other.
    """

    def __init__(self, path: Path | str) -> None:
        """Name the file; it is made with the first result.

        Raises:
            PatchSieveError: there is one that cannot be read, or that is something else.
        """
        self.path = Path(path)
        if self.path.exists():
            with self._open() as connection:
                found = connection.execute("PRAGMA user_version").fetchone()[0]
                tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if found not in (0, 1) or (found == 0 and tables):
                raise PatchSieveError(f"{path} is no result file of this version; name another with --out")

    def add(self, result: CellResult, content: str) -> None:
        """Keep a result, in the place of an earlier one of the same cell on the same images.

        Args:
            result: what came out.
            content: hash of all images of the category.

        Raises:
            PatchSieveError: the file cannot be written.
        """
        cell, condition = result.cell, result.cell.condition
        with suppress(OSError):
            # What is wrong with the folder, opening the file in it says.
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection, connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
            test = _keep_list(connection, result.names, result.labels)
            training = _keep_list(connection, result.training_names, result.training_noise)
            connection.execute(
                f"INSERT OR REPLACE INTO cells VALUES ({', '.join('?' * 18)})",
                (
                    cell.key,
                    content,
                    cell.dataset,
                    cell.category,
                    cell.system.name,
                    cell.system.detector,
                    json.dumps(_all_settings(cell.system)),
                    condition.noise,
                    condition.overlap,
                    condition.seed,
                    json.dumps(dict(result.metrics)),
                    test,
                    _packed(result.scores),
                    training,
                    _packed(result.training_scores),
                    result.failure,
                    version("patchsieve"),
                    datetime.now(UTC).isoformat(timespec="seconds"),
                ),
            )

    def find(self, cells: Iterable[Cell], content: str) -> dict[Cell, CellResult]:
        """Return what is known of some experiments on these images.

        A result counts only if every setting that it was made with still is what it was, defaults too: one that has
        got another default since is another experiment.

        Raises:
            PatchSieveError: the file cannot be read, or a system cannot work.
        """
        found: dict[Cell, CellResult] = {}
        if not self.path.exists():
            return found
        with self._open() as connection:
            for cell in cells:
                row = connection.execute(
                    "SELECT settings, metrics, test_list, scores, training_list, training_scores, failure "
                    "FROM cells WHERE key = ? AND content = ?",
                    (cell.key, content),
                ).fetchone()
                if row is not None and json.loads(row[0]).items() <= _all_settings(cell.system).items():
                    found[cell] = _restored(connection, cell, *row[1:])
        return found

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=60)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise PatchSieveError(
                f"the result file {self.path} cannot be used: {error}; name another with --out"
            ) from error


@cache
def _all_settings(system: System) -> dict[str, str]:
    """Return each setting, defaults among them, as text; the seed belongs to the condition."""
    settings = make_detector(system.detector, system.settings).get_params(deep=False)
    return {name: json.dumps(value, default=str) for name, value in settings.items() if name != "seed"}


def _keep_list(connection: sqlite3.Connection, names: tuple[str, ...], labels: np.ndarray) -> str | None:
    """Keep names and labels once for all cells that share them; return their id."""
    if not names:
        return None
    text, flags = json.dumps(names), np.asarray(labels, bool).tobytes()
    identity = hashlib.sha256(text.encode() + flags).hexdigest()
    connection.execute("INSERT OR IGNORE INTO image_lists VALUES (?, ?, ?)", (identity, text, flags))
    return identity


def _restored(
    connection: sqlite3.Connection,
    cell: Cell,
    metrics: str,
    test_list: str | None,
    scores: bytes | None,
    training_list: str | None,
    training_scores: bytes | None,
    failure: str | None,
) -> CellResult:
    names, labels = _list(connection, test_list)
    training_names, noise = _list(connection, training_list)
    return CellResult(
        cell=cell,
        metrics=json.loads(metrics),
        names=names,
        labels=labels,
        scores=_unpacked(scores),
        training_names=training_names,
        training_noise=noise,
        training_scores=_unpacked(training_scores),
        failure=failure,
    )


def _list(connection: sqlite3.Connection, identity: str | None) -> tuple[tuple[str, ...], Any]:
    if identity is None:
        return (), np.empty(0, bool)
    names, flags = connection.execute(
        "SELECT names, labels FROM image_lists WHERE id = ?", (identity,)
    ).fetchone()
    return tuple(json.loads(names)), np.frombuffer(flags, bool)


def _packed(scores: np.ndarray) -> bytes | None:
    return scores.astype("<f4").tobytes() if len(scores) else None


def _unpacked(data: bytes | None) -> np.ndarray:
    return np.empty(0, np.float32) if data is None else np.frombuffer(data, "<f4").astype(np.float32)
