"""Processes of a cluster that score for stations, deployed by Ray Serve. Nothing of the station is imported here."""

import asyncio
import logging
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from ray import serve

from patchsieve.decisions import Result
from patchsieve.errors import PatchSieveError
from patchsieve.images import Pixels
from patchsieve.runtime import Model, open_model, score_together

# A process holds the models that it scored by last, no more of them than this.
MODELS = 16
# Seconds between looks at whether a process still lives.
_LOOK = 1.0


Method = TypeVar("Method")

# Ray's types do not know methods.
_DEPLOYMENT: Any = serve.deployment
_BATCH: Any = serve.batch
_MULTIPLEXED: Any = serve.multiplexed(max_num_models_per_replica=MODELS)


def _held(method: Method) -> Method:
    """Let a method that loads by an id load what is not held yet, and let go what was not asked for longest."""
    found: Method = _MULTIPLEXED(method)
    return found


def _batched(method: Method) -> Method:
    """Let a method that takes lists, for requests of the same model, be asked for one of each list."""
    found: Method = _BATCH(method)
    return found


class Answer(NamedTuple):
    """What became of one image.

    Attributes:
        result: of this image alone, N = 1, or why there is none.
        seconds: that its batch took.
        batch: how many images were scored together.
        place: of the image in the batch.
    """

    result: Result | Exception
    seconds: float
    batch: int
    place: int


class Scorer:
    """Scores images by any model file that it is asked for, those that come together in one batch.

    Args:
        device: where models run, as for `patchsieve.load`.
        batch_size: images that a model takes at once.
        max_wait_seconds: that the first image of a batch waits for others.
    """

    def __init__(self, device: str, batch_size: int, max_wait_seconds: float) -> None:
        self._device = device
        score: Any = self.score
        score.set_max_batch_size(batch_size)
        score.set_batch_wait_timeout_s(max_wait_seconds)

    @_held
    async def _model(self, file: str) -> Model:
        return await asyncio.to_thread(open_model, file, device=self._device)

    @_batched
    async def score(self, pixels: list[Pixels], names: list[str]) -> list[Answer]:
        """Score images uint8 RGB `[H, W, 3]` by the model that their requests name."""
        began = monotonic()
        try:
            model = await self._model(serve.get_multiplexed_model_id())
        except PatchSieveError as error:
            # An answer, too: as an exception it would come with the text of a traceback.
            found: list[Result | Exception] = [error] * len(names)
        else:
            began = monotonic()
            found = await asyncio.to_thread(score_together, model, pixels, names)
        seconds = monotonic() - began
        return [Answer(each, seconds, len(found), place) for place, each in enumerate(found)]


def deploy(name: str, replicas: int, *, device: str, batch_size: int, max_wait_seconds: float) -> Any:
    """Start processes that score, in the place of those of the same name; return Serve's handle of them.

    Ray Serve starts one that dies anew. Only handles reach them: none of Serve's own HTTP servers is started.
    """
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    serve.start(proxy_location="Disabled")
    deployment = _DEPLOYMENT(Scorer).options(
        num_replicas=replicas,
        # One batch is scored while the next one comes.
        max_ongoing_requests=2 * batch_size,
        ray_actor_options={"num_cpus": 1},
        health_check_period_s=_LOOK,
        logging_config={"log_level": "ERROR"},
    )
    application = deployment.bind(device, batch_size, max_wait_seconds)
    return serve.run(application, name=name, route_prefix=None)


def withdraw(name: str) -> None:
    """End the processes of this name."""
    serve.delete(name)
