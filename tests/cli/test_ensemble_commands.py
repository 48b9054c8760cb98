"""An ensemble of members with features of their own, from the command line to the verdicts."""

import yaml

from patchsieve import load

MEMBERS = [
    {"detector": "softpatch", "layers": ["stage3"], "lof_k": 4},
    {"detector": "padim", "layers": ["stage2", "stage3"], "channels": 30},
]


def test_an_ensemble_is_fitted_from_a_configuration_and_used_like_any_model(patchsieve, labelled, tmp_path):
    config = tmp_path / "line7.yaml"
    config.write_text(yaml.safe_dump({"detector": "ensemble", "members": MEMBERS, "fusion": "max"}))
    path = tmp_path / "line7.sieve"
    finished = patchsieve(
        "fit", labelled, "--config", config, "--cache", tmp_path / "cache", "--out", path, small=True
    )
    assert finished.code == 0, finished.err
    assert "memory bank" in finished.err
    assert "Gaussians of the positions" in finished.err
    model = load(path)
    assert [member.system for member in model.members_] == ["softpatch", "padim"]
    # The configuration that the report shows fits the same model again.
    shown = patchsieve("fit", "--config", config, "--print-config", small=True).out
    assert yaml.safe_load(shown)["members"] == MEMBERS
    judged = patchsieve("evaluate", path, labelled, "--format", "json")
    assert judged.code == 0, judged.err
    assert yaml.safe_load(judged.out)["auroc"] > 0.9
    listed = patchsieve("suspects", path, "--top", 2, "--format", "json")
    assert {row["image"] for row in yaml.safe_load(listed.out)} == {
        "train/good/part_20.png",
        "train/good/part_21.png",
    }
