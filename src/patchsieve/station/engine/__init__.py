"""The station's machinery: what happens to images and models, without a word about stores or pages.

Bytes of an upload come in; `Decoder` makes pixels uint8 RGB `[H, W, 3]` of them in child processes. `ModelPool` holds
the active model of each line and has pixels scored in small batches, as many at a time as it has places for: out come
`Scored` images. Where that is done a `Scoring` decides; `ScoringHere` does it in this process. `EventHub` tells
everyone who watches. `JobRunner` makes new versions of models in processes of their own: a `FitRequest` goes in, a
`FitResult` and a model file come out.
"""

from patchsieve.station.engine.batching import ScoringHere
from patchsieve.station.engine.decoding import DecodedUpload, Decoder
from patchsieve.station.engine.events import EventHub
from patchsieve.station.engine.fit_forms import FitRequest, FitResult
from patchsieve.station.engine.jobs import JobEnd, JobRunner
from patchsieve.station.engine.places import Batcher, BatchSeen, Scored, Scoring, Ticket
from patchsieve.station.engine.pool import Accepted, ModelPool, Serving

__all__ = [
    "Accepted",
    "BatchSeen",
    "Batcher",
    "DecodedUpload",
    "Decoder",
    "EventHub",
    "FitRequest",
    "FitResult",
    "JobEnd",
    "JobRunner",
    "ModelPool",
    "Scored",
    "Scoring",
    "ScoringHere",
    "Serving",
    "Ticket",
]
