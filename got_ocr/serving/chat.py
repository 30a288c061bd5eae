"""OpenAI's chat completions: whole, or as server-sent events while the text comes."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .disconnect import ClientGoneError, run_while_connected
from .errors import ApiError, error_body
from .outputs import as_json, joined_text, page_body, usage_of
from .schemas import ChatRequest
from .service import PageAnswer, ReadRequest, Service
from .stopping import StopStrings

# What the model calls a loop is to OpenAI's clients an answer that was cut.
FINISH_REASONS = {"stop": "stop", "length": "length", "repetition": "length", "error": "stop"}


def _head(service: Service, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": service.options.model_name,
    }


def _finish_reason(pages: Sequence[PageAnswer], stops: StopStrings) -> str:
    if stops.is_hit:
        return "stop"
    reasons = [FINISH_REASONS[page.answer.finish_reason] for page in pages]
    return "length" if "length" in reasons else "stop"


def _stops_of(fields: ChatRequest) -> StopStrings:
    return StopStrings([fields.stop] if isinstance(fields.stop, str) else fields.stop or [])


async def complete(request: Request, service: Service, read: ReadRequest, fields: ChatRequest) -> Response:
    """Answer in one piece.

    Args:
        request: The client's.
        service: The service.
        read: What is to be read.
        fields: The request's fields.

    Returns:
        A `chat.completion`, with what was read of each page in `got_ocr`.
    """
    pages = await run_while_connected(request, service.read(read))
    body = _head(service, "chat.completion")
    stops = _stops_of(fields)
    text = stops.cut(joined_text(pages))
    body["choices"] = [
        {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": None,
            "finish_reason": _finish_reason(pages, stops),
        }
    ]
    body["usage"] = usage_of(pages)
    body["got_ocr"] = {"pages": [page_body(page) for page in pages]}
    return as_json(body)


async def stream(
    request: Request,
    service: Service,
    read: ReadRequest,
    fields: ChatRequest,
    on_end: Callable[[], Awaitable[None]],
) -> Response:
    """Answer piece by piece; what fails before the first piece is an error with a status of its own.

    Args:
        request: The client's.
        service: The service.
        read: What is to be read.
        fields: The request's fields.
        on_end: Called when the response was sent, or nobody wants it any more; not if this call fails.

    Returns:
        A response of server-sent events.
    """
    pieces: asyncio.Queue[str | None] = asyncio.Queue()
    task = asyncio.ensure_future(run_while_connected(request, service.read(replace(read, on_text=pieces.put_nowait))))
    task.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        first = await pieces.get()
        if first is None:
            task.result()  # Raises what went wrong; a page without text ends here too.
    except BaseException:
        task.cancel()
        raise
    events = _events(service, task, pieces, first, fields)
    return _EventResponse(events, task, on_end)


class _EventResponse(StreamingResponse):
    """Events that end, and their reading with them, when the client is gone."""

    def __init__(
        self, content: AsyncIterator[str], task: "asyncio.Future[Any]", on_end: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(content, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._task = task
        self._on_end = on_end

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send; the task watches for the client, so nobody else may."""
        try:
            await self.stream_response(send)
        except (ClientGoneError, OSError):
            return
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._on_end()


async def _events(
    service: Service,
    task: "asyncio.Future[list[PageAnswer]]",
    pieces: "asyncio.Queue[str | None]",
    first: str | None,
    fields: ChatRequest,
) -> AsyncIterator[str]:
    stops = _stops_of(fields)
    head = _head(service, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _event({**head, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    piece = first
    while piece is not None:
        if text := stops.push(piece):
            yield chunk({"content": text})
        piece = await pieces.get()
    if text := stops.end():
        yield chunk({"content": text})
    try:
        pages = await task
    except ClientGoneError:
        raise
    except ApiError as error:
        yield _event(error_body(error.status, error.message, error.param))
        return
    except Exception:
        yield _event(error_body(500, "internal error: the server's log tells what happened."))
        raise
    yield chunk({}, _finish_reason(pages, stops))
    if fields.stream_options and fields.stream_options.include_usage:
        yield _event({**head, "choices": [], "usage": usage_of(pages)})
    yield "data: [DONE]\n\n"


def _event(body: dict[str, Any]) -> str:
    # ASCII alone: a lone surrogate of a broken answer must not break the stream.
    return f"data: {json.dumps(body)}\n\n"
