"""Putting the guard around an application, and refusing to open a door that nobody watches."""

from collections.abc import Callable

from fastapi import FastAPI

from patchsieve.errors import ConfigError
from patchsieve.station.security.guard import Gatekeeper, Guard
from patchsieve.station.security.headers import SecurityHeaders
from patchsieve.station.security.origins import is_loopback
from patchsieve.station.settings import StationSettings

_SHORTEST_TOKEN = 20


def install(app: FastAPI, settings: StationSettings, gatekeeper: Callable[[], Gatekeeper]) -> None:
    """Put `Guard` around the application, and `SecurityHeaders` around both.

    Args:
        app: not started yet.
        settings: host, host_names and token are used.
        gatekeeper: gives the accounts, which may not be open before the application has started.
    """
    app.add_middleware(Guard, settings=settings, gatekeeper=gatekeeper)
    build = app.build_middleware_stack
    # Not add_middleware: Starlette answers what nobody has caught outside of it, and a 500 is a response too.
    app.build_middleware_stack = lambda: SecurityHeaders(build())  # type: ignore[method-assign]


def require_safe_start(settings: StationSettings, gatekeeper: Gatekeeper) -> None:
    """Check before listening that strangers on the network find a closed door.

    Raises:
        ConfigError: the address can be reached from elsewhere and there is neither a user nor a token; or the token
            could be guessed.
    """
    if settings.token is not None and len(settings.token.get_secret_value()) < _SHORTEST_TOKEN:
        raise ConfigError(f"the token can be guessed: take {_SHORTEST_TOKEN} random characters or more")
    if is_loopback(settings.host) or settings.token is not None or gatekeeper.any_users():
        return
    raise ConfigError(
        f"everybody on the network could use a station that listens at {settings.host}: add a user first "
        "(patchsieve users add NAME --role engineer), or give a token (--token-file FILE)"
    )
