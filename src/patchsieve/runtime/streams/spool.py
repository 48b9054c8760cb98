"""What is still to be sent, kept in the journal until the receiver has it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from patchsieve.runtime.streams.database import Database


@dataclass(frozen=True, slots=True)
class Message:
    """What a sink sends.

    Attributes:
        number: of the part.
        id: of the part, the same however often the message is sent.
        body: JSON in UTF-8.
    """

    number: int
    id: str
    body: bytes


class Spool:
    """The messages that wait for one sink. When `limit` of them wait, the oldest one gives way to a new one.

    Attributes:
        sink: address of the sink, without secrets.
        limit: most messages kept, those set aside included.
    """

    def __init__(self, database: Database, stream: str, sink: str, limit: int) -> None:
        self.sink = sink
        self.limit = limit
        self._database = database
        self._stream = stream
        self._lock = threading.Lock()
        with database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO sinks VALUES (?, 0)", (sink,))
            # Whoever starts anew may have mended what the receiver objected to.
            connection.execute("UPDATE spool SET reason = NULL WHERE sink = ?", (sink,))
        ((self._kept,),) = database.rows("SELECT count(*) FROM spool WHERE sink = ?", (sink,))

    @property
    def waiting(self) -> int:
        """How many messages are still to be sent."""
        return self._count("reason IS NULL")

    @property
    def set_aside(self) -> int:
        """How many messages the receiver does not want."""
        return self._count("reason IS NOT NULL")

    @property
    def dropped(self) -> int:
        """How many messages were given up because the spool was full, since the journal was begun."""
        ((dropped,),) = self._database.rows("SELECT dropped FROM sinks WHERE sink = ?", (self.sink,))
        return int(dropped)

    def added(self, count: int) -> int:
        """Count new messages, and give up the oldest of those beyond the limit.

        Returns:
            How many were given up.
        """
        with self._lock:
            self._kept += count
            excess = self._kept - self.limit
            if excess <= 0:
                return 0
            with self._database.transaction() as connection:
                gone = connection.execute(
                    "DELETE FROM spool WHERE sink = ?1 AND number IN "
                    "(SELECT number FROM spool WHERE sink = ?1 ORDER BY number LIMIT ?2)",
                    (self.sink, excess),
                ).rowcount
                connection.execute("UPDATE sinks SET dropped = dropped + ? WHERE sink = ?", (gone, self.sink))
            self._kept -= gone
            return gone

    def oldest(self, most: int) -> list[Message]:
        """Return the messages that wait longest, in order."""
        found = self._database.rows(
            "SELECT number, body FROM spool WHERE sink = ? AND reason IS NULL ORDER BY number LIMIT ?",
            (self.sink, most),
        )
        return [Message(number, f"{self._stream}-{number}", body) for number, body in found]

    def delivered(self, numbers: Sequence[int]) -> None:
        """Forget messages that the receiver has."""
        if not numbers:
            return
        with self._lock:
            with self._database.transaction() as connection:
                gone = connection.executemany(
                    "DELETE FROM spool WHERE sink = ? AND number = ?",
                    [(self.sink, number) for number in numbers],
                ).rowcount
            self._kept -= gone

    def refuse(self, number: int, reason: str) -> None:
        """Set a message aside: it is not sent again before the next start."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE spool SET reason = ? WHERE sink = ? AND number = ?", (reason, self.sink, number)
            )

    def _count(self, condition: str) -> int:
        ((count,),) = self._database.rows(
            f"SELECT count(*) FROM spool WHERE sink = ? AND {condition}", (self.sink,)
        )
        return int(count)
