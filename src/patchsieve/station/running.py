"""A station at work: its store, its models, and the services over them."""

from dataclasses import dataclass, field

from patchsieve.station.admission import Admission
from patchsieve.station.engine import Decoder, EventHub, ModelPool, Scoring, ScoringHere
from patchsieve.station.observing import Metrics
from patchsieve.station.services.accounts import Accounts
from patchsieve.station.services.audit import Audit
from patchsieve.station.services.drift import Drifting
from patchsieve.station.services.history import History
from patchsieve.station.services.inspecting import Inspecting
from patchsieve.station.services.lines import Lines
from patchsieve.station.services.overview import Overview
from patchsieve.station.services.refitting import Refitting
from patchsieve.station.services.retention import Retention
from patchsieve.station.services.review import Review
from patchsieve.station.services.thresholds import Thresholds
from patchsieve.station.services.version_models import VersionModels
from patchsieve.station.settings import StationSettings
from patchsieve.station.store import Store
from patchsieve.station.store.pictures import PictureFiles


@dataclass
class Station:
    """All parts of one station, made of its settings; `start` loads the models and `close` finishes what was accepted.

    Attributes:
        settings: how it is set up.
        store: the database.
        scoring: where models score; None for in this process.
        pictures: the files beside it.
        metrics: how it goes, in figures.
        events: what happens, for those who watch.
        decoder: of uploads.
        pool: the models at work.
        accounts: users, logins and tokens.
        audit: who changed what.
        admission: of requests with images.
        lines: and the versions of their models.
        inspecting: images to verdicts.
        history: all inspections, and what people said of them.
        thresholds: the operating points.
        overview: how it all goes.
        retention: what of the history goes.
        review: suspects of the training images, and marks.
        refitting: new versions, made in the background.
        drifting: whether parts still look like training.
    """

    settings: StationSettings
    store: Store
    scoring: Scoring | None = None
    pictures: PictureFiles = field(init=False)
    metrics: Metrics = field(init=False)
    events: EventHub = field(init=False)
    decoder: Decoder = field(init=False)
    pool: ModelPool = field(init=False)
    accounts: Accounts = field(init=False)
    audit: Audit = field(init=False)
    admission: Admission = field(init=False)
    lines: Lines = field(init=False)
    inspecting: Inspecting = field(init=False)
    history: History = field(init=False)
    thresholds: Thresholds = field(init=False)
    overview: Overview = field(init=False)
    retention: Retention = field(init=False)
    review: Review = field(init=False)
    refitting: Refitting = field(init=False)
    drifting: Drifting = field(init=False)

    def __post_init__(self) -> None:
        settings, store = self.settings, self.store
        self.pictures = PictureFiles(store.data_dir)
        self.metrics = Metrics(store.data_dir)
        self.events = EventHub(seen=self.metrics.event)
        self.decoder = Decoder(max_pixels=settings.max_pixels)
        scoring = self.scoring or ScoringHere(
            settings.queue_size, settings.batch_size, settings.max_wait_seconds
        )
        self.pool = ModelPool(scoring, device=settings.device, seen=self.metrics.batch)
        self.accounts = Accounts(store)
        self.audit = Audit(store)
        # Enough at work to fill the next batches while some are scored.
        self.admission = Admission(waiting=settings.queue_size, working=3 * scoring.at_once)
        self.lines = Lines(store, self.pool)
        self.inspecting = Inspecting(
            store,
            self.pictures,
            self.pool,
            self.decoder,
            self.events,
            max_images=settings.max_images,
        )
        self.history = History(store, self.pictures, self.events)
        self.thresholds = Thresholds(store, self.lines, self.pool)
        self.overview = Overview(store, self.pictures, self.lines, self.pool, settings)
        self.retention = Retention(store, self.pictures, settings)
        self.review = Review(store, self.lines, VersionModels(self.pool, settings.device))
        self.refitting = Refitting(store, self.pictures, self.lines, self.events, device=settings.device)
        self.drifting = Drifting(store, self.pictures, self.lines, self.pool)

    @classmethod
    def open(cls, settings: StationSettings, scoring: Scoring | None = None) -> "Station":
        """Open the database of a station, which is migrated where it has to be; no model is loaded yet.

        Raises:
            PatchSieveError: the folder or the database cannot be used, or another station works on it.
        """
        return cls(settings, Store.open(settings.data_dir, settings.database_url, alone=True), scoring)

    def start(self) -> None:
        """Load the models and bring in those of the settings.

        Raises:
            PatchSieveError: a model file cannot be used.
        """
        self.refitting.recover()
        self.lines.start()
        for path in self.settings.models:
            self.lines.serve_file(path)
        self.retention.start()

    def close(self) -> None:
        """Finish what was accepted, then let go of everything."""
        self.events.close()
        self.retention.stop()
        self.refitting.close()
        self.drifting.close()
        self.pool.close()
        self.decoder.close()
        self.store.close()
