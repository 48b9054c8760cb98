"""A real station and a real browser, started once for all journeys through the pages."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

COMMAND = Path(sys.executable).parent / "patchsieve"
CHROMIUM = "/usr/bin/chromium"
# The lines: one to look at, one whose training images are judged and that is fitted again.
LINES = ("line7", "castings")
# A machine that runs all the tests may be busy.
_PATIENCE = 20_000
expect.set_options(timeout=_PATIENCE)


@dataclass
class Served:
    """A station at work.

    Attributes:
        url: of its pages.
        data: its folder.
    """

    url: str
    data: Path

    def predict(self, image: Path, *, line: str = "line7") -> dict[str, object]:
        """Inspect an image as a program does."""
        with image.open("rb") as stream:
            answer = httpx.post(
                f"{self.url}/api/v1/lines/{line}/predict", files={"image": (image.name, stream)}, timeout=60
            )
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        return found

    def predict_many(self, images: list[Path], *, line: str = "line7") -> None:
        """Inspect many images by one request."""
        files = [("images", (image.name, image.read_bytes())) for image in images]
        answer = httpx.post(f"{self.url}/api/v1/lines/{line}/predict/batch", files=files, timeout=120)
        answer.raise_for_status()
        assert len(answer.json()["inspections"]) == len(images)

    def inspections(self, **query: object) -> list[str]:
        """Return the names in the history that a query finds, the newest first."""
        answer = httpx.get(f"{self.url}/history.csv", params=query, timeout=60)
        answer.raise_for_status()
        rows = [line.split(",") for line in answer.text.splitlines()]
        return [row[rows[0].index("image_name")] for row in rows[1:]]


@pytest.fixture(scope="session")
def station(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`patchsieve serve` with a small model on two lines."""
    folder = tmp_path_factory.mktemp("serve")
    models = [shutil.copy(model_file, folder / f"{line}.sieve") for line in LINES]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = Served(f"http://127.0.0.1:{port}", folder / "data")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [COMMAND, "serve", *models, "--data", served.data, "--port", str(port), "--device", "cpu"],
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(served, process, folder / "log")
            yield served
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_for(served: Served, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            httpx.get(f"{served.url}/api/v1/lines").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Not for the session: while Playwright works no other test can run an event loop."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Watch:
    """What went wrong in a browser: nothing may, but what a test says beforehand.

    Attributes:
        expected: parts of console messages that the test is about.
    """

    url: str
    expected: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def message(self, message: ConsoleMessage) -> None:
        """Note errors and warnings, a breach of the content security policy among them."""
        text = f"{message.type}: {message.text}"
        if message.type in ("error", "warning") and not any(part in text for part in self.expected):
            self.wrong.append(text)

    def request(self, request: Request) -> None:
        """Note requests that leave the station."""
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.foreign.append(request.url)


@pytest.fixture
def watch(station: Served) -> Iterator[Watch]:
    """Fails the test where the browser complained or spoke to anybody else."""
    watching = Watch(station.url)
    yield watching
    assert not watching.wrong
    assert not watching.foreign


@pytest.fixture
def new_context(station: Served, browser: Browser, watch: Watch) -> Iterator[Callable[..., BrowserContext]]:
    """Open a browser of its own, with options of Playwright's."""
    opened: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        context = browser.new_context(base_url=station.url, **options)  # type: ignore[arg-type]
        context.set_default_timeout(_PATIENCE)
        context.on("console", watch.message)
        context.on("weberror", lambda error: watch.wrong.append(str(error.error)))
        context.on("request", watch.request)
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Page:
    """A page in a browser of its own."""
    return new_context(viewport={"width": 1280, "height": 900}).new_page()
