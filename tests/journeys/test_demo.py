"""`patchsieve demo`: the main job on images that it makes itself; what it says must agree with the truth it hides."""

import json
import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import patchsieve


@pytest.mark.slow
def test_the_demo_reports_what_is_true(process, tmp_path, read_page):
    done = process("demo", "--out", "demo")
    truth = json.loads((tmp_path / "demo" / "images" / "truth.json").read_text())
    hidden = {image["name"] for image in truth["images"] if image["split"] == "train" and image["defect"]}
    trained = sum(image["split"] == "train" for image in truth["images"])
    assert len(truth["images"]) >= 150

    model = patchsieve.load(tmp_path / "demo" / "model.sieve")
    suspects = model.suspects(len(hidden)).images.names
    found = len(hidden & set(suspects))
    assert f"The {len(hidden)} most suspect of {trained} training images:" in done.stdout
    assert f"{found} of these {len(hidden)} suspects truly are defective" in done.stdout
    listed = re.findall(r"^  (\S+)  score \S+  (truly defective|good)$", done.stdout, re.MULTILINE)
    assert [name for name, _ in listed] == list(suspects)
    assert all((name in hidden) == (verdict != "good") for name, verdict in listed)
    assert found >= 0.5 * len(hidden)

    test = patchsieve.read_images(tmp_path / "demo" / "images").test
    auroc = roc_auc_score(np.array([record.defective for record in test]), model.predict(test).scores)
    assert re.search(rf"^AUROC +{re.escape(f'{auroc:.4g}')} ", done.stdout, re.MULTILINE)
    assert auroc > 0.8

    assert f"report: {(tmp_path / 'demo' / 'report.html').resolve()}" in done.stderr
    page = read_page(tmp_path / "demo" / "report.html")
    assert f"{found} of the {len(hidden)} most suspect truly are" in page.text
    assert f"{auroc:.4f}" in page.text
