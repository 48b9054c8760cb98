"""What stands beside an exported graph: `metadata.json`, all that turns its numbers into verdicts and regions."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patchsieve.decisions import OperatingPoints
from patchsieve.errors import ConfigError, ModelFileError
from patchsieve.files import write_text
from patchsieve.images.preprocessing import Preprocessing

METADATA = "metadata.json"
FORMAT = "patchsieve-export"
VERSION = 1

Band = tuple[float, float]


@dataclass(frozen=True)
class Metadata:
    """What is known of an exported graph. Every field but the last is one of the file's; see docs/integration.md.

    Attributes:
        graph: the graph's file in the folder, ``model.onnx`` or ``model.xml``.
        files: SHA-256 of each file of the graph, by name.
        preprocessing: what the graph does first; where the model frame lies in an image follows from it.
        operating_points: the named thresholds of scores, one of them the default.
        pixel_threshold: of maps: what is higher is outlined as a region.
        review: by operating point and by share, as text, the scores between which people shall look; ``interval``
            beside the shares.
        colour_scale: (low, high) for heat maps.
        detector: what was exported.
        precision: of the backbone, ``fp32``, ``fp16``, ``bf16`` or ``int8``.
        opset: of the ONNX graph.
        about: what is there to be read by people: versions, source, parity with torch.
    """

    graph: str
    files: Mapping[str, str]
    preprocessing: Preprocessing
    operating_points: OperatingPoints
    pixel_threshold: float
    review: Mapping[str, Mapping[str, Band]]
    colour_scale: Band
    detector: str
    precision: str
    opset: int
    about: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, folder: Path) -> "Metadata":
        """Read what `write` wrote.

        Raises:
            ModelFileError: the folder is no exported model, or one of another version.
        """
        path = folder / METADATA
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelFileError(
                f"{folder} is a directory without the readable {METADATA} of an exported model: "
                "patchsieve export makes one"
            ) from error
        if not isinstance(kept, dict) or kept.get("format") != FORMAT:
            raise ModelFileError(f"{path} is not the {METADATA} of an exported model")
        if kept.get("format_version") != VERSION:
            raise ModelFileError(
                f"{path} has version {kept.get('format_version')}, this PatchSieve reads {VERSION}: export again"
            )
        try:
            return cls._restored(kept)
        except (AttributeError, KeyError, TypeError, ValueError, ConfigError) as error:
            raise ModelFileError(f"{path} is damaged ({error!r}): export again") from error

    @classmethod
    def _restored(cls, kept: Mapping[str, Any]) -> "Metadata":
        frame = kept["preprocessing"]
        crop = frame["crop"]
        return cls(
            graph=str(kept["graph"]),
            files={str(name): str(digest) for name, digest in kept["files"].items()},
            preprocessing=Preprocessing(
                image_size=(int(frame["image_size"][0]), int(frame["image_size"][1])),
                crop=None if crop is None else (int(crop[0]), int(crop[1])),
                mean=tuple(frame["mean"]),
                std=tuple(frame["std"]),
            ),
            operating_points=OperatingPoints.restored(kept),
            pixel_threshold=float(kept["pixel_threshold"]),
            review={
                name: {share: (float(low), float(high)) for share, (low, high) in bands.items()}
                for name, bands in kept["review"].items()
            },
            colour_scale=(float(kept["colour_scale"][0]), float(kept["colour_scale"][1])),
            detector=str(kept["detector"]),
            precision=str(kept["precision"]),
            opset=int(kept["opset"]),
            about=kept["about"],
        )

    def write(self, folder: Path) -> None:
        """Write the file, whole or not at all."""
        preprocessing = self.preprocessing
        left, top, right, bottom = preprocessing.box(*preprocessing.image_size)
        kept = {
            "format": FORMAT,
            "format_version": VERSION,
            "graph": self.graph,
            "files": dict(self.files),
            "opset": self.opset,
            "precision": self.precision,
            "detector": self.detector,
            "input": {
                "name": "images",
                "type": "uint8",
                "shape": ["batch", "height", "width", 3],
                "colours": "RGB",
            },
            "outputs": {
                "scores": {"type": "float32", "shape": ["batch"]},
                "maps": {"type": "float32", "shape": ["batch", *preprocessing.frame]},
            },
            "threshold": self.operating_points[None].threshold,
            "operating_points": self.operating_points.header(),
            "review": self.review,
            "pixel_threshold": self.pixel_threshold,
            "frame": {
                "image_size": list(preprocessing.image_size),
                "left": left,
                "top": top,
                "right": right,
                "bottom": bottom,
            },
            "preprocessing": {
                "image_size": list(preprocessing.image_size),
                "crop": None if preprocessing.crop is None else list(preprocessing.crop),
                "mean": list(preprocessing.mean),
                "std": list(preprocessing.std),
                "resize": "whole image, bilinear, antialiased",
            },
            "colour_scale": list(self.colour_scale),
            "about": dict(self.about),
        }
        write_text(folder / METADATA, json.dumps(kept, indent=2, ensure_ascii=False) + "\n")

    def band(self, point: str | None, share: float | str) -> Band:
        """Return the scores between which an image is to be reviewed.

        Raises:
            ConfigError: the export knows no such share.
        """
        name = self.operating_points[point].name
        bands = self.review[name]
        wanted = str(share)
        for known, band in bands.items():
            if wanted == known or (_number(wanted) is not None and _number(wanted) == _number(known)):
                return band
        raise ConfigError(
            f"review is {share}: an exported model knows {', '.join(bands)}; others take the .sieve file"
        )

    def require_whole(self, folder: Path) -> Path:
        """Return the graph's path once its files are what was exported.

        Raises:
            ModelFileError: a file is missing or differs.
        """
        for name, digest in self.files.items():
            try:
                found = hash_file(folder / name)
            except OSError as error:
                raise ModelFileError(f"{folder} lacks {name}, a part of its model: export again") from error
            if found != digest:
                raise ModelFileError(f"{folder / name} is not the file that was exported: export again")
        return folder / self.graph


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
