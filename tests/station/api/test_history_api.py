import csv
import io
import json

import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image

INSPECTIONS = "/api/v1/inspections"
POINTS = "/api/v1/lines/line7/operating-points"


@pytest.fixture
def inspected(client, unsorted) -> list[dict]:
    """Three good parts and two defective ones, in order."""
    paths = sorted(unsorted.glob("*.png"))
    files = [("images", (path.name, path.read_bytes())) for path in (*paths[:3], *paths[-2:])]
    return client.post("/api/v1/lines/line7/predict/batch", files=files).json()["inspections"]


def test_pages_lead_through_the_history(client, inspected) -> None:
    found, cursor = [], None
    while True:
        page = client.get(
            INSPECTIONS, params={"limit": 2, "sort": "-score", **({"cursor": cursor} if cursor else {})}
        ).json()
        found += page["inspections"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    expected = sorted(inspected, key=lambda one: (one["score"], one["id"]), reverse=True)
    assert [one["id"] for one in found] == [one["id"] for one in expected]
    assert "regions" not in found[0]
    assert client.get(f"{INSPECTIONS}/{found[0]['id']}").json() == expected[0]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 5),
        ({"verdict": "defect"}, 2),
        ({"line": "line8"}, 0),
        ({"name": "PART_00"}, 1),
        ({"since": "2100-01-01T00:00:00+08:00"}, 0),
        ({"until": "2100-01-01T00:00:00Z"}, 5),
        ({"human": "judged"}, 0),
        ({"source": "api", "version": 1, "operating_point": "default"}, 5),
        ({"lowest": "1e308"}, 0),
    ],
)
@pytest.mark.usefixtures("inspected")
def test_the_history_is_filtered(client, wanted, count) -> None:
    assert len(client.get(INSPECTIONS, params=wanted).json()["inspections"]) == count


@pytest.mark.parametrize(
    "wanted",
    [
        {"cursor": "rubbish"},
        {"cursor": ""},
        {"limit": "0"},
        {"limit": "501"},
        {"since": "2026-03-01T06:00:00"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"since": "9999-12-31T23:59:59-12:00"},
        {"verdict": "bad"},
        {"lowest": "nan"},
        {"name": "a\0"},
        {"sort": "name"},
        {"colour": "red"},
        {"version": "99999999999999999999"},
    ],
)
def test_questions_that_cannot_be_are_refused(client, wanted) -> None:
    for path in (INSPECTIONS, f"{INSPECTIONS}/export.csv"):
        answer = client.get(path, params=wanted)
        assert answer.status_code == 422
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_exports_hold_what_was_asked_for(client, inspected) -> None:
    wanted = {"verdict": "defect", "sort": "score"}
    text = client.get(f"{INSPECTIONS}/export.csv", params=wanted)
    assert text.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(text.text)))
    table = parquet.read_table(io.BytesIO(client.get(f"{INSPECTIONS}/export.parquet", params=wanted).content))
    expected = sorted((one for one in inspected if one["verdict"] == "defect"), key=lambda one: one["score"])
    for ids in ([row["id"] for row in rows], table["id"].to_pylist()):
        assert ids == [one["id"] for one in expected]


def test_the_image_comes_back_as_it_was_with_a_type_of_ours(client, inspected, unsorted) -> None:
    one = inspected[-1]
    answer = client.get(f"{INSPECTIONS}/{one['id']}/image")
    assert answer.content == (unsorted / one["image_name"]).read_bytes()
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{one["id"]}.png"'


def test_the_map_can_be_read_by_what_its_text_says(client, inspected) -> None:
    one = inspected[-1]
    answer = client.get(f"{INSPECTIONS}/{one['id']}/map")
    image = Image.open(io.BytesIO(answer.content))
    note = json.loads(image.text["patchsieve"])
    values = note["low"] + np.asarray(image, float) / 65535 * (note["high"] - note["low"])
    kept = client.app.state.station.history.anomaly_map(one["id"])
    np.testing.assert_allclose(values, kept.values, rtol=1e-5)


def test_a_verdict_is_corrected_and_taken_back(client, inspected) -> None:
    path = f"{INSPECTIONS}/{inspected[0]['id']}/feedback"
    corrected = client.post(path, json={"verdict": "defect", "note": "凹痕"})
    assert corrected.status_code == 200
    assert corrected.json()["human_verdict"] == "defect"
    assert len(client.get(INSPECTIONS, params={"human": "corrected"}).json()["inspections"]) == 1
    client.post(path, json={"verdict": None})
    assert [said["verdict"] for said in client.get(path).json()] == [None, "defect"]
    assert client.get(f"{INSPECTIONS}/{inspected[0]['id']}").json()["human_verdict"] is None


@pytest.mark.parametrize(
    "body",
    [{}, {"verdict": "review"}, {"verdict": "good", "note": "a\0"}, {"verdict": "good", "by": "x"}, []],
)
def test_judgements_that_cannot_be_are_refused(client, inspected, body) -> None:
    assert client.post(f"{INSPECTIONS}/{inspected[0]['id']}/feedback", json=body).status_code == 422


def test_what_is_not_there_is_not_found(client) -> None:
    for path in ("", "/image", "/map", "/feedback"):
        assert client.get(f"{INSPECTIONS}/{'0' * 32}{path}").status_code == 404


def test_points_are_made_used_and_removed(client) -> None:
    made = client.put(f"{POINTS}/strict", json={"threshold": 1.5})
    assert made.status_code == 200
    assert (made.json()["threshold"], made.json()["by"], made.json()["is_default"]) == (1.5, "local", False)
    assert client.post(f"{POINTS}/strict/use").json()["is_default"]
    assert client.delete(f"{POINTS}/strict").status_code == 409
    assert client.delete(f"{POINTS}/default").status_code == 204
    assert [point["name"] for point in client.get(POINTS).json()] == ["strict"]
    changes = client.get(f"{POINTS}/changes").json()
    assert [(point["name"], point["until"] is None) for point in changes] == [
        ("strict", True),
        ("default", False),
        ("strict", False),
        ("default", False),
    ]


def test_a_purpose_is_reached_on_judged_inspections(client, inspected) -> None:
    goal = {"purpose": {"goal": "recall", "target": 0.9}}
    assert client.put(f"{POINTS}/found", json=goal).status_code == 409
    for one in inspected:
        client.post(f"{INSPECTIONS}/{one['id']}/feedback", json={"verdict": one["verdict"]})
    point = client.put(f"{POINTS}/found", json=goal).json()
    assert point["rule"] == "recall >= 0.9"
    cost = client.get(f"{POINTS}/cost", params={"threshold": point["threshold"]}).json()
    assert (cost["costs"]["misses"], cost["costs"]["false_alarms"], cost["unjudged"]) == (0, 0, 0)
    histogram = client.get(f"{POINTS}/histogram").json()
    assert (sum(histogram["good"]), sum(histogram["defective"])) == (3, 2)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"threshold": 1.0, "false_alarms": 0.1},
        {"false_alarms": 0},
        {"purpose": {"goal": "recall"}},
        {"purpose": {"goal": "profile", "profile": "lax"}},
        {"purpose": {"goal": "cost", "miss": -1}},
        {"value": 1.0},
    ],
)
def test_points_that_cannot_be_are_refused(client, body) -> None:
    assert client.put(f"{POINTS}/strict", json=body).status_code == 422


@pytest.mark.usefixtures("inspected")
def test_the_overview_counts(client) -> None:
    answer = client.get("/api/v1/overview").json()
    (line,) = answer["lines"]
    assert (line["recent"]["good"], line["recent"]["defect"], line["unjudged"]) == (3, 2, 2)
    assert answer["disk"]["used"] > 0
    buckets = client.get("/api/v1/throughput", params={"line": "line7", "buckets": 3}).json()
    assert [bucket["good"] + bucket["defect"] for bucket in buckets] == [0, 0, 5]
    assert client.get("/api/v1/throughput", params={"line": "line8"}).status_code == 404


def test_versions_are_listed_and_switched(client) -> None:
    (version,) = client.get("/api/v1/lines/line7/versions").json()
    assert client.get("/api/v1/lines/line7/versions/1").json() == version
    assert client.post("/api/v1/lines/line7/switch", json={"version": 1}).json() == version
    assert client.post("/api/v1/lines/line7/switch", json={"version": 2}).status_code == 404
    assert client.post("/api/v1/lines/line7/rollback").status_code == 409
    assert [one["number"] for one in client.get("/api/v1/lines/line7/switches").json()] == [1]
    assert client.get("/api/v1/lines/line7").json()["active"] == 1
