"""Parts as they come from the decoder."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from patchsieve.images import Pixels


@pytest.fixture(scope="session")
def surfaces(part: Callable[..., Any]) -> list[Pixels]:
    """Ten parts, every third of them defective, for reading only."""
    return [np.asarray(part(900 + index, defective=index % 3 == 0).image).copy() for index in range(10)]
