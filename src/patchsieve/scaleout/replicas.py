"""Processes of a cluster that score for a station, deployed by Ray Serve. Nothing of the station is imported here."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import ray
from ray import serve

from patchsieve.decisions import Result
from patchsieve.errors import PatchSieveError
from patchsieve.images import Pixels
from patchsieve.runtime import Model, score_together
from patchsieve.scaleout.groups import Ref
from patchsieve.scaleout.model_copies import ModelCopy

# Seconds between looks at whether a process still lives.
_LOOK = 1.0

Method = TypeVar("Method")

# Ray's types do not know methods.
_DEPLOYMENT: Any = serve.deployment
_BATCH: Any = serve.batch


class Answer(NamedTuple):
    """What became of one image.

    Attributes:
        result: of this image alone, N = 1, or why there is none.
        seconds: that its batch took.
        batch: how many images were scored together.
        place: of the image in the batch.
        replica: which process scored it.
    """

    result: Result | Exception
    seconds: float
    batch: int
    place: int
    replica: str


class Offer(NamedTuple):
    """A model to score by.

    Attributes:
        name: that no other model of the station has.
        copy: its files, in an object store. In a list: so Ray passes on where it is, and not the files with each image.
    """

    name: str
    copy: list[Ref]


class _Wanted:
    """Says which models the lines of a station use now."""

    def __init__(self) -> None:
        self._offers: list[Offer] = []

    def offers(self) -> list[Offer]:
        return self._offers

    def change(self, offers: list[Offer]) -> None:
        self._offers = offers


def _batched(method: Method) -> Method:
    """Let a method that takes lists be asked for one of each list: Serve puts together what comes together."""
    found: Method = _BATCH(method)
    return found


class Scorer:
    """Scores images by the models of all lines of a station, which it loads before it is asked for any.

    Args:
        wanted: which models the lines use.
        device: where models run, as for `patchsieve.load`.
        batch_size: images that are taken at once.
        max_wait_seconds: that the first image of a batch waits for others.
    """

    def __init__(self, wanted: Any, device: str, batch_size: int, max_wait_seconds: float) -> None:
        self._wanted = wanted
        self._device = device
        self._name: str = serve.get_replica_context().replica_id.unique_id
        self._loading = asyncio.Lock()
        self._models: dict[str, Model] = {}
        for offer in ray.get(wanted.offers.remote()):
            copy: ModelCopy = ray.get(offer.copy[0])
            # What cannot be opened is told to those who ask for it; the other lines go on.
            with suppress(PatchSieveError):
                self._models[offer.name] = copy.opened(device)
        score: Any = self.score
        score.set_max_batch_size(batch_size)
        score.set_batch_wait_timeout_s(max_wait_seconds)

    @_batched
    async def score(self, offers: list[Offer], pixels: list[Pixels], names: list[str]) -> list[Answer]:
        """Score images uint8 RGB `[H, W, 3]`, those that are for the same model together."""
        answers: dict[int, Answer] = {}
        for offer in {each.name: each for each in offers}.values():
            places = [place for place, each in enumerate(offers) if each.name == offer.name]
            began = monotonic()
            found = await self._scored(offer, [pixels[at] for at in places], [names[at] for at in places])
            seconds = monotonic() - began
            for order, (place, result) in enumerate(zip(places, found, strict=True)):
                answers[place] = Answer(result, seconds, len(places), order, self._name)
        return [answers[place] for place in range(len(offers))]

    async def _scored(
        self, offer: Offer, pixels: Sequence[Pixels], names: Sequence[str]
    ) -> Sequence[Result | Exception]:
        try:
            model = await self._model(offer)
        except PatchSieveError as error:
            # An answer, too: as an exception it would come with the text of a traceback.
            return [error] * len(names)
        return await asyncio.to_thread(score_together, model, pixels, names)

    async def _model(self, offer: Offer) -> Model:
        async with self._loading:
            if offer.name not in self._models:
                # A line has changed its model: the ones before have gone, or go with the next change.
                wanted = {each.name for each in await self._wanted.offers.remote()}
                self._models = {name: model for name, model in self._models.items() if name in wanted}
                copy: ModelCopy = await offer.copy[0]
                self._models[offer.name] = await asyncio.to_thread(copy.opened, self._device)
            return self._models[offer.name]


class Deployed:
    """The processes that score for a station, as many as are asked for: Ray Serve starts one that dies anew.

    Only Serve's handle reaches them: none of its HTTP servers is started.

    Args:
        name: of these processes among all of the cluster; those of the same name go.
        replicas: how many there are, each on a processor of its own.
        device: where models run, as for `patchsieve.load`.
        batch_size: images that are taken at once.
        max_wait_seconds: that the first image of a batch waits for others.
    """

    def __init__(
        self, name: str, replicas: int, *, device: str, batch_size: int, max_wait_seconds: float
    ) -> None:
        logging.getLogger("ray.serve").setLevel(logging.ERROR)
        self._name = name
        # It begins again with nothing where it is lost with its node; replicas then load what they are asked for.
        self._wanted: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Wanted).remote()
        serve.start(proxy_location="Disabled")
        deployment = _DEPLOYMENT(Scorer).options(
            num_replicas=replicas,
            # One batch is scored while the next one comes.
            max_ongoing_requests=2 * batch_size,
            ray_actor_options={"num_cpus": 1},
            health_check_period_s=_LOOK,
            logging_config={"log_level": "ERROR"},
        )
        application = deployment.bind(self._wanted, device, batch_size, max_wait_seconds)
        self._handle: Any = serve.run(application, name=name, route_prefix=None)

    def want(self, offers: Sequence[Offer]) -> None:
        """Say which models there are to score by."""
        ray.get(self._wanted.change.remote(list(offers)))

    async def score(self, offer: Offer, pixels: Pixels, name: str) -> Answer:
        """Have an image scored. Raises `ray.exceptions.RayError` where the process is lost that has it."""
        answer: Answer = await self._handle.score.remote(offer, pixels, name)
        return answer

    def withdraw(self) -> None:
        """End the processes."""
        serve.delete(self._name)
