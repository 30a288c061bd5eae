"""The application: the paths and what each of them does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ..version import __version__
from . import chat, openapi, uploads
from .disconnect import ClientGoneError, run_while_connected
from .errors import ApiError, error_body
from .metrics import CONTENT_TYPE
from .middleware import Guard
from .options import ServerOptions
from .outputs import PictureStore, as_json, check_output, write_output
from .schemas import OcrAnswer
from .service import ReadRequest, Service

CLIENT_GONE_STATUS = 499  # As nginx counts it; nobody is there to see it.
_BODY_ERRORS = openapi.error_responses(400, 401, 404, 408, 413, 415, 422, 429, 503, 504)


def create_app(model: Any, processor: Any, options: ServerOptions | None = None) -> FastAPI:
    """Make the application that serves a model.

    Args:
        model: The network, on its device.
        processor: The checkpoint's.
        options: Limits, name, key.

    Returns:
        An ASGI application, to be run by one process with its lifespan.
    """
    service = Service(model, processor, options or ServerOptions())

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.close()

    # The pages that FastAPI makes of the description load scripts from elsewhere.
    app = FastAPI(title="got-ocr", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.service = service
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    app.add_middleware(Guard, service=service)
    _add_error_handlers(app, service)
    _add_reading(app, service)
    _add_facts(app, service)
    return app


def _add_error_handlers(app: FastAPI, service: Service) -> None:
    async def api_error(_: Request, error: Exception) -> Response:
        if not isinstance(error, ApiError):
            raise error
        headers = dict(error.headers)
        if error.status in (408, 413):
            headers["Connection"] = "close"  # Of such a body the rest is not waited for.
        return as_json(error_body(error.status, error.message, error.param), error.status, headers)

    async def http_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        headers = dict(error.headers) if error.headers else {}
        message = f"{str(error.detail).rstrip('.')}."
        if error.status_code == 404:
            message = f"there is nothing at {request.url.path[:100]!r}: /openapi.json tells what there is."
        elif "Allow" in headers:
            message = f"{request.method[:20]!r} is not allowed here: send {headers['Allow']}."
        return as_json(error_body(error.status_code, message), error.status_code, headers)

    async def gone(_: Request, error: Exception) -> Response:
        service.metrics.cancelled.inc()
        return Response(status_code=CLIENT_GONE_STATUS)

    app.add_exception_handler(ApiError, api_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(ClientGoneError, gone)
    app.add_exception_handler(ClientDisconnect, gone)


def _check_model(name: str | None, service: Service) -> None:
    if name not in (None, "", service.options.model_name):
        raise ApiError(
            404,
            f"there is no model {str(name)[:100]!r} here: this server has {service.options.model_name!r}.",
            "model",
        )


def _tokens(asked: int | None, service: Service) -> int:
    return min(asked or service.options.max_new_tokens, service.options.max_new_tokens)


def _add_reading(app: FastAPI, service: Service) -> None:
    @app.post(
        "/v1/ocr",
        summary="Read pages",
        response_model=None,
        responses={
            **_BODY_ERRORS,
            200: {"model": OcrAnswer, "description": "What was read.", "content": openapi.OCR_CONTENT},
        },
        openapi_extra=openapi.OCR_BODY,
    )
    async def ocr(request: Request) -> Response:
        async with service.admit():
            fields, sources = await uploads.read_ocr_request(request, service.options, service.decoder)
            _check_model(fields.model, service)
            mode = uploads.mode_of(fields)
            check_output(fields.output, mode, sources)
            with PictureStore(fields.output == "pdf") as pictures:
                read = ReadRequest(
                    sources,
                    mode,
                    _tokens(fields.max_new_tokens, service),
                    on_picture=pictures.put if pictures.is_needed else None,
                    line_boxes=fields.output in ("json", "pdf"),
                )
                pages = await run_while_connected(request, service.read(read))
                return await asyncio.to_thread(
                    write_output, fields.output, pages, mode, pictures, service.options.model_name
                )

    @app.post(
        "/v1/chat/completions",
        summary="Read pages by OpenAI's protocol",
        response_model=None,
        responses={
            **_BODY_ERRORS,
            200: {
                "description": "A chat.completion, or server-sent events with `stream`.",
                "content": {
                    "application/json": {"schema": {"type": "object", "required": ["id", "choices", "usage"]}},
                    "text/event-stream": {"schema": {"type": "string"}},
                },
            },
        },
        openapi_extra=openapi.CHAT_BODY,
    )
    async def completions(request: Request) -> Response:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(service.admit())
            fields, mode, sources = await uploads.read_chat_request(request, service.options, service.decoder)
            _check_model(fields.model, service)
            longest = fields.max_completion_tokens or fields.max_tokens
            read = ReadRequest(sources, mode, _tokens(longest, service))
            if not fields.stream:
                return await chat.complete(request, service, read, fields)
            kept = contextlib.AsyncExitStack()
            response = await chat.stream(request, service, read, fields, kept.aclose)
            # The place among those who wait is given back when the stream has ended.
            kept.push_async_exit(stack.pop_all())
            return response


def _add_facts(app: FastAPI, service: Service) -> None:
    facts: dict[str, Any] = {
        "id": service.options.model_name,
        "object": "model",
        "created": service.created,
        "owned_by": "got-ocr",
    }
    open_errors = openapi.error_responses(401)

    @app.get("/v1/models", summary="Name the model", response_model=None, responses={**open_errors})
    async def models() -> Response:
        return as_json({"object": "list", "data": [facts]})

    @app.get(
        "/v1/models/{name:path}",
        summary="Describe the model",
        response_model=None,
        responses={**openapi.error_responses(401, 404)},
    )
    async def model(name: str) -> Response:
        _check_model(name, service)
        return as_json(facts)

    @app.get("/healthz", summary="Whether it reads", response_model=None, responses={**openapi.error_responses(503)})
    async def healthz() -> Response:
        if not service.reading.is_alive:
            raise ApiError(503, "the reading thread does not run.")
        return as_json({"status": "ok"})

    @app.get(
        "/metrics",
        summary="Counters for Prometheus",
        response_model=None,
        responses={**open_errors, 200: {"description": "Prometheus' text format.", "content": {"text/plain": {}}}},
    )
    async def metrics() -> Response:
        return Response(service.metrics.render(), headers={"Content-Type": CONTENT_TYPE})
