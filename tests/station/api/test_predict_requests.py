import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import func, select

from patchsieve.detectors import load
from patchsieve.station.running import Station
from patchsieve.station.store.tables import InspectionRow

PREDICT = "/api/v1/lines/line7/predict"
BATCH = "/api/v1/lines/line7/predict/batch"


@pytest.fixture(scope="session")
def good(unsorted: Path) -> Path:
    return unsorted / "part_03.png"


@pytest.fixture(scope="session")
def bad(unsorted: Path) -> Path:
    return unsorted / "part_27.png"


def station_of(client: TestClient) -> Station:
    station: Station = client.app.state.station  # type: ignore[attr-defined]
    return station


def count(client: TestClient) -> int:
    with station_of(client).store.reading() as session:
        return session.scalar(select(func.count()).select_from(InspectionRow)) or 0


def test_the_answer_is_that_of_the_command_line(client, small_model, good, bad) -> None:
    expected = load(small_model).predict([str(good), str(bad)])
    for place, path in enumerate((good, bad)):
        answer = client.post(PREDICT, files={"image": (path.name, path.read_bytes())}).json()
        assert answer["score"] == pytest.approx(float(expected.scores[place]), rel=1e-5)
        assert answer["verdict"] == expected.verdicts[place]
        assert answer["peak"] == expected.peaks[place].tolist()
        assert len(answer["regions"]) == len(expected.regions()[place])
        assert (answer["image_name"], answer["version"], answer["source"]) == (path.name, 1, "api")


@pytest.mark.parametrize("kind", ["exif", "grey", "rgba", "16 bit"])
def test_images_of_all_kinds_are_seen_as_the_command_line_sees_them(
    client, small_model, bad, tmp_path, kind
) -> None:
    image = Image.open(bad)
    path = tmp_path / "image.png"
    if kind == "exif":
        exif = Image.Exif()
        exif[274] = 6
        path = tmp_path / "image.jpg"
        image.save(path, exif=exif)
    elif kind == "16 bit":
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path)
    else:
        image.convert({"grey": "L", "rgba": "RGBA"}[kind]).save(path)
    expected = load(small_model).predict(str(path))
    answer = client.post(PREDICT, files={"image": ("image", path.read_bytes())}).json()
    assert answer["score"] == pytest.approx(float(expected.scores[0]), rel=1e-5)


def test_the_same_key_gives_the_same_inspection(client, good) -> None:
    send = {"files": {"image": ("a.png", good.read_bytes())}, "headers": {"Idempotency-Key": "part-1"}}
    first, second = client.post(PREDICT, **send), client.post(PREDICT, **send)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert count(client) == 1


def test_without_a_key_every_request_is_an_inspection(client, good) -> None:
    for _ in range(2):
        client.post(PREDICT, files={"image": ("a.png", good.read_bytes())})
    assert count(client) == 2


@pytest.mark.parametrize("change", ["image", "name", "review", "batch"])
def test_the_same_key_for_something_else_is_refused(client, good, bad, change) -> None:
    headers = {"Idempotency-Key": "part-1"}
    client.post(PREDICT, files={"image": ("a.png", good.read_bytes())}, headers=headers)
    if change == "batch":
        again = client.post(BATCH, files=[("images", ("a.png", bad.read_bytes()))], headers=headers)
    else:
        name = "b.png" if change == "name" else "a.png"
        data = bad if change == "image" else good
        fields = {"review": "0.1"} if change == "review" else {}
        again = client.post(PREDICT, files={"image": (name, data.read_bytes())}, data=fields, headers=headers)
    assert again.status_code == 409
    assert "was used for other images" in again.json()["detail"]
    assert count(client) == 1


def test_a_key_that_many_use_at_once_gives_one_inspection(start, database_url, good) -> None:
    client = start(database_url=database_url)
    answers: list[str] = []

    def send() -> None:
        files = {"image": ("a.png", good.read_bytes())}
        answer = client.post(PREDICT, files=files, headers={"Idempotency-Key": "part-1"})
        answers.append(answer.json()["id"])

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert count(client) == 1


def test_a_batch_lists_what_it_cannot_decode_and_counts_the_rest(client, good, bad) -> None:
    files = [
        ("images", ("good.png", good.read_bytes())),
        ("images", ("broken.png", good.read_bytes()[:500])),
        ("images", ("bad.png", bad.read_bytes())),
    ]
    answer = client.post(BATCH, files=files, headers={"Idempotency-Key": "tray-1"})
    assert answer.status_code == 200
    body = answer.json()
    assert [one["image_name"] for one in body["inspections"]] == ["good.png", "bad.png"]
    assert [one["image_name"] for one in body["refused"]] == ["broken.png"]
    again = client.post(BATCH, files=files, headers={"Idempotency-Key": "tray-1"}).json()
    assert again == body
    assert count(client) == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty file"),
        (b"hello", "text file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "PNG"),
    ],
)
def test_what_is_no_image_is_refused_in_words(client, data, words) -> None:
    answer = client.post(PREDICT, files={"image": ("a.png", data)})
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert count(client) == 0


def test_an_image_with_too_many_pixels_is_refused(start) -> None:
    client = start(max_pixels=10_000)
    data = io.BytesIO()
    Image.new("L", (101, 100)).save(data, "PNG")
    answer = client.post(PREDICT, files={"image": ("large.png", data.getvalue())})
    assert answer.status_code == 422
    assert "pixels" in answer.json()["detail"]


def test_a_body_that_says_it_is_too_long_is_refused_unread(start) -> None:
    client = start(max_body_bytes=10_000)
    answer = client.post(PREDICT, files={"image": ("a.png", bytes(10_001))})
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_that_says_nothing_of_its_length_is_refused_when_it_is_too_long(start, good) -> None:
    client = start(max_body_bytes=100_000)

    def form(size: int) -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        yield good.read_bytes()
        for _ in range(size):
            yield bytes(1000)
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post(PREDICT, content=form(10), headers=headers).status_code == 200
    refused = client.post(PREDICT, content=form(200), headers=headers)
    assert refused.status_code == 413
    assert "longer than 100000 bytes" in refused.json()["detail"]
    json_refused = client.post(
        "/api/v1/lines/line7/switch", content=form(200), headers={"Content-Type": "application/json"}
    )
    assert json_refused.status_code == 413


def test_too_many_images_at_once_are_refused(start, good) -> None:
    client = start(max_images=2)
    files = [("images", (f"{place}.png", good.read_bytes())) for place in range(3)]
    assert client.post(BATCH, files=files).status_code in (400, 413)
    assert count(client) == 0


def test_more_than_the_queue_takes_is_told_to_come_later(start, good) -> None:
    client = start(queue_size=2, max_images=4)
    station = station_of(client)
    line = station.lines.line("line7")
    with station.pool.accept(line.id, 2):
        answer = client.post(PREDICT, files={"image": ("a.png", good.read_bytes())})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.post(PREDICT, files={"image": ("a.png", good.read_bytes())}).status_code == 200


def test_requests_beyond_what_may_wait_are_refused_before_they_are_read(start, good) -> None:
    client = start(queue_size=1)
    with station_of(client).admission.room():
        answer = client.post(PREDICT, files={"image": ("a.png", good.read_bytes())})
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers


def test_an_operating_point_that_is_not_there_is_refused(client, good) -> None:
    answer = client.post(
        PREDICT, files={"image": ("a.png", good.read_bytes())}, data={"operating_point": "strict"}
    )
    assert answer.status_code == 404
    assert "there are default" in answer.json()["detail"]


@pytest.mark.parametrize("review", ["2", "much", "-1"])
def test_a_review_that_cannot_be_is_refused(client, good, review) -> None:
    answer = client.post(PREDICT, files={"image": ("a.png", good.read_bytes())}, data={"review": review})
    assert answer.status_code == 422


def test_a_review_is_that_of_the_command_line(client, small_model, parts, tmp_path) -> None:
    paths = sorted(parts(tmp_path / "new", 6, 2, first=300).glob("*.png"))
    expected = load(small_model).predict([str(path) for path in paths], review=0.9)
    files = [("images", (path.name, path.read_bytes())) for path in paths]
    answer = client.post(BATCH, files=files, data={"review": "0.9"}).json()
    assert tuple(one["verdict"] for one in answer["inspections"]) == expected.verdicts
    assert {"review", "defect"} <= set(expected.verdicts)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x07b.png", "部品.png", "x" * 1000])
def test_names_of_clients_are_labels_only(client, good, name) -> None:
    answer = client.post(PREDICT, files={"image": (name, good.read_bytes())})
    assert answer.status_code == 200
    station = station_of(client)
    with station.store.reading() as session:
        row = session.scalars(select(InspectionRow)).one()
    assert row.image_file == f"images/{row.image_sha256[:2]}/{row.image_sha256}.png"
    assert station.pictures.path(row.image_file).read_bytes() == good.read_bytes()
    assert len(row.image_name) <= 300
    assert row.image_name.isprintable()


def test_the_map_is_kept_beside_the_inspection(client, small_model, bad) -> None:
    answer = client.post(PREDICT, files={"image": ("a.png", bad.read_bytes())}).json()
    kept = station_of(client).pictures.read_map(answer["id"])
    expected = load(small_model).predict(str(bad))
    assert kept is not None
    spread = float(np.ptp(expected.maps[0]))
    np.testing.assert_allclose(kept.values, expected.maps[0], atol=spread / 30000, rtol=1e-5)
    assert kept.box == tuple(expected.boxes[0].tolist())


@pytest.mark.parametrize(
    "make",
    [
        lambda client: client.post(PREDICT),
        lambda client: client.post(PREDICT, json={}),
        lambda client: client.post(PREDICT, data={"image": "text"}),
        lambda client: client.post(
            PREDICT, content=b"rubbish", headers={"Content-Type": "multipart/form-data; boundary=x"}
        ),
        lambda client: client.post(PREDICT, headers={"Content-Type": "multipart/form-data"}),
        lambda client: client.post(PREDICT, files={"picture": b""}),
        lambda client: client.post(PREDICT, files={"image": b""}, headers={"Idempotency-Key": "x" * 300}),
    ],
)
def test_requests_that_are_none_are_refused(client, make: Callable[[TestClient], object]) -> None:
    answer = make(client)
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.json()) == {"title", "status", "detail"}


def test_a_line_without_a_model_is_not_available(start, good) -> None:
    client = start(models=())
    assert client.post(PREDICT, files={"image": good.read_bytes()}).status_code == 404


def test_a_station_that_stops_accepts_nothing(client, good) -> None:
    station_of(client).pool.close()
    answer = client.post(PREDICT, files={"image": ("a.png", good.read_bytes())})
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
