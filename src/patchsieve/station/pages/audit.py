"""Who changed what, and when, for engineers."""

import json
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from patchsieve.station.asking import StationNow
from patchsieve.station.pages.rendering import render
from patchsieve.station.security import Role, require

router = APIRouter()
_PAGE = 50


@router.get("/audit", dependencies=[require(Role.ENGINEER)])
def audit(
    request: Request,
    station: StationNow,
    who: str = "",
    action: str = "",
    before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
) -> Response:
    """Show what was done, the latest first, by page."""
    found = station.audit.entries(who=who, action=action, before_id=before, limit=_PAGE + 1)
    entries, older = found[:_PAGE], None
    if len(found) > _PAGE:
        older = "/audit?" + urlencode({"who": who, "action": action, "before": entries[-1].id})
    return render(
        request,
        "audit.html",
        entries=entries,
        older=older,
        is_first=before is None,
        who=who,
        action=action,
        people=station.audit.people(),
        actions=station.audit.actions(),
        as_text=as_text,
    )


def as_text(values: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Return what stood before or after a change, by name, the values as people read them."""
    if not values:
        return []
    return [(name, _as_text(value)) for name, value in values.items()]


def _as_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
