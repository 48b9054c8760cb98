"""Training images that look defective, the evidence, and the marks that people give them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from patchsieve.station.api.schemas import LineName, Number, Text, problems
from patchsieve.station.api.who import LOOKING, Engineer
from patchsieve.station.asking import StationNow
from patchsieve.station.errors import NotFound
from patchsieve.station.languages import said

router = APIRouter(prefix="/lines/{line}/versions/{number}")
Rank = Annotated[int, Path(ge=1, le=2**31 - 1, description="1 for the worst.", examples=[1])]
_PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "The picture."}}
_MOST = 1000


class _Said(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Suspect(_Said):
    """A training image that looks defective to models that have not seen it."""

    rank: int = Field(description="1 for the worst.")
    name: str = Field(examples=["2026-11/part_0042.png"])
    score: float
    above: bool = Field(description="Whether it is above the default threshold.")
    file_there: bool = Field(description="Whether its file is where it was when the model was fitted.")
    verdict: Literal["keep", "drop"] | None
    by: str | None
    at: datetime | None


class Suspects(_Said):
    """The suspects of a version."""

    version: int
    threshold: float = Field(description="Of the default operating point, as it is now.")
    training_images: int
    above: int = Field(description="How many training images are above the threshold.")
    kept: list[str] = Field(description="Confirmed before: these are no suspects.")
    suspects: list[Suspect] = Field(description="The worst first.")


class Evidence(BaseModel):
    """What speaks for a suspect being defective."""

    captions: list[str] = Field(
        description="Of the pictures: the suspect's worst patch, then normal patches to compare it with."
    )


class Mark(_Said):
    """What a person said of a training image."""

    name: str
    verdict: Literal["keep", "drop"] | None
    by: str
    at: datetime
    undoes: bool = Field(description="Whether it took another mark back.")


class MarkOrder(BaseModel):
    """What is to be said of a training image."""

    model_config = ConfigDict(extra="forbid")

    name: Text = Field(min_length=1, max_length=2000, examples=["2026-11/part_0042.png"])
    verdict: Literal["keep", "drop"] | None


@router.get(
    "/suspects",
    response_model=Suspects,
    dependencies=LOOKING,
    responses=problems(404, 409),
    summary="List the suspects",
)
def suspects(
    station: StationNow,
    name: LineName,
    number: Number,
    top: Annotated[int | None, Query(ge=1, le=_MOST, description="How many.")] = None,
) -> object:
    """Return the training images that look defective, the worst first; those above the threshold and a few more."""
    return station.review.suspects(name, number, top=top)


@router.get(
    "/suspects/{rank}/evidence",
    response_model=Evidence,
    dependencies=LOOKING,
    responses=problems(404, 409),
    summary="Show what speaks for a suspect being defective",
)
def evidence(station: StationNow, name: LineName, number: Number, rank: Rank) -> object:
    """Return the captions of the pictures, in order."""
    return {"captions": [piece.caption for piece in station.review.evidence(name, number, rank)]}


@router.get(
    "/suspects/{rank}/evidence/{place}",
    response_class=Response,
    dependencies=LOOKING,
    responses=_PNG | problems(404, 409),
    summary="Get a picture of the evidence",
)
def piece(
    station: StationNow,
    name: LineName,
    number: Number,
    rank: Rank,
    place: Annotated[int, Path(ge=0, le=100, description="0 for the suspect's worst patch.")],
) -> Response:
    """Return one picture, as PNG."""
    pieces = station.review.evidence(name, number, rank)
    if place >= len(pieces):
        raise NotFound(said("there is no picture %(place)s of this suspect", place=place))
    return Response(pieces[place].png, media_type="image/png")


@router.get(
    "/suspects/{rank}/{kind}",
    response_class=Response,
    dependencies=LOOKING,
    responses=_PNG | problems(404, 409),
    summary="Get a suspect",
)
def picture(
    station: StationNow, name: LineName, number: Number, rank: Rank, kind: Literal["image", "map"]
) -> Response:
    """Return a suspect as PNG, as it is or with its anomaly map over it."""
    return Response(station.review.picture(name, number, rank, kind), media_type="image/png")


@router.get(
    "/marks",
    response_model=list[Mark],
    dependencies=LOOKING,
    responses=problems(404),
    summary="List the marks",
)
def marks(station: StationNow, name: LineName, number: Number) -> object:
    """Return all marks ever given to the version's training images, the newest first."""
    return station.review.marks(name, number)


@router.post(
    "/marks", response_model=Mark, responses=problems(404, 409), summary="Keep or drop a training image"
)
def mark(station: StationNow, name: LineName, number: Number, order: MarkOrder, visitor: Engineer) -> object:
    """Say what the next refit shall do with a training image; null for neither."""
    return station.review.mark(name, number, order.name, order.verdict, by=visitor.name)


@router.post(
    "/marks/undo",
    response_model=Mark | None,
    responses=problems(404),
    summary="Take one's last mark back",
)
def undo(station: StationNow, name: LineName, number: Number, visitor: Engineer) -> object:
    """Take back the last mark that the visitor gave; asked again, the one before. Null where there is none."""
    return station.review.undo(name, number, by=visitor.name)
