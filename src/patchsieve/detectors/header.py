"""The header of a model file: what a fitted detector says of itself, and what must fit when it is read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patchsieve.errors import ModelFileError
from patchsieve.features import FeatureExtractor, extractor_from_identity, identity

if TYPE_CHECKING:
    from patchsieve.detectors.base import Detector


def describe(model: "Detector") -> dict[str, Any]:
    """Return all of a fitted model that is not a tensor, JSON-able."""
    return {
        "detector": model.system,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {package: version(package) for package in ("patchsieve", "torch", "numpy")},
        "config": model.get_params(deep=False),
        "extractor": identity(model.extractor_),
        # That of the default point once more: an older PatchSieve reads only this.
        "threshold": model.threshold_,
        "operating_points": model.operating_points_.header(),
        "pixel_threshold": model.pixel_threshold_,
        "timings": model.timings_,
        "training": model.training_.header(),
    }


def parameters(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return the constructor's arguments from a header; JSON has lists where tuples were."""
    found = {
        name: tuple(value) if isinstance(value, list) else value for name, value in kept["config"].items()
    }
    # Files of before had the share of good images below the threshold.
    if "threshold_quantile" in found:
        found["false_alarms"] = round(1 - float(kept["config"]["threshold_quantile"]), 12)
        del found["threshold_quantile"]
    return found


def extractor(path: Path | str, kept: Mapping[str, Any], *, device: str, batch_size: int) -> FeatureExtractor:
    """Rebuild the extractor and hold it against what the model was fitted with.

    Raises:
        ModelFileError: the weights here are not those the model was fitted with.
        BackboneError: the backbone is not available here.
    """
    found = extractor_from_identity(kept["extractor"], device=device, batch_size=batch_size)
    for wanted, part in zip(
        (kept["extractor"], *kept["extractor"].get("others", ())), found.parts, strict=True
    ):
        if part.backbone.weights_hash != wanted["weights_sha256"]:
            raise ModelFileError(
                f"{path} was fitted with other weights of {wanted['backbone']} than those installed here "
                f"(SHA-256 {wanted['weights_sha256'][:12]} against {part.backbone.weights_hash[:12]}): "
                "install the same weights or fit again"
            )
    return found
