"""The log as lines of JSON, one for each thing that happened."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO

from patchsieve.station.observing.requests import current_request_id

# What a record has that no caller has given it, beside what libraries keep there under names with an underscore.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonLines(logging.Formatter):
    """Formats records as JSON: time, level, logger, message, the request's id, and what the caller added."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := current_request_id():
            line["request_id"] = request_id
        line |= {name: value for name, value in vars(record).items() if name not in _OWN and name[0] != "_"}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


@contextmanager
def json_log(stream: IO[str] | None = None, level: int = logging.INFO) -> Iterator[None]:
    """Have all loggers write lines of JSON, and afterwards what they wrote before.

    Args:
        stream: standard error where none is given.
        level: what is less important is left out.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root, access = logging.getLogger(), logging.getLogger("uvicorn.access")
    before = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # It writes whole addresses, with what stands behind the question mark; requests have lines of ours.
    access.disabled = True
    try:
        yield
    finally:
        access.disabled = False
        root.handlers[:], level = before
        root.setLevel(level)
