"""The manual keeps its word: its code runs, its links lead somewhere, its flags and names exist."""

import io
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import typer

from patchsieve import AdaptiveSieve, SoftPatch
from patchsieve.bank import read_container
from patchsieve.cli.app import app
from patchsieve.decisions.rows import COLUMNS
from patchsieve.detectors import DETECTORS, make_detector
from patchsieve.evaluation.bench import METRICS
from patchsieve.features.backbones.efficientnet_lite import DEFAULT_LAYERS
from patchsieve.images import LAYOUTS
from patchsieve.images.synthetic import write_demo_set

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
# A block of Python and, where one follows, the block of text that shows what it prints.
PYTHON = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
# Numbers may change from set to set, but not those of a shape: three or more whole ones in brackets.
SHAPE = re.compile(r"(\((?:\d+, ){2,}\d+\))")
NUMBER = re.compile(r"(?<![A-Za-z_\d])-?\d+(?:\.\d*)?(?:e-?\d+)?%?")

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def flags_of(command: Any) -> set[str]:
    """Return the flags of a command and of those below it."""
    below = getattr(command, "commands", {}).values()
    own = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    return own.union({"--help"}, *map(flags_of, below))


FLAGS = {name: flags_of(command) for name, command in COMMANDS.items()}
# What a model says of an image at the end of a line may change with the model.
SAYING = re.compile(r"\b(good|defect|True|False)$", re.MULTILINE)
# Flags in the manual that are not of patchsieve but of the benchmarks.
OTHERS = {"--noise"}

every_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `patchsieve demo` seems to have run: fewer images, a fitted model."""
    folder = tmp_path_factory.mktemp("manual")
    write_demo_set(folder / "demo" / "images", train_good=12, test_good=3, test_defective_per_kind=2)
    AdaptiveSieve().fit(folder / "demo" / "images").save(folder / "demo" / "model.sieve")
    return folder


@pytest.mark.parametrize(
    "page", [page for page in PAGES if PYTHON.search(page.read_text("utf-8"))], ids=lambda page: page.name
)
def test_python_blocks_run_and_print_what_is_shown(
    page: Path, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo)
    names: dict[str, object] = {}
    for code, shown in PYTHON.findall(page.read_text("utf-8")):
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(code, page.name, "exec"), names)
        assert form(printed.getvalue()) == form(shown), code


def form(text: str) -> list[str]:
    """Return the lines of an output without what differs between a large and a small set."""
    text = SAYING.sub("?", text)
    parts = ((part if index % 2 else NUMBER.sub("#", part)) for index, part in enumerate(SHAPE.split(text)))
    # NumPy pads the numbers of an array.
    return [" ".join(line.split()).replace(" ]", "]") for line in "".join(parts).splitlines()]


def test_the_form_of_an_output_keeps_shapes_and_words() -> None:
    assert form("layer (1, 40, 28, 28) at 3.5\n") == form("layer (1, 40, 28, 28)  at -12e3\n")
    assert form("layer (1, 40, 28, 28)") != form("layer (1, 40, 28, 14)")
    assert form("bank (7330, 152)") == form("bank (730, 152)")
    assert form("stage3") != form("stage4")


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{page.name} links to {target}"
        assert there.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(there), f"{page.name} links to {target}"


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def invocations(page: Path) -> Iterator[list[str]]:
    """Yield what follows `patchsieve` in every command line that a page shows."""
    blocks = (body for kind, body in FENCED.findall(page.read_text("utf-8")) if kind == "console")
    lines = [line.removeprefix("$ ") for body in blocks for line in body.splitlines() if line[:2] == "$ "]
    for line in (*lines, *CODE.findall(prose(page))):
        words = shlex.split(line.replace("...", ""), comments=True)
        if words[:1] == ["patchsieve"] and len(words) > 1:
            yield words[1:]


@every_page
def test_commands_and_their_flags_exist(page: Path) -> None:
    for command, *words in invocations(page):
        assert command in FLAGS, f"patchsieve {command}"
        for word in words:
            if word.startswith("--"):
                assert word in FLAGS[command], f"patchsieve {command} {word}"


@every_page
def test_flags_in_sentences_exist(page: Path) -> None:
    known = OTHERS.union(*FLAGS.values())
    spans = [span for span in CODE.findall(prose(page)) if re.match(r"(\w+ )?--", span)]
    for span in spans:
        before, *flags = re.split(r"(?=--)", span)
        allowed = FLAGS.get(before.strip(), known)
        assert {flag.split()[0] for flag in flags} <= allowed, span


def test_something_is_looked_at() -> None:
    read = {page.name: list(invocations(page)) for page in PAGES}
    assert {command for command, *_ in read["README.md"]} >= {
        "check",
        "fit",
        "suspects",
        "predict",
        "evaluate",
    }
    assert sum(len(LINK.findall(prose(page))) for page in PAGES) > 50


def test_the_tables_name_all_that_is_there(demo: Path, tmp_path: Path) -> None:
    """Every column, setting, layout, tensor and key of a model file stands in the manual, and no other."""
    tensors, header = read_container(demo / "demo" / "model.sieve")
    model_file = table_keys("model-file.md")
    SoftPatch().fit(demo / "demo" / "images").save(tmp_path / "model.sieve")
    assert model_file[0] == set(read_container(tmp_path / "model.sieve")[0])
    assert set(tensors) - model_file[0] == model_file[-1] - {"training.doubted"}
    assert model_file[1] == {*header, "sha256"}
    text = (ROOT / "docs" / "model-file.md").read_text("utf-8")
    assert all(f"`{key}`" in text for key in (*header["extractor"], *header["training"]))
    assert table_keys("results.md")[0] == set(COLUMNS)
    assert table_keys("layouts.md")[0] == {layout.name for layout in LAYOUTS}
    settings = {name for system in DETECTORS for name in make_detector(system).get_params(deep=False)}
    assert table_keys("method.md")[-1] == {"detector", *settings}
    assert ", ".join(f"`{layer}`" for layer in DEFAULT_LAYERS) in (ROOT / "docs/backbones.md").read_text()


def test_the_page_of_metrics_defines_every_figure_and_no_other() -> None:
    assert set().union(*table_keys("metrics.md")) | {
        "threshold",
        "true_positives",
        "false_positives",
        "true_negatives",
        "false_negatives",
    } == set(METRICS)


def table_keys(name: str) -> list[set[str]]:
    """Return, for each table of a page, the names in code that its first column holds."""
    text = (ROOT / "docs" / name).read_text("utf-8")
    tables = re.findall(r"^\| ---.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [
        {key for row in table.splitlines() for key in CODE.findall(row.split("|")[1])} for table in tables
    ]


def test_the_example_of_an_evaluation_has_the_keys_of_a_real_one(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demo)
    app(["evaluate", "demo/model.sieve", "demo/images", "--format", "json"], standalone_mode=False)
    real = json.loads(capsys.readouterr().out)
    (shown,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs/results.md").read_text("utf-8"), re.DOTALL)
    assert list(json.loads(shown)) == list(real)


def test_the_picture_is_small_enough_to_load() -> None:
    assert (ROOT / "docs" / "images" / "result.png").stat().st_size < 400_000
