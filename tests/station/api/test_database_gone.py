from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import create_engine, make_url, text

PREDICT = "/api/v1/lines/line7/predict"


def test_while_the_database_is_gone_clients_are_told_to_ask_again(
    start: Callable[..., TestClient], new_postgres_database: Callable[[], str], unsorted: Path
) -> None:
    url = new_postgres_database()
    client = start(database_url=url)
    # As clients see it: an answer, whatever happened.
    client = TestClient(
        client.app, client.base_url, client=("127.0.0.1", 50000), raise_server_exceptions=False
    )
    send = {
        "files": {"image": ("a.png", (unsorted / "part_01.png").read_bytes())},
        "headers": {"Idempotency-Key": "part-1"},
    }
    before = client.post(PREDICT, **send)
    name = make_url(url).database
    admin = create_engine(
        make_url(url).set(drivername="postgresql+psycopg", database="postgres"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
        gone = client.post(PREDICT, **send)
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()
    assert gone.status_code == 503
    assert "Retry-After" in gone.headers
    assert gone.json()["detail"] == "the station's database does not answer now; ask again"
    after = client.post(PREDICT, **send)
    assert (after.status_code, after.json()) == (200, before.json())
