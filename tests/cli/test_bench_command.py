"""`patchsieve bench`: what it prints and leaves behind, and what it refuses in words."""

import csv
import json

import pytest

SMALL = ("--no-calibrate", "--set", "image_size=64", "--set", "crop=none", "--set", "bank_size=300")
FAST = (*SMALL, "--examples", 0)


def test_it_prints_a_row_for_each_detector_and_condition_and_a_second_run_does_nothing(
    patchsieve, labelled, tmp_path
):
    command = (
        "bench",
        labelled,
        "--out",
        tmp_path / "b",
        "--detectors",
        "patchcore,padim",
        "--seeds",
        1,
        *FAST,
    )
    first = patchsieve(*command)
    assert first.code == 0, first.err
    assert "6 experiments, 0 of them done before" in first.err
    rows = [line.split() for line in first.out.splitlines() if "plate" in line]
    assert [row[:4] for row in rows] == [
        ["plate", name, *case]
        for name in ("patchcore", "padim")
        for case in (["0", "-"], ["0.1", "none"], ["0.1", "same"])
    ]
    names = {path.name for path in (tmp_path / "b" / "manifests").iterdir()}
    assert names == {"plate-noise0.1-none-seed0.json", "plate-noise0.1-same-seed0.json"}
    assert (tmp_path / "b" / "report.html").is_file()
    again = patchsieve(*command)
    assert "6 experiments, 6 of them done before" in again.err
    assert again.out == first.out
    assert not (tmp_path / "b" / ".embeddings").exists()


@pytest.mark.slow
def test_the_report_has_its_figures_as_files(patchsieve, labelled, tmp_path):
    out = tmp_path / "b"
    finished = patchsieve(
        "bench", labelled, "--out", out, "--detectors", "softpatch", "--seeds", 1, "--noise", "0,0.1",
        "--overlap", "same", "--vary", "tau=0.05,0.3", *SMALL,
    )  # fmt: skip
    assert finished.code == 0, finished.err
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "tau" in page
    # The first category's bank, noise and worst images; the noise is what the manifest names.
    assert len(list((out / "figures").glob("bank-*.svg"))) == 2
    assert list((out / "figures").glob("top-*.png"))
    (manifest,) = (out / "manifests").iterdir()
    entries = json.loads(manifest.read_text())["entries"]
    assert entries
    assert all(entry["name"].rsplit("/")[-1] in page for entry in entries)
    for kind in ("svg", "png", "csv"):
        assert list((out / "figures").glob(f"*.{kind}"))
    for path in (out / "figures").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as stream:
            assert len(list(csv.reader(stream))) >= 2


def test_failures_are_said_the_rest_goes_on_and_the_status_is_1(patchsieve, labelled, tmp_path):
    finished = patchsieve(
        "bench", labelled, "--out", tmp_path / "b", "--detectors", "patchcore", "--seeds", 1,
        "--noise", "0,2", "--overlap", "none", *FAST,
    )  # fmt: skip
    assert finished.code == 1
    assert "200 % noise, no overlap, seed 0: noise 2" in finished.err
    assert "1 of 2 experiments failed" in finished.err
    lowered = patchsieve(
        "bench", labelled, "--out", tmp_path / "b", "--detectors", "patchcore", "--seeds", 1,
        "--noise", "0,2", "--overlap", "none", "--too-few", "lower", *FAST,
    )  # fmt: skip
    assert lowered.code == 0, lowered.err
    assert "warning: plate, 200 % noise, no overlap, seed 0: " in lowered.err


def test_figures_are_printed_whole_however_narrow_the_terminal(capsys, monkeypatch):
    from patchsieve.cli.bench import SHOWN, _show
    from patchsieve.evaluation.bench import Cell, CellResult, Condition, System

    monkeypatch.setenv("COLUMNS", "40")
    system = System("softpatch-lof tau=0.05", "softpatch")
    _show(
        [
            CellResult(
                Cell("tiles", "tiles", system, Condition(0.1, "same", seed)), dict.fromkeys(SHOWN, value)
            )
            for seed, value in enumerate((0.25, 0.75))
        ]
    )
    shown = capsys.readouterr().out.splitlines()[-1]
    # What an experiment costs is not spread over seeds, but over what else the machine had to do.
    figures = [*["0.500", "±0.354"] * 5, *["0.500"] * 3]
    assert shown.split() == ["tiles", "softpatch-lof", "tau=0.05", "0.1", "same", *figures]


def test_presets_are_listed(patchsieve):
    listed = patchsieve("bench", "--list-presets")
    assert listed.code == 0
    assert "paper-table-1: " in listed.out


def test_a_preset_runs_on_another_backbone(patchsieve, labelled, tmp_path):
    finished = patchsieve(
        "bench", labelled, "--out", tmp_path / "b", "--preset", "ablation-tau", "--seeds", 1,
        "--backbone", "efficientnet_lite0", "--noise", "0.1", "--overlap", "same", *FAST,
    )  # fmt: skip
    assert finished.code == 0, finished.err
    assert sum("tau=" in line for line in finished.out.splitlines()) >= 3


def test_manifests_of_one_bench_serve_another(patchsieve, labelled, tmp_path):
    common = ("--detectors", "patchcore", "--seeds", 1, "--noise", "0.1", "--overlap", "none", *FAST)
    assert patchsieve("bench", labelled, "--out", tmp_path / "a", *common).code == 0
    given = tmp_path / "a" / "manifests"
    assert patchsieve("bench", labelled, "--out", tmp_path / "b", "--manifests", given, *common).code == 0
    (here,), (there,) = ([*(tmp_path / name / "manifests").iterdir()] for name in "ab")
    assert json.loads(here.read_text()) == json.loads(there.read_text())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--detectors", "nonesuch"), "no detector 'nonesuch'"),
        (("--preset", "paper-table-99"), "no bench preset"),
        (("--noise", "much"), "'much' is no number"),
        (("--noise", "-0.1"), "-0.1"),
        (("--overlap", "some"), "no overlap 'some'"),
        (("--too-few", "cry"), "refuse"),
        (("--set", "no_such=1"), "no_such"),
        (("--vary", "tau"), "NAME=V1,V2"),
        (("--vary", "tau=0.1,0.1", "--detectors", "softpatch"), "different values"),
        (("--vary", "tau=0.1", "--detectors", "padim"), "padim has no setting"),
        (("--categories", "zinc"), "no category 'zinc'"),
        (("--set", "coreset_ratio=7"), "coreset_ratio"),
    ],
)
def test_what_cannot_work_is_refused_before_any_work(refused, labelled, tmp_path, arguments, words):
    assert words in refused("bench", labelled, "--out", tmp_path / "b", *arguments)


def test_images_that_cannot_be_judged_by_are_refused(refused, unsorted, tmp_path):
    assert "labels" in refused("bench", unsorted, "--out", tmp_path / "b")
    assert "DATA" in refused("bench", "--out", tmp_path / "b")
