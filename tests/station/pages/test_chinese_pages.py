"""Every page in Chinese, with everything on it that there can be: no English is left but names and units."""

import io
import json
import re
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

import patchsieve.station
from patchsieve.detectors import PaDiM
from patchsieve.station import StationSettings
from patchsieve.station.app import create_app
from patchsieve.station.engine import FitResult
from patchsieve.station.engine.fit_forms import Correction
from patchsieve.station.engine.fitting import _there, _with_bank
from patchsieve.station.pages.rendering import PAGES_OF_A_LINE
from patchsieve.station.pages.words import ACTIONS
from patchsieve.station.running import Station
from patchsieve.station.services.audit import record
from patchsieve.station.services.inspecting import Asked, Upload
from patchsieve.station.store.base import now
from patchsieve.station.store.tables import JobRow

# Names of programs, formats, systems and units; and what this test calls its points, tokens and lines.
NAMES = {"PatchSieve", "API", "CSV", "Parquet", "SHA", "kB", "MB", "GB", "TB"}
NAMES |= {"PNG", "JPEG", "BMP", "TIFF", "WebP", "PNM", "GIF"}
NAMES |= {"softpatch", "padim", "efficientnet_lite"}
GIVEN = {"line", "none", "default", "strict", "rare", "found", "exact", "balanced", "camera"}
# Files, hashes, and places that scripts fill.
CODES = re.compile(r"\S+\.(?:png|sieve)\b|\b[0-9a-f]{12}…|\{\w+\}")
WORDS = re.compile(r"[A-Za-z][A-Za-z_]+")
# Attributes that are read out, shown or put into the page.
SPOKEN = {"alt", "aria-label", "placeholder", "title"}
UNSPOKEN = {"code", "kbd", "script", "style"}


class Reader(HTMLParser):
    """Collects what a page says, but for what stands in code, and in the other language's own name."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.said += [
            value
            for name, value in given.items()
            if name in SPOKEN or (name.startswith("data-") and name != "data-state" and " " in value)
        ]
        if self._silent or tag in UNSPOKEN or (tag != "html" and "lang" in given):
            self._silent.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.said.append(data.strip())


def english(page: str) -> list[str]:
    """Return what a page says that has English words in it."""
    reader = Reader()
    reader.feed(page)
    return [said for said in reader.said if set(WORDS.findall(CODES.sub("", said))) - NAMES - GIVEN]


@pytest.fixture(scope="module")
def client(
    model_file: Path, part: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """A browser that asks for Chinese, at a station of which every page has something to say."""
    settings = StationSettings(
        data_dir=tmp_path_factory.mktemp("chinese"), models=(model_file,), device="cpu"
    )
    app = create_app(settings)
    address = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 50000)}
    with TestClient(app, headers={"Accept-Language": "zh-CN"}, **address) as browser:
        station: Station = app.state.station
        for seed in range(24):
            look_at(
                station, part(800 + seed, defective=seed % 4 == 0).image.point(darker), f"dark_{seed}.png"
            )
        change_points(browser)
        browser.post("/people/tokens", data={"name": "camera", "role": "operator"})
        say_of_training(station, model_file)
        deadline = time.monotonic() + 60
        while station.drifting.today("line7").state == "unknown":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield browser


def darker(value: int) -> int:
    return value // 2


def look_at(station: Station, image: Image.Image, name: str) -> None:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    by = Asked(source="api", by="token:camera")
    found = station.inspecting.inspect("line7", Upload(name, buffer.getvalue()), by)
    if int(name[5:-4]) % 2:
        station.history.judge(found.id, "good", by="local")
    elif int(name[5:-4]) % 4 == 0:
        station.history.judge(found.id, "defect", by="ada", note="脏污")


def change_points(browser: TestClient) -> None:
    goals = {"found": "recall", "exact": "precision", "balanced": "f1", "rare": "false-alarms"}
    for name, goal in goals.items():
        browser.post("/threshold/line7/change", data={"name": name, "goal": goal, "value": "95"})
    browser.post("/threshold/line7/change", data={"name": "strict", "goal": "threshold", "at": "12.5"})
    browser.post("/threshold/line7/use", data={"name": "rare"})
    browser.post("/threshold/line7/remove", data={"name": "strict"})


def say_of_training(station: Station, model_file: Path) -> None:
    """Mark suspects, and add a version with a job that could not do all that it was asked for."""
    first, second, *_ = station.review.suspects("line7").suspects
    station.review.mark("line7", 1, first.name, "drop", by="local")
    station.review.mark("line7", 1, second.name, "keep", by="command")
    version = station.lines.add_version("line7", model_file, by="local", note="refit of version 1", parent=1)
    station.lines.switch("line7", 2, by="local")
    station.lines.roll_back("line7", by="local")
    notes: list[str] = []
    _there([Correction(inspection_id="x", name="part_1.png", file=Path("/none"), sha256="")], notes)
    _with_bank(PaDiM(), True, notes)
    with station.store.writing() as session:
        job = JobRow(
            kind="refit",
            line_id=station.lines.line("line7").id,
            by="local",
            created_at=now(),
            state="done",
            request={"parent": 1},
            result={"version": version.number, "changes": result(notes).model_dump(mode="json")},
        )
        session.add(job)
        record(session, "local", "job.start", "line7/refit", None, {"parent": 1, "keep": 1, "defects": 0})


def result(notes: list[str]) -> FitResult:
    standing = {"images": 28, "threshold": 1, "pixel_threshold": 1, "bank": 100, "suspects": 4, "kept": 0}
    move = {"image": "part_3.png", "rank_before": 4, "rank_after": 1, "score_before": 2, "score_after": 3}
    alarms = {"alarms_before": 1, "alarms_after": 0, "right_before": 0, "right_after": 1}
    told = {
        "before": standing,
        "after": standing,
        "points": [],
        "dropped": ["part_24.png"],
        "learnt": ["x"],
        "rejected": ["y"],
        "patches_rejected": 3,
        "moves": [move],
        "history": alarms | {"images": 2, "judged": 1, "changed": []},
        "notes": notes,
        "seconds": 1,
    }
    return FitResult.model_validate_json(json.dumps(told))


OF_A_LINE = tuple(f"/{page}/line7" for page in PAGES_OF_A_LINE)


@pytest.mark.parametrize(
    "address",
    [
        *OF_A_LINE,
        "/",
        "/history",
        "/people",
        "/audit",
        "/me",
        "/login",
        "/inspections/none",
        "/people?told=role",
    ],
)
def test_no_page_speaks_english(client: TestClient, address: str) -> None:
    page = client.get(address).text
    assert '<html lang="zh-Hans"' in page
    assert english(page) == []


def test_no_inspection_and_no_complaint_is_english(client: TestClient) -> None:
    (last,) = client.get("/api/v1/inspections", params={"limit": 1, "verdict": "defect"}).json()[
        "inspections"
    ]
    half = client.get(f"/pictures/{last['id']}/photo").content[:200]
    answers = [
        client.get(f"/inspections/{last['id']}"),
        client.get("/history", params={"low": "?"}),
        client.post("/inspect/line7", files={"image": ("a.png", b"no image")}),
        client.post("/inspect/line7", files={"image": ("a.png", half)}),
        client.post("/threshold/line7/change", data={"name": "found", "goal": "recall", "value": "0"}),
        client.post("/threshold/line7/change", data={"name": " ", "goal": "false-alarms", "value": "200"}),
        client.post("/versions/line7/switch", data={"number": "9"}),
        client.post("/people/users", data={"name": "ada", "password": "short", "role": "viewer"}),
    ]
    for answer in answers:
        assert english(answer.text) == [], answer.url


def test_the_drift_and_the_job_are_told(client: TestClient) -> None:
    """The walk above would not notice what is not there."""
    assert "图像比训练时更暗" in client.get("/").text
    versions = client.get("/versions/line7").text
    assert "part_1.png 的图像已不存在" in versions
    assert "没有记忆库" in versions
    assert "召回率" in client.get("/threshold/line7").text
    assert "最异常的图块" in client.get("/review/line7").text


def test_english_would_be_found(client: TestClient) -> None:
    page = client.get("/threshold/line7", headers={"Accept-Language": "en"}).text
    assert len(english(page)) > 50


def test_whatever_is_written_into_the_audit_has_words() -> None:
    station = Path(patchsieve.station.__file__).parent
    calls = "\n".join(path.read_text(encoding="utf-8") for path in station.rglob("services/*.py"))
    # The third of what is recorded, be it on one line or each on its own.
    written = set(re.findall(r"record\(\s*session,\s*[\w.\"]+,\s*\"([\w.]+)\"", calls))
    assert written == set(ACTIONS)
