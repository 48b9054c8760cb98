"""Features in object stores that are smaller than they: what does not fit is on disk, and nothing is missing."""

from operator import methodcaller
from pathlib import Path

import numpy as np
import pytest
import ray
import torch

from patchsieve.features import PatchFeatures
from patchsieve.scaleout import FeatureBlocks

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("workers")]

BLOCKS, IMAGES, SHAPE = 16, 4, (32, 32, 480)


def test_more_than_the_object_stores_hold_is_spilled_and_worked_on() -> None:
    rng = np.random.default_rng(0)
    offsets = rng.normal(size=(BLOCKS, IMAGES, 1, 1, 1)).astype(np.float32)
    pattern = rng.normal(size=SHAPE).astype(np.float32)
    # 126 MB in a store of 80, that of this process.
    features = PatchFeatures(
        FeatureBlocks([ray.put(offset + pattern) for offset in offsets], [IMAGES] * BLOCKS, SHAPE)
    )
    assert features.nbytes > 120e6
    means = methodcaller("mean", dim=2)
    found = torch.cat([done for _, done in features.map_positions(means, read=256, each=256)])
    expected = torch.from_numpy(pattern.reshape(-1, 1, SHAPE[2]) + offsets.reshape(1, -1, 1)).mean(dim=2)
    torch.testing.assert_close(found, expected)
    context = ray.get_runtime_context()
    session = Path(context.get_temp_dir()) / context.get_session_name()
    assert list(session.glob("ray_spilled_objects*/*"))
