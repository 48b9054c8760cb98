"""Putting the observers around an application, and their routes into it."""

from fastapi import APIRouter, FastAPI
from starlette.responses import Response

from patchsieve.station.asking import StationNow
from patchsieve.station.observing.looking import Looking
from patchsieve.station.observing.probes import Probes
from patchsieve.station.observing.requests import RequestLog
from patchsieve.station.running import Station
from patchsieve.station.security import Role, require

_TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(include_in_schema=False)


def install(app: FastAPI, station: Station) -> None:
    """Count and log all requests of an application, and answer how the station goes. Call it after the guard's."""
    looking = Looking(station)
    station.metrics.watch(looking, looking.name_of)
    app.include_router(router)
    build = app.build_middleware_stack
    # Not add_middleware: Starlette answers what nobody has caught outside of it, and that is to be counted too.
    app.build_middleware_stack = lambda: RequestLog(Probes(build(), looking), station.metrics)  # type: ignore[method-assign]


@router.get("/metrics", dependencies=[require(Role.VIEWER)])
def metrics(station: StationNow) -> Response:
    """Return the figures for Prometheus; it authenticates by a token of the role viewer."""
    return Response(station.metrics.text(), media_type=_TEXT_FORMAT)
