"""PatchSieve learns what *normal* looks like from production images nobody has cleaned, then finds defects.

```python
from patchsieve import SoftPatch, read_images

train = read_images("line7/2026-11/")
model = SoftPatch().fit(train)
result = model.predict("line7/today/")
model.save("line7.sieve")
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from patchsieve.errors import MissingPackageError, PatchSieveError

if TYPE_CHECKING:
    from patchsieve.decisions import Result
    from patchsieve.detectors import (
        SPADE,
        AdaptiveSieve,
        CFlow,
        Denoised,
        Ensemble,
        PaDiM,
        PatchCore,
        PatchSVDD,
        QualitySoftPatch,
        SoftPatch,
        load,
    )
    from patchsieve.images import ImageSet, read_images

__all__ = [
    "SPADE",
    "AdaptiveSieve",
    "CFlow",
    "Denoised",
    "Ensemble",
    "ImageSet",
    "PaDiM",
    "PatchCore",
    "PatchSVDD",
    "PatchSieveError",
    "QualitySoftPatch",
    "Result",
    "SoftPatch",
    "load",
    "read_images",
]

_HOMES = {
    "AdaptiveSieve": "patchsieve.detectors",
    "CFlow": "patchsieve.detectors",
    "Denoised": "patchsieve.detectors",
    "Ensemble": "patchsieve.detectors",
    "ImageSet": "patchsieve.images",
    "PaDiM": "patchsieve.detectors",
    "PatchCore": "patchsieve.detectors",
    "PatchSVDD": "patchsieve.detectors",
    "QualitySoftPatch": "patchsieve.detectors",
    "Result": "patchsieve.decisions",
    "SPADE": "patchsieve.detectors",
    "SoftPatch": "patchsieve.detectors",
    "load": "patchsieve.detectors",
    "read_images": "patchsieve.images",
}


def __getattr__(name: str) -> Any:
    """Import on first use: what needs no torch shall not wait for it."""
    if name in _HOMES:
        try:
            return getattr(import_module(_HOMES[name]), name)
        except ModuleNotFoundError as error:
            if (missing := MissingPackageError.of(error)) is None:
                raise
            raise missing from error
    raise AttributeError(f"module 'patchsieve' has no attribute {name!r}")
