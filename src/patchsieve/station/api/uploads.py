"""Multipart uploads: read only when there is room for them, and described for OpenAPI."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from patchsieve.station.errors import Invalid
from patchsieve.station.languages import said
from patchsieve.station.services.inspecting import Upload

_LONGEST_FIELD = 4096


@asynccontextmanager
async def upload_form(request: Request, max_files: int) -> AsyncIterator[FormData]:
    """Read the form of a request; its files are gone at the end of the block.

    Raises:
        HTTPException: it is no such form, or has too many parts.
    """
    kind = request.headers.get("Content-Type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise Invalid(said("send the images as multipart/form-data"))
    async with request.form(max_files=max_files, max_fields=10, max_part_size=_LONGEST_FIELD) as form:
        yield form


def uploads_in(form: FormData, field: str) -> list[Upload]:
    """Return the files of a field. Blocks while they are read from where large ones wait. Raises `Invalid`."""
    found = []
    for part in form.getlist(field):
        if not isinstance(part, UploadFile):
            raise Invalid(f"{field}: send it as a file")
        found.append(Upload(part.filename or "", part.file.read()))
    return found


def text_in(form: FormData, field: str) -> str | None:
    """Return the text of a field, None where it is missing or empty. Raises `Invalid`."""
    value = form.get(field)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or "\0" in value:
        raise Invalid(f"{field}: send it as plain text")
    return value


def form_body(field: str, *, many: bool) -> dict[str, Any]:
    """Return what OpenAPI says of the body of a route that reads its form itself."""
    image: dict[str, Any] = {
        "type": "string",
        "format": "binary",
        "description": "PNG, JPEG, TIFF, BMP, WebP, PNM, JPEG 2000 or GIF.",
    }
    properties = {
        field: {"type": "array", "items": image, "minItems": 1} if many else image,
        "operating_point": {
            "type": "string",
            "description": "Name of the operating point whose threshold counts; the default where none is given.",
            "example": "default",
        },
        "review": {
            "type": "string",
            "description": "Share of the good images below the threshold that people shall look at, or interval.",
            "example": "0.05",
        },
    }
    schema = {"type": "object", "required": [field], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
