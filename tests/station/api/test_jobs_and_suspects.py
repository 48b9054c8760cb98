"""From a suspect to a switched version over HTTP."""

import time
from urllib.parse import quote

from fastapi.testclient import TestClient

V1 = "/api/v1/lines/line7/versions/1"


def test_from_a_suspect_to_a_switched_version(client: TestClient) -> None:
    found = client.get(f"{V1}/suspects").json()
    assert found["training_images"] == 28
    worst = found["suspects"][0]
    assert (worst["rank"], worst["verdict"], worst["file_there"]) == (1, None, True)
    captions = client.get(f"{V1}/suspects/1/evidence").json()["captions"]
    assert captions[0] == f"worst patch of {worst['name']}"
    pictures = [
        client.get(f"{V1}/suspects/1/{what}") for what in ("image", "map", "evidence/0", "evidence/3")
    ]
    assert all(picture.headers["content-type"] == "image/png" for picture in pictures)
    assert len({picture.content for picture in pictures}) == 4
    assert client.get(f"{V1}/suspects/1/evidence/4").status_code == 404
    assert client.get(f"{V1}/suspects/29/image").status_code == 404
    assert client.get(f"{V1}/suspects/1/{quote('../x')}").status_code in (404, 422)

    marked = client.post(f"{V1}/marks", json={"name": worst["name"], "verdict": "drop"}).json()
    assert (marked["verdict"], marked["by"], marked["undoes"]) == ("drop", "local", False)
    assert client.post(f"{V1}/marks/undo").json()["verdict"] is None
    assert client.post(f"{V1}/marks/undo").json() is None
    client.post(f"{V1}/marks", json={"name": worst["name"], "verdict": "drop"})
    assert [mark["verdict"] for mark in client.get(f"{V1}/marks").json()] == ["drop", None, "drop"]
    assert client.post(f"{V1}/marks", json={"name": "no such", "verdict": "drop"}).status_code == 404
    assert client.post(f"{V1}/marks", json={"name": "a", "verdict": "maybe"}).status_code == 422
    assert client.get("/api/v1/lines/line7/pending").json() == {
        "version": 1,
        "keep": 0,
        "drop": 1,
        "good": 0,
        "defects": 0,
    }

    started = client.post("/api/v1/lines/line7/jobs", json={"kind": "refit"})
    assert started.status_code == 202
    job = started.json()
    deadline = time.monotonic() + 240
    while job["state"] in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    assert job["state"] == "done", job["error"]
    assert job["changes"]["dropped"] == [worst["name"]]
    assert job["changes"]["after"]["images"] == 27
    assert [each["id"] for each in client.get("/api/v1/lines/line7/jobs").json()] == [job["id"]]
    assert client.get("/api/v1/jobs?limit=1").json()[0]["id"] == job["id"]
    assert client.get("/api/v1/lines/line7").json()["active"] == 1
    switched = client.post("/api/v1/lines/line7/switch", json={"version": job["version"]})
    assert switched.json()["active"] is True
    assert client.post(f"/api/v1/jobs/{job['id']}/cancel").status_code == 409
    assert client.post("/api/v1/lines/line7/jobs", json={}).status_code == 409
    assert client.get(f"/api/v1/jobs/{'0' * 32}").status_code == 404
    assert client.get("/api/v1/jobs/not-an-id").status_code == 422


def test_drift_is_unknown_at_first_and_of_no_line_not_found(client: TestClient) -> None:
    assert client.get("/api/v1/lines/line7/drift").json()["state"] == "unknown"
    assert client.get("/api/v1/lines/line8/drift").status_code == 404
