"""What a server may be told, and its limits."""

from dataclasses import dataclass, fields

from ..reading.options import DEFAULT_MAX_NEW_TOKENS

DEFAULT_PORT = 8000
# A4 at 600 dpi has 35 million. Layout analysis of so many pixels takes seconds, during which nobody else is read.
DEFAULT_MAX_PIXELS = 40_000_000
_POSITIVE = (
    "batch_size",
    "max_new_tokens",
    "max_waiting",
    "max_bytes",
    "max_pages",
    "max_pixels",
    "request_timeout_s",
    "upload_timeout_s",
    "decode_timeout_s",
    "fetch_timeout_s",
    "num_decoders",
)


@dataclass(frozen=True)
class ServerOptions:
    """How to serve.

    Args:
        model_name: What the API calls the model.
        batch_size: Pages read at once.
        max_new_tokens: Longest answer a page, in tokens; a request may ask for less.
        max_waiting: Requests that may be in the server at once, those being read included; more get status 429.
        max_bytes: Largest request, in bytes; also of what a URL holds.
        max_pages: Most pages of a request.
        max_pixels: Largest page, width times height.
        request_timeout_s: Seconds a request may take from its last byte to its answer.
        upload_timeout_s: Seconds a request's body may take to arrive, and each piece of its answer to be taken.
        decode_timeout_s: Seconds that decoding a page may take.
        fetch_timeout_s: Seconds that fetching a URL may take.
        num_decoders: Pages decoded at once, each in a process of its own.
        allow_urls: Whether pictures may be named by http(s) URLs. Addresses that are not public are refused.
        api_key: What clients must send as `Authorization: Bearer ...` or `X-API-Key`; empty for none.

    Raises:
        ValueError: If a number is not above 0.
    """

    model_name: str = "got-ocr"
    batch_size: int = 4
    max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS
    max_waiting: int = 32
    max_bytes: int = 50_000_000
    max_pages: int = 100
    max_pixels: int = DEFAULT_MAX_PIXELS
    request_timeout_s: float = 600.0
    upload_timeout_s: float = 60.0
    decode_timeout_s: float = 30.0
    fetch_timeout_s: float = 20.0
    num_decoders: int = 2
    allow_urls: bool = False
    api_key: str = ""

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
                raise ValueError(f"{name} must be a number above 0, got {value!r}.")

    def __repr__(self) -> str:
        # The key must not end up in a log.
        shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.name != "api_key")
        return f"ServerOptions({', '.join(shown)})"
