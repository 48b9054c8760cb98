"""Serving a station over HTTP until somebody stops it."""

import errno
import fcntl
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import uvicorn

from patchsieve.errors import PatchSieveError
from patchsieve.station.app import create_app
from patchsieve.station.engine import Scoring
from patchsieve.station.observing.logs import json_log
from patchsieve.station.running import Station
from patchsieve.station.settings import StationSettings

_LOCK_FILE = "station.lock"
# What a request that was accepted may take until it is answered after somebody has stopped the station.
_FINISHING_SECONDS = 30
_BACKLOG = 2048


def serve(
    settings: StationSettings,
    *,
    tell: Callable[[str], None],
    scoring: AbstractContextManager[Scoring] | None = None,
) -> None:
    """Serve a station; return when it was stopped and all that it had accepted is answered.

    Args:
        settings: of the station.
        tell: told the address once the station answers there.
        scoring: where models score, as long as the station is at work; None for in this process.

    Raises:
        PatchSieveError: the address, the data folder, the database or a model cannot be used, or strangers could come
            in.
    """
    # What can be said at once is said before models are loaded, which takes seconds.
    with (
        json_log(),
        _bound(settings.host, settings.port) as listening,
        _alone(settings.data_dir),
        scoring or nullcontext() as elsewhere,
    ):
        app = create_app(settings, elsewhere)
        station: Station = app.state.station
        # The first image shall not wait for it.
        station.decoder.start()
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            # Nobody else's word about where a request comes from counts.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=_FINISHING_SECONDS,
        )
        tell(_address(settings.host, listening.getsockname()[1]))
        _Server(config, station).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends the streams of those who watch before it waits for all connections to end."""

    def __init__(self, config: uvicorn.Config, station: Station) -> None:
        super().__init__(config)
        self._station = station

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._station.events.close()
        await super().shutdown(sockets)


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """Listen at an address. Raises `PatchSieveError` where that is not possible."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except socket.gaierror as error:
        raise PatchSieveError(f"{host} is no address of this machine: {error.strerror}") from error
    except OSError as error:
        raise PatchSieveError(_refusal(host, port, error)) from error
    with listening:
        yield listening


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken, perhaps by another station: choose another one with --port"
    if error.errno == errno.EACCES:
        return f"port {port} needs the rights of an administrator: choose one above 1023 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine"
    return f"cannot listen at {host}, port {port}: {error.strerror or error}"


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Let one station at a time work in a folder. Raises `PatchSieveError` where there is one already."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / _LOCK_FILE).open("ab")
    except OSError as error:
        raise PatchSieveError(f"cannot use {data_dir} for the station's data: {error.strerror}") from error
    with lock:
        try:
            # It goes with the process, however that ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PatchSieveError(
                f"another station is at work in {data_dir}: stop it, or give this one a folder of its own with --data"
            ) from error
        yield


def _address(host: str, port: int) -> str:
    # Of all addresses of this machine this one can be clicked on.
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
