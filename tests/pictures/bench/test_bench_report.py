"""The report: complete, well formed, on its own, and smaller where there is less to say."""

import csv
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from patchsieve.errors import PatchSieveError
from patchsieve.evaluation.bench import Certainty, Comparison
from patchsieve.pictures.bench import BenchTable, Table, write_bench_report
from patchsieve.pictures.bench.board import Board, Place
from patchsieve.pictures.bench.notes import notes
from patchsieve.pictures.bench.tables import comparison_table, metrics_table, results_table, timing_table

CREATED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
UGLY = 'a <b> & "c" 检测'
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Open tags must be closed in order; links and sources are kept."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.anchors, self.text = [], [], set(), text
        self.images = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        values = dict(attrs)
        if "id" in values:
            assert values["id"] not in self.anchors
            self.anchors.add(values["id"])
        self.links += [values[key] for key in ("href", "src") if key in values]
        if tag == "img":
            self.images.append(values)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def write(results, folder, **options):
    return Page(write_bench_report(results, folder, created=CREATED, **options).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def written(grid, result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    results = [
        *grid(("softpatch-lof", UGLY), rates=(0.0, 0.1), overlaps=("same",), seeds=(0, 1)),
        *(result(f"softpatch-lof tau={tau}", varied=("tau", tau)) for tau in (0.05, 0.15)),
        result("broken", failure="too few <defects> & more"),
    ]
    certain = Certainty(
        "image_auroc",
        0.1,
        "same",
        {"softpatch-lof": (0.8, 0.95)},
        [Comparison("softpatch-lof", UGLY, 0.125, 0.03)],
        "Bootstrap.",
    )
    extra = BenchTable(
        "published", "Published", "theirs", Table(("a",), (("1.0",),)), Table(("a",), ((1.0,),))
    )
    return folder, write(results, folder, certain=[certain], tables=[extra])


def test_the_page_is_well_formed_and_asks_for_nothing_from_outside(written):
    _, page = written
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page.text)
    assert all(link.startswith(("#", "data:", "figures/")) for link in page.links)
    assert {unquote(link[1:]) for link in page.links if link.startswith("#")} <= page.anchors


def test_every_figure_has_words_for_who_cannot_see_it(written):
    _, page = written
    assert len(page.images) >= 8
    assert all(len(image["alt"]) > 40 for image in page.images)


def test_every_link_to_a_file_has_its_file_and_no_file_is_without_a_link(written):
    folder, page = written
    linked = {unquote(link) for link in page.links if link.startswith("figures/")}
    assert linked == {f"figures/{path.name}" for path in (folder / "figures").iterdir()}


def test_every_csv_is_read_and_every_svg_parsed(written):
    folder, _ = written
    for path in (folder / "figures").glob("*.csv"):
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        assert len(rows) > 1
        assert {len(row) for row in rows} == {len(rows[0])}
    for path in (folder / "figures").glob("*.svg"):
        assert ElementTree.fromstring(path.read_text(encoding="utf-8")).tag.endswith("svg")


def test_names_are_escaped(written):
    _, page = written
    assert "a <b>" not in page.text
    assert "a &lt;b&gt; &amp; &#34;c&#34; 检测" in page.text
    assert "too few &lt;defects&gt; &amp; more" in page.text


def test_what_was_given_is_shown(written):
    _, page = written
    for part in (
        "0.800 to 0.950",
        "Bootstrap.",
        "+0.125*",
        "-0.125*",
        "Published",
        "1 failure",
    ):
        assert part in page.text


def test_equal_results_are_equal_bytes(grid, tmp_path):
    results = grid(("padim",), ("tile",), (0.0, 0.1), ("same",), (0,))
    for name in "ab":
        write(results, tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert files
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)


def test_no_result_makes_a_page(tmp_path):
    assert "There are no results" in write([], tmp_path).text


def test_only_failures_are_listed_with_their_reasons(result, tmp_path):
    page = write([result(failure="out of memory"), result("padim", failure="no mask")], tmp_path)
    assert "2 cells failed" in page.text
    assert "out of memory" in page.text
    assert not page.images


def test_who_has_not_all_seeds_is_named(grid):
    stopped = [*grid(("padim",)), *grid(("spade",), seeds=(0, 1))]
    assert "Not all seeds are there of spade: means are over those that are." in notes(
        Board(stopped), intervals=True
    )
    assert not any("seeds" in note for note in notes(Board(grid()), intervals=True))


def test_one_cell_makes_a_smaller_report_that_says_why(result, tmp_path):
    page = write([result(masks=False)], tmp_path)
    for reason in ("One seed", "One noise rate", "No pixel metrics", "No confidence intervals"):
        assert reason in page.text
    assert 'id="results"' in page.text
    for part in ("noise", "gaps", "settings", "failures"):
        assert f'id="{part}"' not in page.text


def test_noise_without_a_clean_fit_has_no_gap_and_says_so(grid, tmp_path):
    page = write(grid(("padim",), ("tile",), (0.1, 0.2), ("same",), (0,)), tmp_path)
    assert "No clean fit" in page.text
    assert 'id="gaps"' not in page.text


def test_names_that_would_be_one_file_are_two(result, tmp_path):
    long = "n" * 300
    write([result(category=name) for name in ("a/b", "a b", "A:B", long)], tmp_path)
    files = [path.name.casefold() for path in (tmp_path / "figures").glob("confusion-*.csv")]
    assert len(set(files)) == 4
    assert all(len(name.encode()) < 200 for name in files)


def test_a_folder_that_cannot_be_written_is_named(result, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PatchSieveError, match="cannot write"):
        write_bench_report([result()], tmp_path / "file")


def test_a_results_table_has_means_and_intervals(grid):
    board = Board(grid())
    certain = Certainty("image_auroc", 0.4, "none", {"padim": (0.5, 0.75)})
    table = results_table(board, "image_auroc", "none", [certain])
    row = dict(zip(table.table.header, table.table.rows[2], strict=True))
    mean = board.mean("image_auroc", "padim", 0.4, "none")
    assert (row["noise_0.4_mean"], row["noise_0.4_standard_deviation"], row["noise_0.4_seeds"]) == mean
    assert (row["noise_0.4_low"], row["noise_0.4_high"]) == (0.5, 0.75)
    assert table.shown.rows[2][-2:] == (f"{mean.value:.3f} ±{mean.spread:.3f}", "0.500 to 0.750")
    assert results_table(board, "aupro", "none") is None
    assert "± one standard deviation" in table.caption
    assert "of one seed" in results_table(Board(grid(seeds=(0,))), "image_auroc", "none").caption


def test_a_category_has_a_table_of_its_own_with_its_own_intervals(grid):
    board, cookies = Board([*grid(), *grid(("spade",), ("tile",))]), Place("factory", "cookies")
    certain = [
        Certainty("image_auroc", 0.4, "none", {"padim": (0.5, 0.75)}),
        Certainty("image_auroc", 0.4, "none", {"padim": (0.25, 0.5)}, category=("factory", "cookies")),
    ]
    table = results_table(board, "image_auroc", "none", certain, cookies)
    mean = board.mean("image_auroc", "padim", 0.4, "none", cookies)
    assert table.shown.rows[2][-2:] == (mean.text(), "0.250 to 0.500")
    assert table.shown.header.count("interval at 40 %") == 1
    assert [row[0] for row in table.shown.rows] == ["softpatch-lof", "patchcore", "padim"]
    assert (table.name, table.title) == (
        "results-image_auroc-none-factory-cookies",
        "image AUROC, no overlap, cookies",
    )


def test_the_metrics_and_the_costs_are_means_and_medians(grid):
    board = Board(grid())
    metrics = metrics_table(board, 0.1, "same")
    assert metrics.table.header == ("system", "image_auroc", "pixel_auroc", "precision")
    assert metrics.table.rows[0][1] == board.mean("image_auroc", "softpatch-lof", 0.1, "same").value
    assert timing_table(board).table.rows[0][2:] == (21.0, 3.5)
    assert "at the threshold that the detector set" in metrics.caption
    ranked = [replace(one, metrics={"image_auroc": one.metrics["image_auroc"]}) for one in grid()]
    assert "no thresholds were looked for" in metrics_table(Board(ranked), 0.1, "same").caption


def test_many_comparisons_are_narrow_enough_for_paper():
    names = [f"a long name of a system, {number}" for number in range(15)]
    pairs = [
        Comparison(first, second, (later - earlier) / 1000, 0.01 if later - earlier > 3 else 0.5)
        for earlier, first in enumerate(names)
        for later, second in enumerate(names)
        if earlier < later
    ]
    table = comparison_table(Certainty("aupro", 0.1, "same", {}, pairs))
    assert table.shown.header == ("detector", *map(str, range(1, 16)))
    assert [row[0] for row in table.shown.rows] == [
        f"{number} {name}" for number, name in enumerate(names, 1)
    ]
    assert table.shown.rows[2][1:8] == ("-2", "-1", "", "+1", "+2", "+3", "+4*")
    assert max(len(value) for row in table.shown.rows for value in row[1:]) <= 5
    assert "thousandths" in table.caption
    assert table.table.rows[0] == (names[0], names[1], 0.001, 0.5)


def test_a_comparison_reads_both_ways():
    pairs = [
        Comparison("a", "b", 0.1, 1e-5),
        Comparison("a", "c", None, None),
        Comparison("b", "c", 0.2, None),
        Comparison("d", "a", -0.0002, 0.04),
    ]
    shown = comparison_table(Certainty("aupro", 0.0, "none", {}, pairs)).shown
    assert shown.rows == (
        ("a", "", "+0.100*", "-", "0.000*"),
        ("b", "-0.100*", "", "+0.200", ""),
        ("c", "-", "-0.200", "", ""),
        ("d", "0.000*", "", "", ""),
    )
