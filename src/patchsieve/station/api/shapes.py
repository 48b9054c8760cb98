"""What the API says of thresholds and of how it all goes."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Not as a tuple: of the forms of those, not all readers of OpenAPI know the same.
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]


class _Said(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Point(_Said):
    """An operating point."""

    name: str = Field(examples=["default"])
    threshold: float = Field(description="A higher score is a defect.", examples=[2.41])
    rule: str = Field(description="How it was chosen.", examples=["false-alarms 0.01"])
    words: list[str] = Field(description="What is known of it.")
    is_default: bool = Field(description="Whether it counts where none is named.")
    by: str
    at: datetime
    until: datetime | None = Field(description="When it was superseded; null for one that counts now.")


class Histogram(_Said):
    """Counts of scores in equal bins."""

    edges: list[float] = Field(description="Of the bins, one more than there are bins.")
    good: list[int] = Field(description="Inspections that people called good.")
    defective: list[int] = Field(description="Inspections that people called defects.")
    unjudged: list[int] = Field(description="Inspections that nobody has judged.")
    training: list[int] = Field(description="Training images, scored by models that have not seen them.")


class Costs(_Said):
    """False alarms and misses among the parts that people judged."""

    good: int
    defective: int
    false_alarms: int
    misses: int
    false_alarms_per_1000: float | None = Field(description="Of 1000 good parts.")
    false_alarms_interval: Interval
    misses_per_100: float | None = Field(description="Of 100 defective parts.")
    misses_interval: Interval
    precision: float | None
    recall: float | None
    confidence: float = Field(description="Of the intervals.")


class CostOnHistory(_Said):
    """What a threshold would have cost."""

    threshold: float
    costs: Costs
    unjudged: int = Field(description="Inspections that nobody has judged.")
    unjudged_alarms: int = Field(description="Those of them above the threshold.")
    notes: list[str]


class Bucket(_Said):
    """The inspections of some time."""

    since: datetime
    until: datetime
    good: int
    review: int
    defect: int
    reject_rate: float | None
    reject_interval: Interval


class LineOverview(_Said):
    """How a line goes."""

    line: str
    title: str
    version: int | None
    waiting: int = Field(description="Images that are accepted and not answered yet.")
    queue_size: int
    image_seconds: float | None = Field(description="What an image took lately.")
    last: datetime | None = Field(description="When the latest image was inspected.")
    recent: Bucket
    unjudged: int = Field(description="Recent ones not called good that nobody has judged.")


class Disk(_Said):
    """What the disk holds, in bytes."""

    used: int
    limit: int | None
    free: int


class Overview(BaseModel):
    """How the station goes."""

    lines: list[LineOverview]
    disk: Disk
