"""Parts of one work that live with workers and outlive them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic

import ray
import torch

from patchsieve.features.placement import Done, Part, Reader

if TYPE_CHECKING:
    from patchsieve.scaleout.features import FeatureBlocks

# What a part is built from: where its patches lie, which they are, how, and the place of the first.
Plan = tuple["FeatureBlocks", torch.Tensor, Callable[[Reader, int, int], Part], int]
Ref = ray.ObjectRef[Any]


class _Keeper:
    """Holds a part, and counts what it went through: it was built, then changed."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._part: Any = None
        self._steps = 0

    def ask(self, steps: int, question: Callable[[Any], Any]) -> tuple[int, Any]:
        """Return how many steps the part went through, and its answer if these are all."""
        return self._steps, question(self._part) if self._steps == steps else None

    def build(self, plan: Plan[Any]) -> int:
        """Build the part, unless it is there; return how many steps it went through."""
        if not self._steps:
            blocks, patches, build, first = plan
            self._part = build(lambda start, stop: blocks.here(patches[start:stop]), first, len(patches))
            self._steps = 1
        return self._steps

    def change(self, step: int, change: Callable[[Any], object]) -> int:
        """Change the part if it is due for this step; return how many it went through."""
        if step == self._steps:
            change(self._part)
            self._steps += 1
        return self._steps


# An actor that is lost starts again, with nothing, and then is asked again what it was asked. It claims no processor:
# tasks that make its features again must find one.
_KEEPER = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy="SPREAD")(_Keeper)


class ActorGroup(Generic[Part]):
    """A group whose parts are actors.

    What a part is built from and the changes are kept here. One that says it went through fewer of them was lost with
    its worker or node: it goes through them once more, in order, and is what it was.

    Args:
        plans: what each part is built from.
    """

    def __init__(self, plans: Sequence[Plan[Part]]) -> None:
        self._plans: list[Ref] = [ray.put(plan) for plan in plans]
        self._changes: list[Ref] = []
        self._keepers: list[Any] = [_KEEPER.remote() for _ in plans]
        self._finish(0)

    def ask(self, question: Callable[[Part], Done]) -> list[Done]:
        """See `Group.ask`."""
        sent = ray.put(question)
        steps = 1 + len(self._changes)
        answers = ray.get([keeper.ask.remote(steps, sent) for keeper in self._keepers])
        while any(known < steps for known, _ in answers):
            for number, (known, _) in enumerate(answers):
                if known < steps:
                    self._catch_up(number, known)
                    answers[number] = ray.get(self._keepers[number].ask.remote(steps, sent))
        return [answer for _, answer in answers]

    def tell(self, change: Callable[[Part], object]) -> None:
        """See `Group.tell`."""
        self._changes.append(ray.put(change))
        self._finish(len(self._changes))

    def close(self) -> None:
        """See `Group.close`."""
        for keeper in self._keepers:
            ray.kill(keeper)

    def _finish(self, step: int) -> None:
        """Let all parts go through a step, side by side."""
        done = ray.get([self._step(number, step) for number in range(len(self._keepers))])
        for number, known in enumerate(done):
            self._catch_up(number, known)

    def _catch_up(self, number: int, known: int) -> None:
        while known <= len(self._changes):
            known = ray.get(self._step(number, known))

    def _step(self, number: int, step: int) -> Ref:
        keeper = self._keepers[number]
        done: Ref = (
            keeper.change.remote(step, self._changes[step - 1])
            if step
            else keeper.build.remote(self._plans[number])
        )
        return done
