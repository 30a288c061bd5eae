"""The API's description of itself, where FastAPI can't read it off the code: bodies of several kinds."""

import copy
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from .schemas import ChatRequest, ErrorBody, OcrAnswer, OcrForm, OcrRequest

DESCRIPTION = """Reads pages with GOT-OCR 2.0. `/v1/ocr` takes files and answers with text and boxes;
`/v1/chat/completions` speaks OpenAI's protocol. Errors are one line in OpenAI's envelope."""
_REFERENCE = "#/components/schemas/{model}"
_BINARY = {"type": "string", "format": "binary"}
_TEXT = {"schema": {"type": "string"}}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe errors.

    Args:
        *statuses: Their HTTP statuses.

    Returns:
        What FastAPI's `responses` takes.
    """
    meanings = {
        400: "A field is missing, wrong, or does not go with another.",
        401: "The key is missing or wrong.",
        404: "There is no such model or path.",
        408: "The body took too long to arrive.",
        413: "Too many bytes or pages.",
        415: "A body of this media type is not taken.",
        422: "The picture can't be read, or the mode does not fit it.",
        429: "Too many requests wait: come again after Retry-After seconds.",
        503: "The server is shutting down or short of memory.",
        504: "Not done in time.",
    }
    return {
        status: {"model": ErrorBody, "description": meanings[status], **({"headers": _RETRY} if status == 429 else {})}
        for status in statuses
    }


def body_of(media: Mapping[str, type[BaseModel]], example: Any = None) -> dict[str, Any]:
    """Describe a body.

    Args:
        media: Its shape, by media type.
        example: A body in JSON.

    Returns:
        What FastAPI's `openapi_extra` takes.
    """
    content: dict[str, Any] = {
        name: {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}} for name, model in media.items()
    }
    if example is not None:
        content["application/json"]["example"] = example
    return {"requestBody": {"required": True, "content": content}}


# PNG of one white pixel.
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"
OCR_BODY = body_of(
    {"multipart/form-data": OcrForm, "application/json": OcrRequest}, {"image": _PIXEL, "type": "format"}
)
CHAT_BODY = body_of(
    {"application/json": ChatRequest},
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PIXEL}"}},
                    {"type": "text", "text": "format"},
                ],
            }
        ]
    },
)
OCR_CONTENT = {
    "text/plain": _TEXT,
    "text/markdown": _TEXT,
    "text/html": _TEXT,
    "application/pdf": {"schema": _BINARY},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Write the description, once.

    Args:
        app: The application.

    Returns:
        An OpenAPI document.
    """
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in (OcrRequest, OcrForm, ChatRequest, OcrAnswer, ErrorBody):
        schema = copy.deepcopy(model.model_json_schema(ref_template=_REFERENCE))
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    schemas["OcrForm"]["properties"]["file"] = {
        "type": "array",
        "items": _BINARY,
        "minItems": 1,
        "description": "Pictures, PDFs or TIFFs, each as a file part.",
    }
    schemas["OcrForm"]["required"] = ["file"]
    app.openapi_schema = document
    return document
