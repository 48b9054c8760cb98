"""Inspecting: images come in, verdicts go out after they have been written down."""

import hashlib
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Literal

from sqlalchemy import or_
from sqlalchemy.exc import IntegrityError

from patchsieve.decisions import review_band
from patchsieve.errors import BrokenImageError, ConfigError
from patchsieve.pictures import colour_scale
from patchsieve.station.engine import Accepted, Decoder, EventHub, ModelPool, Ticket
from patchsieve.station.errors import Conflict, Invalid, TooLarge
from patchsieve.station.languages import heard, said
from patchsieve.station.services.inspection import Inspection, inspection_of, inspections
from patchsieve.station.services.lines import Line, Lines
from patchsieve.station.services.once import Once
from patchsieve.station.services.operating import current_row
from patchsieve.station.services.recording import Recorded, Recorder, Scored
from patchsieve.station.store import Store
from patchsieve.station.store.pictures import PictureFiles
from patchsieve.station.store.tables import InspectionRow

Source = Literal["page", "api", "watch"]

_LONGEST_NAME = 300
# Images of one request that may be decoded and not scored yet.
_AHEAD = 16
# Between the key of a batch and the place of an image in it: no key of a client's has a line end.
_PLACE = "\n"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a client sent.

    Attributes:
        name: what the client calls it.
        data: its bytes.
    """

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """An upload that could not be decoded; it is no inspection.

    Attributes:
        image_name: what the client called it.
        reason: why, in a few words.
    """

    image_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """How uploads shall be inspected.

    Attributes:
        source: where they came from.
        by: who asks.
        operating_point: name of the one whose threshold counts; None for the default.
        review: share of the good images that people shall look at, or ``interval``; None for none.
        key: the client's idempotency key; the same key and uploads give the same inspections again.
    """

    source: Source
    by: str
    operating_point: str | None = None
    review: str | None = None
    key: str | None = None


class Inspecting:
    """Inspects uploads by the active versions of lines.

    Args:
        store: where inspections are kept.
        pictures: where their images are kept.
        lines: of the station.
        pool: the models.
        decoder: of uploads.
        events: told of each inspection.
        max_images: of one batch.
    """

    def __init__(
        self,
        store: Store,
        pictures: PictureFiles,
        lines: Lines,
        pool: ModelPool,
        decoder: Decoder,
        events: EventHub,
        *,
        max_images: int,
    ) -> None:
        self.max_images = max_images
        self._store = store
        self._lines = lines
        self._pool = pool
        self._decoder = decoder
        self._recorder = Recorder(store, pictures, events)
        self._once = Once()
        self._scales: dict[str, tuple[float, float]] = {}

    def inspect(self, line: str, upload: Upload, asked: Asked) -> Inspection:
        """Inspect one image.

        Raises:
            NotFound: there is no such line or operating point.
            Invalid: the upload is no image, or `asked` cannot be.
            Conflict: the key was used for something else.
            Busy: too many images are waiting.
        """
        (one,) = self._inspect(line, [upload], asked, [asked.key])
        if isinstance(one, Refused):
            raise Invalid(said("%(name)s: %(reason)s", name=one.image_name, reason=heard(one.reason)))
        return one

    def inspect_many(self, line: str, uploads: Sequence[Upload], asked: Asked) -> list[Inspection | Refused]:
        """Inspect several images, all by one version; broken ones are refused, one by one.

        Raises:
            NotFound: there is no such line or operating point.
            Invalid: there are no uploads, or `asked` cannot be.
            TooLarge: there are too many.
            Conflict: the key was used for something else.
            Busy: too many images are waiting; none was accepted.
        """
        if not uploads:
            raise Invalid(said("there are no images in the request"))
        if len(uploads) > self.max_images:
            raise TooLarge(
                said(
                    "%(count)s images are more than the %(most)s of one request; send them in several",
                    count=len(uploads),
                    most=self.max_images,
                )
            )
        keys = [asked.key and f"{asked.key}{_PLACE}{place}" for place in range(len(uploads))]
        return self._inspect(line, uploads, asked, keys)

    def _inspect(
        self, name: str, uploads: Sequence[Upload], asked: Asked, keys: Sequence[str | None]
    ) -> list[Inspection | Refused]:
        line = self._lines.line(name)
        uploads = [replace(upload, name=_label(upload.name)) for upload in uploads]
        fingerprint = _fingerprint(uploads, asked)
        if asked.key is None:
            return self._score_and_write(line, uploads, asked, keys, fingerprint)
        with self._once.alone((line.id, asked.key)):
            known = self._known(line, asked.key, fingerprint)
            missing = [place for place, key in enumerate(keys) if key not in known]
            fresh: dict[int, Inspection | Refused] = {}
            if missing:
                found = self._score_and_write(
                    line, [uploads[at] for at in missing], asked, [keys[at] for at in missing], fingerprint
                )
                fresh = dict(zip(missing, found, strict=True))
            return [fresh[at] if at in fresh else known[str(key)] for at, key in enumerate(keys)]

    def _known(self, line: Line, key: str, fingerprint: str) -> dict[str, Inspection]:
        """Return what was inspected under a key before, by the keys of its images."""
        column = InspectionRow.idempotency_key
        query = inspections().where(
            InspectionRow.line_id == line.id,
            or_(column == key, column.startswith(f"{key}{_PLACE}", autoescape=True)),
        )
        with self._store.reading() as session:
            rows = session.execute(query).all()
        if any(row.request_sha256 != fingerprint for row, _, _ in rows):
            raise Conflict(
                said(
                    "the idempotency key %(key)s was used for other images or settings: take a new one "
                    "for each request",
                    key=key,
                )
            )
        return {str(row.idempotency_key): inspection_of(row, line, number) for row, line, number in rows}

    def _score_and_write(
        self,
        line: Line,
        uploads: Sequence[Upload],
        asked: Asked,
        keys: Sequence[str | None],
        fingerprint: str,
    ) -> list[Inspection | Refused]:
        with self._pool.accept(line.id, len(uploads)) as accepted:
            with self._store.reading() as session:
                point = current_row(session, accepted.version_id, asked.operating_point)
            band = _band(accepted, point.threshold, asked.review)
            scored = self._scored(accepted, uploads)
        recorded = [
            Recorded(
                replace(one, result=replace(one.result, threshold=point.threshold, review=band)),
                line_id=line.id,
                version_id=accepted.version_id,
                operating_point=point.name,
                source=asked.source,
                by=asked.by,
                key=key,
                fingerprint=fingerprint,
                scale=self._scale(accepted),
            )
            for one, key in zip(scored, keys, strict=True)
            if isinstance(one, Scored)
        ]
        try:
            written = iter(self._recorder.record(recorded))
        except IntegrityError:
            # Another process of the station has just inspected under this key.
            if asked.key is None:
                raise
            known = self._known(line, asked.key, fingerprint)
            return [
                one if isinstance(one, Refused) else known[str(key)]
                for one, key in zip(scored, keys, strict=True)
            ]
        return [one if isinstance(one, Refused) else next(written) for one in scored]

    def _scored(self, accepted: Accepted, uploads: Sequence[Upload]) -> list[Scored | Refused]:
        """Decode and score; no more images are held as pixels than keep the model at work."""
        found: list[Scored | Refused] = [Refused(upload.name, "") for upload in uploads]
        waiting: deque[tuple[int, Ticket, str, float]] = deque()

        def take_first() -> None:
            place, ticket, kind, decoding = waiting.popleft()
            upload = uploads[place]
            try:
                result = ticket.result().result
            except BrokenImageError as error:
                found[place] = Refused(upload.name, error.reason)
                return
            seconds = decoding + float(result.seconds[0])
            found[place] = Scored(upload.name, upload.data, kind, result, seconds)

        for place, upload in enumerate(uploads):
            started = perf_counter()
            try:
                decoded = self._decoder.decode(upload.data, upload.name)
            except BrokenImageError as error:
                found[place] = Refused(upload.name, error.reason)
                continue
            ticket = accepted.score(decoded.pixels, upload.name)
            waiting.append((place, ticket, decoded.format, perf_counter() - started))
            if len(waiting) >= _AHEAD:
                take_first()
        while waiting:
            take_first()
        return found

    def _scale(self, accepted: Accepted) -> tuple[float, float]:
        """Return the colours' scale of a version, found once."""
        scale = self._scales.get(accepted.version_id)
        if scale is None:
            found = colour_scale(accepted.model)
            scale = self._scales[accepted.version_id] = (found.low, found.high)
        return scale


def _band(accepted: Accepted, threshold: float, review: str | None) -> tuple[float, float] | None:
    if review is None:
        return None
    try:
        return review_band(accepted.model.training_.scores, threshold, review)
    except ConfigError as error:
        raise Invalid(str(error)) from error


def _label(name: str) -> str:
    """Return a client's name for an image as text that can be shown and stored, not too long."""
    text = name.encode("utf-8", "replace").decode("utf-8")
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return shown.strip()[-_LONGEST_NAME:] or "image"


def _fingerprint(uploads: Sequence[Upload], asked: Asked) -> str:
    """Return a hash of all that an answer depends on, to tell a repeated request from another one."""
    body = [
        asked.operating_point,
        asked.review,
        *([upload.name, hashlib.sha256(upload.data).hexdigest()] for upload in uploads),
    ]
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()
