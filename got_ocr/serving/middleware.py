"""What stands around every request: the key, limits of its body, and the count of its answer."""

import asyncio
import hashlib
import hmac
import logging
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ApiError, error_body
from .outputs import as_json
from .service import Service

logger = logging.getLogger(__name__)

OPEN_PATHS = ("/healthz",)
KNOWN_PATHS = ("/v1/ocr", "/v1/chat/completions", "/v1/models", "/healthz", "/metrics", "/openapi.json")


class Guard:
    """Check the key, bound the body, count the answer.

    Args:
        app: What it stands around.
        service: The service.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.service = service
        self.options = service.options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 0

        async def counting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            # A client that does not read must not hold its answer for ever.
            await asyncio.wait_for(send(message), self.options.upload_timeout_s)

        try:
            await self._answer(scope, receive, counting_send)
        except asyncio.CancelledError:
            raise
        except ApiError as error:
            await self._fail(error, scope, receive, counting_send, is_begun=bool(status))
        except (asyncio.TimeoutError, TimeoutError):
            logger.warning("A client did not take its answer; its connection is closed.")
        except Exception:
            logger.exception("A request failed.")
            failure = ApiError(500, "internal error: the server's log tells what happened.")
            await self._fail(failure, scope, receive, counting_send, is_begun=bool(status))
        finally:
            path = scope["path"] if scope["path"] in KNOWN_PATHS else "other"
            if status:
                self.service.metrics.count_request(path, status, start)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        if self.options.api_key and scope["path"] not in OPEN_PATHS and not self._has_key(headers):
            raise ApiError(401, "the key is missing or wrong: send `Authorization: Bearer KEY`.")
        if b"transfer-encoding" in headers and b"content-length" in headers:
            # A proxy in front may believe the other one, and take what follows for a request of somebody else.
            raise ApiError(400, "a body's length is given twice: send Content-Length or Transfer-Encoding, not both.")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > self.options.max_bytes:
            raise self._too_large()
        if scope["method"] == "HEAD":  # uvicorn, which has its own scope, leaves the body out.
            scope = {**scope, "method": "GET"}
        await self.app(scope, self._bounded(receive), send)

    def _has_key(self, headers: dict[bytes, bytes]) -> bool:
        given = headers.get(b"authorization", b"")
        bearer = given[7:].strip() if given[:7].lower() == b"bearer " else b""
        expected = hashlib.sha256(self.options.api_key.encode()).digest()
        # Digests have one length, and both comparisons are always made.
        is_bearer = hmac.compare_digest(hashlib.sha256(bearer).digest(), expected)
        is_header = hmac.compare_digest(hashlib.sha256(headers.get(b"x-api-key", b"")).digest(), expected)
        return is_bearer or is_header

    def _too_large(self) -> ApiError:
        return ApiError(413, f"a request may have {self.options.max_bytes:,} bytes: send fewer or smaller pictures.")

    def _bounded(self, receive: Receive) -> Receive:
        """Make a `receive` that gives up on a body that is too large or takes too long."""
        deadline = time.monotonic() + self.options.upload_timeout_s
        num_bytes = 0
        is_whole = False

        async def bounded() -> Message:
            nonlocal num_bytes, is_whole
            if is_whole:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(deadline - time.monotonic(), 0.001))
            except asyncio.TimeoutError:
                raise ApiError(408, f"the body took more than {self.options.upload_timeout_s:g} seconds.") from None
            if message["type"] == "http.request":
                num_bytes += len(message.get("body", b""))
                if num_bytes > self.options.max_bytes:
                    raise self._too_large()
                is_whole = not message.get("more_body", False)
            else:
                is_whole = True
            return message

        return bounded

    @staticmethod
    async def _fail(error: ApiError, scope: Scope, receive: Receive, send: Send, is_begun: bool) -> None:
        if is_begun:
            return
        headers: dict[str, Any] = dict(error.headers)
        if error.status in (400, 408, 413):
            headers["Connection"] = "close"  # Of such a body the rest is not waited for.
        await as_json(error_body(error.status, error.message, error.param), error.status, headers)(
            scope, receive, send
        )
