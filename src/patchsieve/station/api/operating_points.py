"""Operating points of the active version of a line, and what a threshold would have cost on its history."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from patchsieve.decisions import Purpose
from patchsieve.errors import ConfigError
from patchsieve.station.api.schemas import LineName, Text, problems
from patchsieve.station.api.shapes import CostOnHistory, Histogram, Point
from patchsieve.station.api.who import LOOKING, Engineer
from patchsieve.station.asking import StationNow
from patchsieve.station.errors import Invalid
from patchsieve.station.services.thresholds import Goal

router = APIRouter(prefix="/lines/{line}/operating-points")
PointName = Annotated[
    Text,
    Path(alias="name", min_length=1, max_length=60, description="Name of the point.", examples=["strict"]),
]


class PurposeWanted(BaseModel):
    """What a threshold shall do on the inspections that people judged."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    goal: Literal["recall", "precision", "f1", "youden", "cost", "profile"]
    target: float | None = Field(
        None, description="Of recall or precision: the share to reach.", examples=[0.95]
    )
    profile: Literal["screening", "final", "critical"] | None = Field(
        None, description="With the goal profile."
    )
    miss: float = Field(1.0, description="Cost of a defective part that passes.")
    false_alarm: float = Field(1.0, description="Cost of a good part that is stopped.")
    prevalence: float = Field(0.5, description="Share of defective parts on the line.")


class PointWanted(BaseModel):
    """What a point shall be: exactly one of threshold, false_alarms and purpose."""

    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, json_schema_extra={"examples": [{"false_alarms": 0.005}]}
    )

    threshold: float | None = Field(None, description="The value itself.")
    false_alarms: float | None = Field(
        None, gt=0, lt=1, description="Share of good images that may be above it, by the training images."
    )
    clean: bool = Field(False, description="With false_alarms: no training image is defective.")
    purpose: PurposeWanted | None = None

    def goal(self) -> Goal:
        """Return it as the services know it. Raises `Invalid` for a purpose that cannot be."""
        try:
            purpose = None if self.purpose is None else Purpose(**self.purpose.model_dump())
        except ConfigError as error:
            raise Invalid(str(error)) from error
        return Goal(self.threshold, self.false_alarms, purpose, self.clean)


@router.get(
    "",
    response_model=list[Point],
    dependencies=LOOKING,
    responses=problems(404),
    summary="List the operating points",
)
def points(station: StationNow, line: LineName) -> object:
    """Return the points of the active version by name."""
    return station.thresholds.points(line)


@router.get(
    "/changes",
    response_model=list[Point],
    dependencies=LOOKING,
    responses=problems(404),
    summary="List who changed which operating point",
)
def changes(station: StationNow, line: LineName) -> object:
    """Return all points that the active version ever had, the latest first; `until` is null for those that count."""
    return station.thresholds.changes(line)


@router.get(
    "/histogram",
    response_model=Histogram,
    dependencies=LOOKING,
    responses=problems(404, 503),
    summary="Show how scores are distributed",
)
def histogram(station: StationNow, line: LineName) -> object:
    """Return counts of the scores of the active version, by what people said of the parts."""
    return station.thresholds.histogram(line)


@router.get(
    "/cost",
    response_model=CostOnHistory,
    dependencies=LOOKING,
    responses=problems(404),
    summary="Ask what a threshold would have cost",
)
def cost(
    station: StationNow,
    line: LineName,
    threshold: Annotated[float, Query(allow_inf_nan=False, description="To be tried.", examples=[2.4])],
) -> object:
    """Return false alarms and misses that a threshold would have had on the history, with intervals."""
    return station.thresholds.cost(line, threshold)


@router.put(
    "/{name}",
    response_model=Point,
    responses=problems(404, 409, 503),
    summary="Make or change an operating point",
)
def change(
    station: StationNow, line: LineName, name: PointName, wanted: PointWanted, visitor: Engineer
) -> object:
    """Make a point, or another one of the same name; the one before is kept among the changes."""
    return station.thresholds.change(line, name, wanted.goal(), by=visitor.name)


@router.post(
    "/{name}/use",
    response_model=Point,
    responses=problems(404),
    summary="Use an operating point",
)
def use(station: StationNow, line: LineName, name: PointName, visitor: Engineer) -> object:
    """Make a point the one that counts where none is named."""
    return station.thresholds.use(line, name, by=visitor.name)


@router.delete(
    "/{name}",
    status_code=204,
    responses=problems(404, 409),
    summary="Remove an operating point",
)
def remove(station: StationNow, line: LineName, name: PointName, visitor: Engineer) -> Response:
    """Let a point count no more; it stays among the changes."""
    station.thresholds.remove(line, name, by=visitor.name)
    return Response(status_code=204)
