"""Random numbers of a training: decided by the seed, and none of anybody else's."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block whose global random numbers, torch's on the CPU and NumPy's, follow from `seed`.

    Libraries draw initial weights from the global generators; afterwards these are as they were before.
    """
    before = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed: it would seed the generators of GPUs too, which are not put back here.
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)


def generator(seed: int, part: int) -> torch.Generator:
    """Return a generator on the CPU for one part of the work, an epoch for instance.

    What an epoch draws does not depend on what was drawn before it, so a training can go on in the middle.
    """
    state = np.random.SeedSequence((seed, part)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)
