"""Who changed what, and when, for engineers."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from patchsieve.station.asking import StationNow
from patchsieve.station.pages import words
from patchsieve.station.pages.rendering import render
from patchsieve.station.security import Role, require

router = APIRouter()
_PAGE = 50

Id = Annotated[int | None, Query(ge=0, lt=2**63)]


@router.get("/audit", dependencies=[require(Role.ENGINEER)])
def audit(
    request: Request,
    station: StationNow,
    who: str = "",
    action: str = "",
    before: Id = None,
    after: Id = None,
) -> Response:
    """Show what was done, the latest first, by page: from the latest on, or next to one that is on another page."""
    found = station.audit.entries(who=who, action=action, before_id=before, after_id=after, limit=_PAGE + 1)
    more = len(found) > _PAGE
    entries = found[-_PAGE:] if after is not None else found[:_PAGE]
    asked = {"who": who, "action": action}
    if after is not None and not more:
        # Who goes back beyond the beginning gets the first page, as it is then.
        return audit(request, station, who, action)
    return render(
        request,
        "audit.html",
        entries=entries,
        first=_address(asked) if before or after else None,
        previous=_address(asked | {"after": entries[0].id}) if entries and (before or after) else None,
        following=_address(asked | {"before": entries[-1].id}) if more or after else None,
        chosen=who,
        action=action,
        people=station.audit.people(),
        actions=station.audit.actions(),
        words=words,
    )


def _address(asked: dict[str, Any]) -> str:
    return "/audit?" + urlencode(asked)
