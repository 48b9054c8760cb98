"""What the API says and takes: the shapes of its JSON, and of what stands in its addresses."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Problem(BaseModel):
    """An error (RFC 9457)."""

    title: str = Field(description="What kind of error it is.", examples=["Not found"])
    status: int = Field(description="The status of the answer.", examples=[404])
    detail: str = Field(description="What was wrong, and what to do.", examples=["there is no line 'line8'"])


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of the errors of a route."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _PROBLEM_WORDS[status], "content": content} for status in statuses}


_PROBLEM_WORDS = {
    400: "The body cannot be read.",
    401: "There is no token, or it is none of the station's.",
    403: "The role does not suffice.",
    404: "There is nothing of that name.",
    409: "It conflicts with how things stand, or the idempotency key was used for something else.",
    413: "The body, or the number of images, is above the limit.",
    421: "The station does not know itself by this host name.",
    422: "A value or a file is not valid.",
    429: "Too much is waiting; Retry-After says when to ask again.",
    503: "The station is stopping, or has no model for this line.",
}
# Of every route.
PROBLEMS = problems(400, 401, 403, 413, 421, 422)


def _storable(text: str) -> str:
    """Refuse what no database takes: zero bytes and halves of surrogate pairs."""
    if "\0" in text:
        raise ValueError("it must not contain a zero byte")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("it is no valid Unicode text") from error
    return text


Text = Annotated[str, AfterValidator(_storable)]
LineName = Annotated[
    str,
    Path(
        alias="line",
        pattern="^[a-z0-9-]{1,200}$",
        description="Name of the line.",
        examples=["line7"],
    ),
]
InspectionId = Annotated[
    str,
    Path(
        alias="id",
        pattern="^[0-9a-f]{32}$",
        description="Key of the inspection.",
        examples=["0f8fad5bd9cb469fa16570867728950e"],
    ),
]
# As far as the integers of a database reach.
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the version.", examples=[1])]


class _Said(BaseModel):
    """Base of what is made from the services' dataclasses."""

    model_config = ConfigDict(from_attributes=True)


class Line(_Said):
    """A production line."""

    name: str = Field(examples=["line7"])
    title: str = Field(examples=["Line 7"])
    created_at: datetime
    active: int | None = Field(description="Number of the version that inspects.", examples=[2])


class Version(_Said):
    """A model of a line."""

    line: str = Field(examples=["line7"])
    number: int = Field(examples=[2])
    active: bool = Field(description="Whether it inspects now.")
    state: Literal["ready", "retired"]
    detector: str = Field(examples=["softpatch"])
    backbone: str = Field(examples=["efficientnet_lite0"])
    training_images: int = Field(examples=[240])
    parent: int | None = Field(description="Number of the version that it was refitted from.")
    sha256: str = Field(description="Of the model file.")
    created_at: datetime
    created_by: str
    note: str


class SwitchOrder(BaseModel):
    """Which version shall inspect."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=2**31 - 1, examples=[2])


class Switch(_Said):
    """A version that was made the active one."""

    line: str
    number: int
    by: str
    at: datetime


class InspectionSummary(_Said):
    """One image that was judged, without its regions."""

    id: str = Field(examples=["0f8fad5bd9cb469fa16570867728950e"])
    line: str = Field(examples=["line7"])
    version: int = Field(description="Number of the model version that scored it.", examples=[2])
    image_name: str = Field(description="What the client called the image.", examples=["part_0042.png"])
    image_sha256: str
    source: Literal["page", "api", "watch"]
    score: float = Field(description="Anomaly score, on the model's own scale.", examples=[1.873])
    threshold: float = Field(description="A higher score is a defect.", examples=[2.41])
    operating_point: str = Field(examples=["default"])
    verdict: Literal["good", "review", "defect"]
    width: int
    height: int
    peak: list[int] = Field(
        min_length=2, max_length=2, description="(x, y) of the highest score, in pixels of the image."
    )
    seconds: float = Field(description="That the image took, decoding to map.")
    created_at: datetime
    by: str | None
    human_verdict: Literal["good", "defect"] | None = Field(description="What a person said.")
    human_note: str | None
    judged_by: str | None
    judged_at: datetime | None


class Inspection(InspectionSummary):
    """One image that was judged."""

    regions: list[dict[str, Any]] = Field(
        description="What is outlined: area, box, peak, peak_score, mean_score, polygons."
    )


class InspectionPage(_Said):
    """A page of the history."""

    inspections: list[InspectionSummary]
    next_cursor: str | None = Field(description="Where the next page begins; null at the end.")
    previous_cursor: str | None = Field(description="Where the page before ends; null at the beginning.")


class Judgement(BaseModel):
    """What a person says of an inspection."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["good", "defect"] | None = Field(
        description="What the part truly is; null takes back what was said.", examples=["good"]
    )
    note: Text = Field("", max_length=2000, examples=["only dust"])


class Said(_Said):
    """What a person said of an inspection."""

    verdict: Literal["good", "defect"] | None
    note: str
    by: str
    at: datetime


class RefusedImage(_Said):
    """An image of a batch that could not be decoded."""

    image_name: str = Field(examples=["part_0043.png"])
    reason: str = Field(examples=["truncated PNG"])


class Batch(BaseModel):
    """What became of the images of a batch."""

    inspections: list[Inspection] = Field(description="In the order in which the images were sent.")
    refused: list[RefusedImage] = Field(description="Images that could not be decoded.")
