"""Errors as clients see them: a status, and OpenAI's envelope around one line that says what to do."""

from typing import Any

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "unreadable_picture",
    429: "overloaded_error",
    500: "server_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class ApiError(Exception):
    """A request that can't be answered.

    Args:
        status: The HTTP status.
        message: One line for the client: what was got, what is allowed, how to fix it.
        param: The field that is at fault.
        retry_after_s: When to come again.
    """

    def __init__(self, status: int, message: str, param: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Headers that go with the status."""
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers


def error_body(status: int, message: str, param: str | None = None) -> dict[str, Any]:
    """Write an error as OpenAI does.

    Args:
        status: The HTTP status.
        message: One line.
        param: The field that is at fault.

    Returns:
        The envelope.
    """
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": status}}
