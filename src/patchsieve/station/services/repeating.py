"""Repeated requests: a client that got no answer asks again under the same key, and is told the same."""

import json
from collections.abc import Sequence

from sqlalchemy import bindparam
from sqlalchemy.orm import Session

from patchsieve.station.errors import Conflict
from patchsieve.station.languages import said
from patchsieve.station.services.inspection import Inspection, inspection_of, inspections
from patchsieve.station.services.originals import Original
from patchsieve.station.store.pictures import sha256_of
from patchsieve.station.store.tables import InspectionRow, LineRow

# Made once: to put a query together takes longer than to ask it.
_UNDER_KEYS = inspections().where(
    InspectionRow.line_id == bindparam("line_id"),
    InspectionRow.idempotency_key.in_(bindparam("keys", expanding=True)),
)


def key_of(key: str, place: int) -> str:
    """Return the key of an image of a batch: no key of a client's has a line end."""
    return f"{key}\n{place}"


def fingerprint_of(operating_point: str | None, review: str | None, sent: Sequence[Original]) -> str:
    """Return a hash of all that an answer depends on, to tell a repeated request from another one."""
    body = [operating_point, review, *([each.name, each.sha256] for each in sent)]
    return sha256_of(json.dumps(body).encode())


def known_under(
    session: Session, line: LineRow, key: str, most: int, fingerprint: str
) -> dict[str, Inspection]:
    """Return what was inspected under a key before, by the keys of the images.

    Args:
        session: to ask.
        line: whose inspections.
        key: the client's.
        most: images that a batch may have.
        fingerprint: of the request.

    Raises:
        Conflict: it was another request.
    """
    # Not by how keys begin: for that the whole history of the line would be read.
    keys = [key, *(key_of(key, place) for place in range(most))]
    rows = session.execute(_UNDER_KEYS, {"line_id": line.id, "keys": keys}).all()
    if any(row.request_sha256 != fingerprint for row, _, _ in rows):
        raise Conflict(
            said(
                "the idempotency key %(key)s was used for other images or settings: take a new one "
                "for each request",
                key=key,
            )
        )
    return {str(row.idempotency_key): inspection_of(row, name, number) for row, name, number in rows}
