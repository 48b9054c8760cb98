"""What `patchsieve serve` says, before it serves anything, where it cannot."""

import fcntl
import socket

import pytest


@pytest.fixture
def serve(refused, tmp_path, model_file):
    """Serve with some options, which must fail; return the sentence that it ends with."""

    def run(*options: object, model: object = model_file) -> str:
        return refused("serve", model, "--data", tmp_path / "station", "--port", 0, *options)

    return run


def test_a_port_that_is_taken(refused, tmp_path, model_file) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("serve", model_file, "--data", tmp_path / "station", "--port", port)
    assert f"port {port} of 127.0.0.1 is taken" in said
    assert "--port" in said


def test_an_address_of_another_machine(serve) -> None:
    assert "192.0.2.1 is no address of this machine" in serve("--host", "192.0.2.1")


def test_an_address_that_is_none(serve) -> None:
    assert "no.such.host.invalid is no address of this machine" in serve("--host", "no.such.host.invalid")


def test_a_folder_with_a_station_at_work(refused, tmp_path, model_file) -> None:
    with (tmp_path / "station.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = refused("serve", model_file, "--data", tmp_path, "--port", 0)
    assert "another station is at work" in said
    assert "--data" in said


def test_a_data_folder_that_is_a_file(refused, tmp_path, model_file) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot use" in refused("serve", model_file, "--data", tmp_path / "file" / "x", "--port", 0)


def test_a_token_file_that_is_missing_or_empty(serve, tmp_path) -> None:
    assert "cannot read the token" in serve("--token-file", tmp_path / "missing")
    (tmp_path / "empty").write_text("\n")
    assert "there is no token in" in serve("--token-file", tmp_path / "empty")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--database", "mysql://x@localhost/y"), "does not keep its data in mysql"),
        (("--database", "postgresql://x:secret@127.0.0.1:1/y"), "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used(patchsieve, tmp_path, model_file, options, words) -> None:
    finished = patchsieve("serve", model_file, "--data", tmp_path / "station", "--port", 0, *options)
    assert finished.code == 2
    assert words in finished.err
    assert "secret" not in finished.err


def test_a_model_file_that_is_missing_or_none(patchsieve, tmp_path) -> None:
    broken = tmp_path / "line7.sieve"
    broken.write_bytes(b"no model")
    for model, words in ((tmp_path / "missing.sieve", "cannot read"), (broken, "not a whole model file")):
        finished = patchsieve("serve", model, "--data", tmp_path / "station", "--port", 0)
        assert finished.code == 2
        assert words in finished.err
        assert "Traceback" not in finished.err


def test_a_door_that_nobody_watches(patchsieve, tmp_path, model_file) -> None:
    finished = patchsieve(
        "serve", model_file, "--data", tmp_path / "station", "--port", 0, "--host", "0.0.0.0"
    )
    assert finished.code == 2
    assert "add a user first" in finished.err


@pytest.mark.parametrize("option", ["--address=auto", "--replicas=3"])
def test_options_of_a_cluster_without_one(serve, option) -> None:
    said = serve(option)
    assert option.split("=")[0] in said
    assert "--engine ray" in said
