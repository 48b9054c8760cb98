"""How routes get at the station."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from patchsieve.station.running import Station


def station_of(request: Request) -> Station:
    """Return the station that a request is for."""
    station: Station = request.app.state.station
    return station


StationNow = Annotated[Station, Depends(station_of)]
"""The parameter of a route that needs the station: ``def route(station: StationNow)``."""
