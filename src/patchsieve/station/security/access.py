"""What a route says about who may use it."""

from dataclasses import dataclass
from typing import Any

from fastapi import Depends
from starlette.requests import Request

from patchsieve.station.errors import Forbidden
from patchsieve.station.languages import said
from patchsieve.station.security.guard import SAFE_METHODS, Seen
from patchsieve.station.security.roles import Role
from patchsieve.station.security.secrets import csrf_of, same_secret
from patchsieve.station.security.visitor import Visitor

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class Required:
    """The dependency that `require` makes; `role` is what it asks for."""

    role: Role | None

    async def __call__(self, request: Request) -> Visitor:
        """Return who asks.

        Raises:
            Forbidden: the role does not suffice, or the request may have been sent by another site's page.
        """
        seen: Seen = request.state.seen
        if not seen.visitor.may(self.role):
            assert self.role is not None
            raise Forbidden(_missing(self.role, seen.visitor))
        if request.method not in SAFE_METHODS and seen.needs_csrf:
            await _check_csrf(request, seen)
        return seen.visitor


def require(role: Role | None) -> Any:
    """Return the dependency that lets a route be used by `role` and above, or with None by everybody."""
    return Depends(Required(role))


async def _check_csrf(request: Request, seen: Seen) -> None:
    given = request.headers.get("X-CSRF-Token")
    if given is None and request.headers.get("Content-Type", "").partition(";")[0].strip().lower() in _FORMS:
        # Parsed once: the route gets the same form.
        field = (await request.form()).get("csrf")
        given = field if isinstance(field, str) else None
    if given is None or not seen.cookie or not same_secret(given, csrf_of(seen.cookie)):
        raise Forbidden(
            said("this page was open for too long, or the request came from elsewhere: load the page again")
        )


def _missing(role: Role, visitor: Visitor) -> str:
    if visitor.role is None:
        return said("this is for the role %(wanted)s, and nobody is logged in", wanted=role.word)
    return said(
        "this is for the role %(wanted)s, and %(name)s has the role %(role)s",
        wanted=role.word,
        name=visitor.name,
        role=visitor.role.word,
    )
