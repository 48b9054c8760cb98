"""Inspecting: images come in, verdicts go out after they have been written down."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from patchsieve.decisions import review_band
from patchsieve.errors import BrokenImageError, ConfigError
from patchsieve.pictures import colour_scale
from patchsieve.station.engine import Accepted, Decoder, EventHub, ModelPool, Ticket
from patchsieve.station.errors import Invalid, TooLarge
from patchsieve.station.languages import heard, said
from patchsieve.station.services.inspection import Inspection
from patchsieve.station.services.line_rows import line_row
from patchsieve.station.services.once import Once
from patchsieve.station.services.operating import current_row
from patchsieve.station.services.originals import Original, Originals, originals_of
from patchsieve.station.services.recording import Recorded, Recorder, Scored, ScoredBy
from patchsieve.station.services.repeating import fingerprint_of, key_of, known_under
from patchsieve.station.store import Store
from patchsieve.station.store.pictures import PictureFiles
from patchsieve.station.store.tables import LineRow, VersionRow

Source = Literal["page", "api", "watch"]

# Images of one request that may be decoded and not scored yet.
_AHEAD = 16


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
        pool: the models.
        decoder: of uploads.
        events: told of each inspection.
        max_images: of one batch.
    """

    def __init__(
        self,
        store: Store,
        pictures: PictureFiles,
        pool: ModelPool,
        decoder: Decoder,
        events: EventHub,
        *,
        max_images: int,
    ) -> None:
        self.max_images = max_images
        self._store = store
        self._pictures = pictures
        self._pool = pool
        self._decoder = decoder
        self._recorder = Recorder(store, pictures, events)
        self._once = Once()
        self._versions: dict[str, ScoredBy] = {}

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
        keys = [asked.key and key_of(asked.key, place) for place in range(len(uploads))]
        return self._inspect(line, uploads, asked, keys)

    def _inspect(
        self, name: str, uploads: Sequence[Upload], asked: Asked, keys: Sequence[str | None]
    ) -> list[Inspection | Refused]:
        sent = [Original.of(upload.name, upload.data) for upload in uploads]
        fingerprint = fingerprint_of(asked.operating_point, asked.review, sent)
        if asked.key is None:
            with self._store.reading() as session:
                line = line_row(session, name)
            return self._score_and_write(line, sent, asked, keys, fingerprint)
        with self._once.alone((name, asked.key)):
            with self._store.reading() as session:
                line = line_row(session, name)
                known = known_under(session, line, asked.key, self.max_images, fingerprint)
            missing = [place for place, key in enumerate(keys) if key not in known]
            fresh: dict[int, Inspection | Refused] = {}
            if missing:
                found = self._score_and_write(
                    line, [sent[at] for at in missing], asked, [keys[at] for at in missing], fingerprint
                )
                fresh = dict(zip(missing, found, strict=True))
            return [fresh[at] if at in fresh else known[str(key)] for at, key in enumerate(keys)]

    def _score_and_write(
        self,
        line: LineRow,
        sent: Sequence[Original],
        asked: Asked,
        keys: Sequence[str | None],
        fingerprint: str,
    ) -> list[Inspection | Refused]:
        with originals_of(sent, self._store, self._pictures) as originals:
            with self._pool.accept(line.id, len(sent)) as accepted:
                with self._store.reading() as session:
                    point = current_row(session, accepted.version_id, asked.operating_point)
                    version = self._version(session, accepted)
                band = _band(accepted, point.threshold, asked.review)
                scored = self._scored(accepted, sent, originals)
            recorded = [
                Recorded(
                    replace(one, result=replace(one.result, threshold=point.threshold, review=band)),
                    line_id=line.id,
                    line=line.name,
                    version=version,
                    operating_point=point.name,
                    source=asked.source,
                    by=asked.by,
                    key=key,
                    fingerprint=fingerprint,
                )
                for one, key in zip(scored, keys, strict=True)
                if isinstance(one, Scored)
            ]
            written = self._recorder.record(recorded)
            originals.show(one.image_sha256 for one in written)
        inspections = iter(written)
        return [one if isinstance(one, Refused) else next(inspections) for one in scored]

    def _scored(
        self, accepted: Accepted, sent: Sequence[Original], originals: Originals
    ) -> list[Scored | Refused]:
        """Decode and score; no more images are held as pixels than keep the model at work."""
        found: list[Scored | Refused] = [Refused(each.name, "") for each in sent]
        waiting: deque[tuple[int, Ticket, str, float]] = deque()

        def take_first() -> None:
            place, ticket, file, decoding = waiting.popleft()
            original = sent[place]
            try:
                result = ticket.result().result
            except BrokenImageError as error:
                found[place] = Refused(original.name, error.reason)
                return
            found[place] = Scored(original, file, result, decoding + float(result.seconds[0]))

        for place, original in enumerate(sent):
            started = perf_counter()
            try:
                decoded = self._decoder.decode(original.data, original.name)
            except BrokenImageError as error:
                found[place] = Refused(original.name, error.reason)
                continue
            ticket = accepted.score(decoded.pixels, original.name)
            seconds = perf_counter() - started
            # The disk is waited for while the model is at work.
            waiting.append((place, ticket, originals.keep(original, decoded.format), seconds))
            if len(waiting) >= _AHEAD:
                take_first()
        while waiting:
            take_first()
        return found

    def _version(self, session: Session, accepted: Accepted) -> ScoredBy:
        """Return what is written down of a version, found once: it never changes."""
        version = self._versions.get(accepted.version_id)
        if version is None:
            number = session.scalars(select(VersionRow.number).where(VersionRow.id == accepted.version_id))
            scale = colour_scale(accepted.model)
            version = ScoredBy(accepted.version_id, number.one(), (scale.low, scale.high))
            self._versions[accepted.version_id] = version
        return version


def _band(accepted: Accepted, threshold: float, review: str | None) -> tuple[float, float] | None:
    if review is None:
        return None
    try:
        training = accepted.model.training_
        return review_band(training.scores, threshold, review, training.set_aside)
    except ConfigError as error:
        raise Invalid(str(error)) from error
