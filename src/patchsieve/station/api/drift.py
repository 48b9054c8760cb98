"""Whether the parts of a line still look like training."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from patchsieve.station.api.schemas import LineName, problems
from patchsieve.station.api.who import LOOKING
from patchsieve.station.asking import StationNow

router = APIRouter()


class Drift(BaseModel):
    """Whether a line's parts of the last day still look like training."""

    model_config = ConfigDict(from_attributes=True)

    line: str = Field(examples=["line7"])
    state: Literal["none", "drift", "defects", "too-few", "unknown"] = Field(
        description="defects: some parts stand out, the rest has not changed; unknown: not looked at yet, ask again."
    )
    images: int = Field(description="How many were compared.")
    headline: str
    sentences: list[str]
    causes: list[str] = Field(description="What to look at first.")
    at: datetime | None = Field(description="When it was looked at.")


@router.get(
    "/lines/{line}/drift",
    response_model=Drift,
    dependencies=LOOKING,
    responses=problems(404),
    summary="Show whether parts still look like training",
)
def drift(station: StationNow, name: LineName) -> object:
    """Return what was found last; where that is old, it is looked at again in the background."""
    return station.drifting.today(name)
