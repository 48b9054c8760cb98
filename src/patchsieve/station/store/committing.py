"""Rows of many who write at the same time, committed together: one wait for the disk serves them all."""

from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock

from sqlalchemy.exc import IntegrityError

from patchsieve.station.store.base import Base
from patchsieve.station.store.opening import Store

_Waiting = tuple[Sequence[Base], Future[None]]


class GroupCommit:
    """Commits new rows. While one transaction is on its way to the disk, those who come share the next one.

    Args:
        store: where the rows go.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._adding = Lock()
        self._turn = Lock()
        self._waiting: list[_Waiting] = []

    def add(self, rows: Sequence[Base]) -> None:
        """Write rows, all or none; return when they are on the disk.

        Raises:
            IntegrityError: the database does not take these rows; those of others do not suffer from it.
            DBAPIError: the database has failed; whether the rows are written is not known.
        """
        done: Future[None] = Future()
        with self._adding:
            self._waiting.append((rows, done))
        with self._turn:
            if not done.done():
                with self._adding:
                    group, self._waiting = self._waiting, []
                self._write(group)
        done.result()

    def _write(self, group: list[_Waiting]) -> None:
        try:
            with self._store.writing() as session:
                session.add_all(row for rows, _ in group for row in rows)
        except IntegrityError as error:
            if len(group) == 1:
                group[0][1].set_exception(error)
                return
            for each in group:
                self._write([each])
        except BaseException as error:
            for _, done in group:
                done.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for _, done in group:
                done.set_result(None)
