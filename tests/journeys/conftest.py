"""Journeys run the installed command in processes of its own, as a user does."""

import signal
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "patchsieve"
_REFERENCES = {"src", "href", "srcset", "data", "action", "poster", "background"}

Process = subprocess.CompletedProcess[str]


class Page(HTMLParser):
    """What a page says and what it refers to.

    Attributes:
        text: the visible text.
        references: values of all attributes that name another resource.
        pictures: how many images are embedded.
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text = ""
        self.references: list[str] = []
        self.pictures = 0
        self._open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.pictures += tag == "img"
        self.references += [value for name, value in attrs if name in _REFERENCES and value]
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self._open):
            self.text += data


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., Process]:
    """Run `patchsieve` in the test's folder; it must end with status `code`."""

    def run(*arguments: object, code: int = 0) -> Process:
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=240,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Start `patchsieve` in the test's folder and return the running process."""

    def run(*arguments: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [COMMAND, *map(str, arguments)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # Where the tests run in the background, Ctrl-C is ignored and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return run


@pytest.fixture
def read_page() -> Callable[[Path], Page]:
    """Read a report, which must be one file that needs no other."""

    def read(path: Path) -> Page:
        source = path.read_text(encoding="utf-8")
        page = Page(source)
        assert source.startswith("<!doctype html>")
        assert all(value.startswith(("data:", "#")) for value in page.references), page.references
        assert "url(" not in source
        assert "@import" not in source
        assert "<script src" not in source
        return page

    return read
