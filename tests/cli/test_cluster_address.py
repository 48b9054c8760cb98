"""An address without a cluster is told at once and in words."""

import socket

import pytest


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nobody_listens(refused, unsorted, tmp_path, scheme) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"{scheme}127.0.0.1:{port}"
    said = refused("fit", unsorted, "--out", tmp_path / "a.sieve", "--engine", "ray", "--address", address)
    assert f"there is no Ray cluster to join at {address}" in said
    assert "ray start --head" in said


@pytest.mark.parametrize("address", ["nowhere", "host:", ":6379", "host:port"])
def test_what_is_no_address(refused, unsorted, tmp_path, address) -> None:
    said = refused("fit", unsorted, "--out", tmp_path / "a.sieve", "--engine", "ray", "--address", address)
    assert "host:port" in said
