"""What the tests of bad input share: it ends with status 2 and one sentence, and leaves nothing behind."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def refused(patchsieve, tmp_path) -> Callable[..., str]:
    """Run a command that must fail; return the one sentence that it ends with."""

    def run(*arguments: object, small: bool = False) -> str:
        before = snapshot(tmp_path)
        finished = patchsieve(*arguments, small=small)
        assert finished.code == 2, finished
        assert "Traceback" not in finished.err
        assert snapshot(tmp_path) == before
        last = finished.err.splitlines()[-1]
        assert last.lower().startswith("error: ")
        return last

    return run


@pytest.fixture
def as_somebody_else(tmp_path_factory) -> Callable[[], AbstractContextManager[None]]:
    """Run a block as a user who may enter the test's folders but for whom permissions count, unlike for root."""

    @contextmanager
    def block() -> Iterator[None]:
        base = tmp_path_factory.getbasetemp()
        closed = {folder: folder.stat().st_mode for folder in (base, base.parent)}
        root = os.geteuid() == 0
        for folder in base.iterdir():
            if folder.is_dir() and not folder.is_symlink():
                closed[folder] = folder.stat().st_mode
        for folder, mode in closed.items():
            folder.chmod(mode | 0o055)
        if root:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)
            for folder, mode in closed.items():
                folder.chmod(mode)

    return block
