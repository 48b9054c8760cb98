"""What can be asked of the history, as it stands in addresses."""

from datetime import datetime
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from patchsieve.station.api.schemas import Text
from patchsieve.station.services.filters import Filter, Human, Order, Sort
from patchsieve.station.services.history import LARGEST_PAGE, PAGE


def _of_our_time(moment: datetime) -> datetime:
    """Refuse moments at the ends of the calendar, which no zone can be taken off."""
    if not 1970 <= moment.year <= 9000:
        raise ValueError("the year must lie between 1970 and 9000")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_of_our_time)]


class Wanted(BaseModel):
    """Which inspections, in which order."""

    model_config = ConfigDict(extra="forbid")

    line: Text | None = Field(None, max_length=200, description="Name of the line.", examples=["line7"])
    version: int | None = Field(None, ge=1, le=2**31 - 1, description="Number of the model version.")
    verdict: Literal["good", "review", "defect"] | None = Field(None, description="Of the model.")
    human: Human | None = Field(
        None, description="What people said; corrected: otherwise than the model, and not of a review."
    )
    operating_point: Text | None = Field(None, max_length=200, description="Name of it.")
    source: Literal["page", "api", "watch"] | None = Field(None, description="Where the image came from.")
    since: Moment | None = Field(
        None, description="From this moment on; with a zone.", examples=["2026-03-01T06:00:00Z"]
    )
    until: Moment | None = Field(None, description="Before this moment; with a zone.")
    name: Text | None = Field(None, max_length=200, description="Part of the image's name.")
    lowest: float | None = Field(None, allow_inf_nan=False, description="Least score.")
    highest: float | None = Field(None, allow_inf_nan=False, description="Greatest score.")
    image_sha256: Text | None = Field(None, max_length=64, description="Of the image file.")
    sort: Literal["-created_at", "created_at", "-score", "score"] = Field(
        "-created_at", description="A hyphen stands for the newest or the highest first."
    )

    def as_filter(self) -> Filter:
        """Return which inspections are meant."""
        return Filter(**self.model_dump(include=set(Filter.__dataclass_fields__)))

    def as_order(self) -> Order:
        """Return how they shall follow each other."""
        return Order(cast(Sort, self.sort.removeprefix("-")), self.sort.startswith("-"))


class WantedPage(Wanted):
    """Which page of which inspections."""

    cursor: Text | None = Field(
        None,
        max_length=500,
        description="The next_cursor of the page before, or the previous_cursor of the page after; none for the first.",
    )
    limit: int = Field(PAGE, ge=1, le=LARGEST_PAGE, description="Inspections on a page.")
