"""Everything put together: from a model and an address to a run that ends when it is told to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from patchsieve.errors import ConfigError, ImagesError
from patchsieve.runtime.streams.addresses import CAMERA, without_password
from patchsieve.runtime.streams.arrivals import Source
from patchsieve.runtime.streams.database import Database
from patchsieve.runtime.streams.delivery import Delivery, Sink
from patchsieve.runtime.streams.folder import FolderSource
from patchsieve.runtime.streams.frames import Camera, Every, VideoFile
from patchsieve.runtime.streams.journal import Journal
from patchsieve.runtime.streams.mqtt import MqttTopic
from patchsieve.runtime.streams.scoring import Outcome, Scorer
from patchsieve.runtime.streams.spool import Spool
from patchsieve.runtime.streams.watcher import After, Summary, Watcher
from patchsieve.runtime.streams.webhook import Webhook

Say = Callable[[str], None]

GRACE = 5.0
"""Seconds that a sink has at the end to take what waits."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How to watch.

    Attributes:
        recursive: whether folders below the folder are watched as well.
        poll: seconds between two listings of the folder.
        settle: seconds for which a file must not change to be complete.
        patience: seconds after which a file that does not change and cannot be decoded is broken.
        once: end when all that is in the folder is done.
        after: what becomes of files that are done.
        every: which frames of a video or a camera are looked at, see `Every.read`; None for one a second.
        batch_size: most parts that are scored together.
        forget_after: days after which the journal forgets parts whose files were moved, and all frames.
        sinks: where messages go: mqtt://, mqtts://, http:// and https:// URLs.
        spool_limit: most messages kept for each sink.

    Raises:
        ConfigError: a setting cannot work.
    """

    recursive: bool = False
    poll: float = 1.0
    settle: float = 2.0
    patience: float = 30.0
    once: bool = False
    after: After = After.keep
    every: str | None = None
    batch_size: int = 8
    forget_after: int = 90
    sinks: tuple[str, ...] = ()
    spool_limit: int = 100_000

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if len(set(self.sinks)) < len(self.sinks):
            raise ConfigError("a sink is given twice")
        if min(self.batch_size, self.spool_limit, self.forget_after) < 1:
            raise ConfigError("batch size, limit of the spool and days to remember must be at least 1")
        if min(self.poll, self.settle, self.patience) < 0:
            raise ConfigError("poll, settle and patience are seconds, not less than 0")


def watch(
    scorer: Scorer,
    target: str,
    folder: Path,
    settings: WatchSettings,
    *,
    stop: threading.Event,
    draw: Callable[[Outcome, Path], None] | None = None,
    show: Callable[[Outcome], None],
    tell: Say,
) -> Summary:
    """Judge what arrives until it ends or `stop` is set.

    Args:
        scorer: judges.
        target: a folder, a video file, ``camera:0``, or the URL of a stream.
        folder: of the results, with the journal in it.
        settings: how.
        stop: set from outside to end after the parts in work.
        draw: writes the picture of an outcome that is not good; None for no pictures.
        show: takes each outcome as it is done.
        tell: takes a sentence for the person; called from several threads.

    Raises:
        PatchSieveError: the target, the folder or a sink cannot be used, or the disk is full.
    """
    with ExitStack() as stack:
        database = Database(Journal.path_in(folder))
        stack.callback(database.close)
        journal = Journal(database)
        sinks = [_sink(url, journal.stream) for url in settings.sinks]
        _tell_forgotten(database, settings.sinks, tell)
        source = stack.enter_context(_source(target, folder, settings, journal, tell))
        deliveries = [
            Delivery(sink, Spool(database, journal.stream, sink.address, settings.spool_limit), tell)
            for sink in sinks
        ]
        watcher = Watcher(
            source, scorer, journal, folder, after=settings.after, batch_size=settings.batch_size,
            forget_after=settings.forget_after, deliveries=deliveries, draw=draw, show=show, tell=tell,
        )  # fmt: skip
        watcher.recover()
        for delivery in deliveries:
            delivery.start()
        tell(f"watching {without_password(target)}; results go to {folder}")
        try:
            return watcher.run(stop)
        finally:
            for delivery in deliveries:
                delivery.close(GRACE)
                _tell_left(delivery, tell)


@contextmanager
def _source(
    target: str, folder: Path, settings: WatchSettings, journal: Journal, tell: Say
) -> Iterator[Source]:
    source: Source
    path = Path(target)
    if not _is_stream(target) and path.is_dir():
        if settings.every is not None:
            raise ConfigError("every is for videos and cameras: of a folder, each file is looked at")
        if path.resolve() == folder.resolve():
            raise ConfigError(
                f"the results cannot go to {folder} itself, which is watched: name another folder"
            )
        source = FolderSource(
            path, journal, leave_out=folder, recursive=settings.recursive, poll=settings.poll,
            settle=settings.settle, patience=settings.patience, once=settings.once, tell=tell,
        )  # fmt: skip
    else:
        if settings.recursive or settings.after is not After.keep:
            raise ConfigError(f"recursive and after are for folders, and {without_password(target)} is none")
        every = Every.read(settings.every or "1s")
        if _is_stream(target):
            if settings.once:
                raise ConfigError(f"once is for folders and videos: {without_password(target)} has no end")
            source = Camera(target, every, tell)
        elif path.exists():
            source = VideoFile(path, journal, every, tell)
        else:
            raise ImagesError(
                f"there is no {target}: name a folder, a video file, {CAMERA}0 or the URL of a stream"
            )
    try:
        yield source
    finally:
        source.close()


def _is_stream(target: str) -> bool:
    return target.startswith(CAMERA) or "://" in target


def _sink(url: str, stream: str) -> Sink:
    scheme = urlsplit(url).scheme
    if scheme in ("mqtt", "mqtts"):
        return MqttTopic(url, f"patchsieve-{stream}")
    if scheme in ("http", "https"):
        return Webhook(url)
    raise ConfigError(f"the sink {url} is neither mqtt://host:1883/topic, mqtts://, http:// nor https://")


def _tell_forgotten(database: Database, sinks: tuple[str, ...], tell: Say) -> None:
    for sink, count in database.rows("SELECT sink, count(*) FROM spool GROUP BY sink"):
        if sink not in sinks:
            tell(
                f"{count} messages for {sink} wait in the journal; they are sent when that sink is given again"
            )


def _tell_left(delivery: Delivery, tell: Say) -> None:
    spool = delivery.spool
    if waiting := spool.waiting:
        tell(f"{waiting} messages for {spool.sink} wait in the journal; they are sent after the next start")
    if refused := spool.set_aside:
        tell(f"{refused} messages for {spool.sink} are set aside: the receiver refused them")
    if dropped := spool.dropped:
        tell(f"{dropped} messages for {spool.sink} were dropped so far, since the spool was full")
