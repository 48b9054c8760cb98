"""What OpenAPI says is what the API does, whatever it is asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from patchsieve.station import StationSettings, api
from patchsieve.station.app import OPENAPI, create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ADDRESS = "http://127.0.0.1"


def _described() -> dict[str, object]:
    app = FastAPI()
    app.include_router(api.router, prefix="/api/v1")
    api.describe(app)
    return app.openapi()


DESCRIBED = _described()
OPERATIONS = [(method, path) for path, methods in DESCRIBED["paths"].items() for method in methods]
schema = schemathesis.openapi.from_dict(DESCRIBED)


@pytest.fixture(scope="module")
def asked(tmp_path_factory, small_model: Path, unsorted: Path) -> Iterator[tuple[TestClient, str]]:
    """A station with a line and two inspections, one of them judged; and the key of that."""
    data = tmp_path_factory.mktemp("station")
    app = create_app(StationSettings(data_dir=data, models=(small_model,), max_images=4))
    # Errors of ours shall be answers here too, as they are for clients.
    with TestClient(app, ADDRESS, client=("127.0.0.1", 50000), raise_server_exceptions=False) as client:
        for path in sorted(unsorted.glob("*.png"))[-2:]:
            answer = client.post("/api/v1/lines/line7/predict", files={"image": path.read_bytes()}).json()
        client.post(f"/api/v1/inspections/{answer['id']}/feedback", json={"verdict": "good"})
        yield client, answer["id"]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda value: value)
def test_answers_are_those_of_the_description(asked, method: str, path: str) -> None:
    client, inspection = asked

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy())
    def ask(case: schemathesis.Case) -> None:
        # Much of what is asked for shall be there.
        if "line" in case.path_parameters and len(case.path_parameters["line"]) % 2:
            case.path_parameters["line"] = "line7"
        if path.startswith("/api/v1/inspections/{id}") and case.path_parameters["id"][-1] in "01234567":
            case.path_parameters["id"] = inspection
        request = requests.Request(**case.as_transport_kwargs(base_url=ADDRESS)).prepare()
        response = client.request(
            str(request.method), str(request.url), content=request.body, headers=dict(request.headers)
        )
        case.validate_response(response, checks=CHECKS)

    ask()


def test_the_description_is_served_and_is_that_of_the_routes(client: TestClient) -> None:
    served = client.get(OPENAPI).json()
    assert {(method, path) for path, methods in served["paths"].items() for method in methods} >= set(
        OPERATIONS
    )


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda value: value)
def test_every_route_is_described(method: str, path: str) -> None:
    said = DESCRIBED["paths"][path][method]
    assert said["summary"]
    assert said["description"]
    assert said["tags"]
    refusals = {status for status in said["responses"] if int(status) >= 400}
    assert {"401", "403", "422"} <= refusals
    for status in refusals:
        content = said["responses"][status]["content"]
        assert set(content) == {"application/problem+json"}, status
    if "{" in path:
        assert "404" in refusals
