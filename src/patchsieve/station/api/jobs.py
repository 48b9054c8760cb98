"""Work in the background: refits and updates."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from patchsieve.station.api.schemas import LineName, problems
from patchsieve.station.api.who import LOOKING, Engineer
from patchsieve.station.asking import StationNow
from patchsieve.station.engine import FitResult

router = APIRouter()
JobId = Annotated[
    str,
    Path(
        alias="job",
        pattern="^[0-9a-f]{32}$",
        description="Id of the job.",
        examples=["0f8fad5bd9cb469fa16570867728950e"],
    ),
]


class Job(BaseModel):
    """A refit or an update."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: Literal["refit", "update"]
    line: str = Field(examples=["line7"])
    state: Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
    stage: str = Field(description="What it is at, in words.")
    done: float = Field(description="How much of the stage, 0 to 1.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    by: str
    parent: int = Field(description="Number of the version that it begins with.")
    version: int | None = Field(description="Number of the version that it made; it is not active by itself.")
    changes: FitResult | None = Field(description="Before and after.")
    error: str | None


class Pending(BaseModel):
    """What a job would take in now."""

    model_config = ConfigDict(from_attributes=True)

    version: int = Field(description="Number of the version that it would begin with.")
    keep: int = Field(description="Training images marked keep.")
    drop: int = Field(description="Training images marked drop.")
    good: int = Field(description="Inspections confirmed to be good that were not learnt from yet.")
    defects: int = Field(
        description="Inspections confirmed to be defects that the model was not told of yet."
    )


class JobOrder(BaseModel):
    """What shall be done."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["refit", "update"] = Field(
        default="refit",
        description="refit: learn anew from the training images, less those marked drop; "
        "update: go on from the active version. Both take in verdicts that people gave.",
    )


@router.get("/jobs", response_model=list[Job], dependencies=LOOKING, summary="List the latest jobs")
def jobs(station: StationNow, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> object:
    """Return the latest jobs of all lines, the newest first."""
    return station.refitting.jobs(limit=limit)


@router.get(
    "/jobs/{job}", response_model=Job, dependencies=LOOKING, responses=problems(404), summary="Show a job"
)
def job(station: StationNow, job_id: JobId) -> object:
    """Return a job: how far it is, and in the end what the new version does otherwise."""
    return station.refitting.job(job_id)


@router.post("/jobs/{job}/cancel", response_model=Job, responses=problems(404, 409), summary="Stop a job")
def cancel(station: StationNow, job_id: JobId, visitor: Engineer) -> object:
    """Stop a job at once. Nothing of it is left."""
    return station.refitting.cancel(job_id, by=visitor.name)


@router.get(
    "/lines/{line}/jobs",
    response_model=list[Job],
    dependencies=LOOKING,
    responses=problems(404),
    summary="List the latest jobs of a line",
)
def jobs_of_line(
    station: StationNow, name: LineName, limit: Annotated[int, Query(ge=1, le=200)] = 20
) -> object:
    """Return the latest jobs of a line, the newest first."""
    return station.refitting.jobs(name, limit)


@router.post(
    "/lines/{line}/jobs",
    response_model=Job,
    status_code=202,
    responses=problems(404, 409),
    summary="Start a refit or an update",
)
def start(station: StationNow, name: LineName, order: JobOrder, visitor: Engineer) -> object:
    """Make a new version in the background, from marks and verdicts. Ask for the job to see how far it is."""
    return station.refitting.start(name, order.kind, by=visitor.name)


@router.get(
    "/lines/{line}/pending",
    response_model=Pending,
    dependencies=LOOKING,
    responses=problems(404),
    summary="Show what a job would take in",
)
def pending(station: StationNow, name: LineName) -> object:
    """Return how many marks and verdicts the active version does not know of yet."""
    return station.refitting.pending(name)
