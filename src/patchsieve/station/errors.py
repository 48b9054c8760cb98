"""What a request can end with when it cannot be done, in words for people and with the status that HTTP gives it."""

from typing import ClassVar

from patchsieve.errors import PatchSieveError
from patchsieve.station.languages import said


class StationError(PatchSieveError):
    """Base of what the station refuses. The API answers with problem+json, the pages with a page.

    Attributes:
        status: of HTTP.
        title: what kind of refusal it is, the same for all of a class.
    """

    status: ClassVar[int] = 400
    title: ClassVar[str] = said("The request cannot be done")

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer that belong to the refusal."""
        return {}


class Unauthenticated(StationError):  # noqa: N818 - named as HTTP names it
    """Nobody has said who asks, or the token or password is wrong."""

    status = 401
    title = said("Nobody is logged in")

    @property
    def headers(self) -> dict[str, str]:
        """Which kind of credentials the API takes."""
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(StationError):  # noqa: N818 - named as HTTP names it
    """Who asks is known and may not do this."""

    status = 403
    title = said("Not permitted")


class NotFound(StationError):  # noqa: N818 - named as HTTP names it
    """There is no such line, version, inspection, point, job or page."""

    status = 404
    title = said("Not found")


class Conflict(StationError):  # noqa: N818 - named as HTTP names it
    """It cannot be done as things stand now, though it could be otherwise."""

    status = 409
    title = said("In conflict with how things stand")


class TooLarge(StationError):  # noqa: N818 - named as HTTP names it
    """The body, an image's pixels or the number of images is above a limit."""

    status = 413
    title = said("Too large")


class Invalid(StationError):  # noqa: N818 - named as HTTP names it
    """A value cannot be what it is, or a file is no image."""

    status = 422
    title = said("Not valid")


class Busy(StationError):  # noqa: N818 - named as HTTP names it
    """More has been asked for than can be done soon; nothing was accepted, and asking again later is right.

    Attributes:
        retry_after: seconds after which it is worth while.
    """

    status = 429
    title = said("Busy")

    def __init__(self, text: str, *, retry_after: int = 1) -> None:
        super().__init__(text)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """When to come back."""
        return {"Retry-After": str(self.retry_after)}


class Unavailable(StationError):  # noqa: N818 - named as HTTP names it
    """The station cannot serve now: it is stopping, or what it needs is not there."""

    status = 503
    title = said("Not available")

    @property
    def headers(self) -> dict[str, str]:
        """When to come back."""
        return {"Retry-After": "5"}
