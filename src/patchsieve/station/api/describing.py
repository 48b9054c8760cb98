"""What OpenAPI says of the API: FastAPI's own words, and errors as the station gives them."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from patchsieve.station.api.schemas import Problem

# FastAPI's own form of errors, which the station does not use.
_NOT_OURS = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> None:
    """Let the application's description know the schema that all errors refer to."""
    made: Callable[[], dict[str, Any]] = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = made()
            schemas = found.setdefault("components", {}).setdefault("schemas", {})
            for name in _NOT_OURS:
                schemas.pop(name, None)
            schemas["Problem"] = Problem.model_json_schema()
        return made()

    app.openapi = described  # type: ignore[method-assign]
