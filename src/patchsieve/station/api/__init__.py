"""The REST API, below /api/v1: JSON and image files come in, JSON goes out, errors as problem+json.

Every route says who may use it and calls one service; what OpenAPI says of it is written beside it.
"""

from typing import Any

from fastapi import APIRouter

from patchsieve.station.api import (
    drift,
    inspections,
    jobs,
    lines,
    operating_points,
    overview,
    predicting,
    suspects,
)
from patchsieve.station.api.describing import describe
from patchsieve.station.api.schemas import PROBLEMS

__all__ = ["DESCRIPTION", "TAGS", "describe", "router"]

DESCRIPTION = """Inspect images by models that learnt what normal looks like, and keep what was seen.

A verdict is given after it has been written down. Send `Idempotency-Key` with a request, and repeat the request with
the same key when no answer came: nothing is lost and nothing is inspected twice. Errors are
`application/problem+json` with `title`, `status` and `detail`. Where the answer is 429, `Retry-After` says in how
many seconds it is worth asking again. Authenticate with `Authorization: Bearer TOKEN`.
"""

TAGS: list[dict[str, Any]] = [
    {"name": "inspect", "description": "Images to verdicts."},
    {"name": "lines", "description": "Production lines and the versions of their models."},
    {"name": "thresholds", "description": "Operating points, and what they would have cost."},
    {"name": "history", "description": "Inspections, and what people say of them."},
    {"name": "overview", "description": "How it all goes."},
    {"name": "suspects", "description": "Training images that look defective, and what people make of them."},
    {"name": "jobs", "description": "Refits and updates in the background."},
]

router = APIRouter(responses=PROBLEMS)
router.include_router(predicting.router, tags=["inspect"])
router.include_router(lines.router, tags=["lines"])
router.include_router(drift.router, tags=["lines"])
router.include_router(operating_points.router, tags=["thresholds"])
router.include_router(inspections.router, tags=["history"])
router.include_router(overview.router, tags=["overview"])
router.include_router(suspects.router, tags=["suspects"])
router.include_router(jobs.router, tags=["jobs"])
