"""Images to verdicts, one or many at a time."""

from typing import Annotated

from fastapi import APIRouter, Header
from starlette.datastructures import FormData
from starlette.requests import Request

from patchsieve.station.api.schemas import Batch, Inspection, LineName, RefusedImage, problems
from patchsieve.station.api.uploads import form_body, text_in, upload_form, uploads_in
from patchsieve.station.api.who import Operator
from patchsieve.station.asking import StationNow
from patchsieve.station.errors import Invalid
from patchsieve.station.languages import said
from patchsieve.station.services.inspecting import Asked, Refused

router = APIRouter()
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Chosen by the client, new for each request; repeating a request with it changes nothing.",
        examples=["4f0c1a52-camera-3-000142"],
    ),
]


@router.post(
    "/lines/{line}/predict",
    response_model=Inspection,
    responses=problems(404, 409, 429, 503),
    openapi_extra=form_body("image", many=False),
    summary="Inspect an image",
)
async def predict(
    request: Request, station: StationNow, name: LineName, visitor: Operator, key: Key = None
) -> object:
    """Score an image by the line's active model, write the inspection down, and answer with it."""
    with station.admission.room():
        async with upload_form(request, max_files=1) as form:

            def inspect() -> object:
                images = uploads_in(form, "image")
                if len(images) != 1:
                    raise Invalid(said("image: send one file"))
                return station.inspecting.inspect(name, images[0], _asked(form, visitor.name, key))

            return await station.admission.work(inspect)


@router.post(
    "/lines/{line}/predict/batch",
    response_model=Batch,
    responses=problems(404, 409, 429, 503),
    openapi_extra=form_body("images", many=True),
    summary="Inspect several images",
)
async def predict_batch(
    request: Request, station: StationNow, name: LineName, visitor: Operator, key: Key = None
) -> Batch:
    """Score images by one version of the line's model. Those that cannot be decoded are listed; the others count."""
    with station.admission.room():
        async with upload_form(request, max_files=station.inspecting.max_images) as form:

            def inspect() -> Batch:
                asked = _asked(form, visitor.name, key)
                found = station.inspecting.inspect_many(name, uploads_in(form, "images"), asked)
                return Batch(
                    inspections=[
                        Inspection.model_validate(one) for one in found if not isinstance(one, Refused)
                    ],
                    refused=[RefusedImage.model_validate(one) for one in found if isinstance(one, Refused)],
                )

            return await station.admission.work(inspect)


def _asked(form: FormData, by: str, key: str | None) -> Asked:
    return Asked(
        source="api",
        by=by,
        operating_point=text_in(form, "operating_point"),
        review=text_in(form, "review"),
        key=key,
    )
