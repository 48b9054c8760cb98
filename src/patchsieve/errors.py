"""What can go wrong, in words for the person in front of the screen.

Every error that a user can cause derives from `PatchSieveError`: its text says what was wrong, with which
file or value, and what to do next. The command line prints that text and exits with status 2; anything else
that escapes is a defect of ours and keeps its traceback.
"""

from pathlib import Path


class PatchSieveError(Exception):
    """Base of all errors whose text is meant for the user."""


class ImagesError(PatchSieveError):
    """The images given cannot be used as a whole: none found, too few, all identical, no permission."""


class BrokenImageError(ImagesError):
    """One file cannot be decoded to pixels. Named, counted and skipped unless the user asked for strictness.

    Attributes:
        path: the file.
        reason: why, as a short phrase without the file name, e.g. ``"truncated JPEG"``.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class ConfigError(PatchSieveError):
    """A setting has a value that cannot work, or two settings exclude each other."""


class BackboneError(PatchSieveError):
    """A backbone, its weights or one of its layers is not available here."""


class ModelFileError(PatchSieveError):
    """A model file is missing, cut short, damaged, of another version, or not ours; or cannot be written."""
