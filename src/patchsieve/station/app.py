"""The station as a web application: all of its parts put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio.to_thread
from fastapi import FastAPI

from patchsieve.station import api, pages, security
from patchsieve.station.engine import Scoring
from patchsieve.station.limits import BodyLimit
from patchsieve.station.observing.installing import install as observe
from patchsieve.station.problems import answer_errors
from patchsieve.station.running import Station
from patchsieve.station.settings import StationSettings

OPENAPI = "/api/v1/openapi.json"


def create_app(settings: StationSettings, scoring: Scoring | None = None) -> FastAPI:
    """Open a station and return the application that serves it; the end of its lifespan closes the station.

    Args:
        settings: of the station.
        scoring: where models score; None for in this process.

    Raises:
        PatchSieveError: the database, the data folder or a model cannot be used; or strangers could come in.
    """
    station = Station.open(settings, scoring)
    try:
        security.require_safe_start(settings, station.accounts)
        station.start()
        return _application(station)
    except BaseException:
        station.close()
        raise


def _application(station: Station) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - FastAPI's signature
        yield
        # What was accepted is finished: that takes a moment, in which the loop goes on.
        await anyio.to_thread.run_sync(station.close)

    app = FastAPI(
        title="PatchSieve station",
        version=version("patchsieve"),
        description=api.DESCRIPTION,
        openapi_url=OPENAPI,
        openapi_tags=api.TAGS,
        # Their pages load scripts from the internet, which a factory floor has not.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.station = station
    answer_errors(app)
    app.include_router(api.router, prefix="/api/v1")
    api.describe(app)
    pages.install(app)
    # Outermost last: first it is said who asks, then the body is counted.
    app.add_middleware(BodyLimit, max_bytes=station.settings.max_body_bytes)
    security.install(app, station.settings, lambda: station.accounts)
    observe(app, station)
    return app
