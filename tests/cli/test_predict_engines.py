"""Which options of predict go together with which engine."""

import pytest

RAY = ("--engine", "ray")


@pytest.mark.parametrize(
    ("options", "wrong", "words"),
    [
        (("--address", "auto"), "--address", "give --engine ray"),
        (RAY, "--out", "results into a folder"),
        (
            (*RAY, "--out", "found", "--overlays", "--maps", "npy"),
            "--overlays",
            "leave out --overlays, --maps",
        ),
        ((*RAY, "--out", "found", "--coco", "found.json"), "--coco", "scores and verdicts"),
        ((*RAY, "--out", "found", "--format", "json"), "--format", "scores and verdicts"),
        ((*RAY, "--out", "found", "--min-area", "9"), "--min-area", "scores and verdicts"),
    ],
)
def test_options_of_the_other_engine_are_refused(
    model_file, unsorted, tmp_path, patchsieve, monkeypatch, options, wrong, words
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = patchsieve("predict", model_file, unsorted, *options)
    assert ended.code == 2
    assert f"Invalid value for {wrong}" in ended.err
    assert words in " ".join(ended.err.replace("│", "").split())
    assert not list(tmp_path.iterdir())
