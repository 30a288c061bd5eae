"""Where pictures come from: paths, http(s) URLs, bytes and open files, checked and brought to a file or to bytes.

Every failure is a :class:`PageError` with one line that says what was got, what is allowed and how to mend it. URLs
are fetched within a time and a size limit, by http and https only, redirects included.
"""

import http.client
import os
import re
import stat
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

DEFAULT_DPI = 200
DEFAULT_TIMEOUT_S = 20.0
DEFAULT_MAX_BYTES = 50_000_000
DEFAULT_MAX_PIXELS = 89_000_000  # An A3 page at 600 dpi has 70 million. Pillow itself warns above 89.5 million.
MAX_REDIRECTS = 5

_URL_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)  # Two letters at least: `C:\page.png` is a path.

ImageSource = Any  # str | Path | bytes | BytesIO | PIL.Image.Image | numpy.ndarray; folders and lists for pages


class PageError(ValueError):
    """A picture or page that can't be had; the message is one line for the user."""


@dataclass(frozen=True)
class LoadOptions:
    """How to load: the keyword arguments of :func:`find_pages`."""

    dpi: float = DEFAULT_DPI
    pages: tuple[tuple[int, int | None], ...] | None = None
    password: str | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    max_bytes: int = DEFAULT_MAX_BYTES
    max_pixels: int = DEFAULT_MAX_PIXELS

    def __post_init__(self) -> None:
        for option in ("dpi", "timeout_s", "max_bytes", "max_pixels"):
            value = getattr(self, option)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise PageError(f"{option} must be a number above 0, got {value!r}.")


def describe_source(source: ImageSource) -> str:
    """Name a source in one short line.

    Args:
        source: What :func:`load_image` takes.

    Returns:
        The path or URL, or what kind of object it is.
    """
    if isinstance(source, str | os.PathLike):
        text = os.fspath(source)
        text = os.fsdecode(text) if isinstance(text, bytes) else text
        text = text.encode(errors="replace").decode() if len(text) <= 2000 else text[:200] + "..."
        text = re.sub(r"(?<=://)[^/@]*@", "***@", text)  # no passwords in messages
        return "".join(char if char.isprintable() else "?" for char in text) or "(empty name)"
    if isinstance(source, Image.Image):
        return str(getattr(source, "filename", "") or f"{source.mode} image")
    if isinstance(source, np.ndarray):
        return "array"
    if isinstance(source, bytes | bytearray | memoryview):
        return f"{len(source)} bytes"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else type(source).__name__


def is_url(source: ImageSource) -> bool:
    """Whether a string names something by a scheme. A file that stands there under such a name is a path."""
    return isinstance(source, str) and _URL_SCHEME.match(source) is not None and not os.path.exists(source)


def open_source(source: ImageSource, name: str, options: LoadOptions) -> tuple[Path | bytes, str]:
    """Check what was given, and fetch or read what is no file.

    Args:
        source: A path, URL, bytes or open file.
        name: What to call it in an error.
        options: The limits.

    Returns:
        The path of a regular file, or bytes; and what to say of its origin in an error.

    Raises:
        PageError: If it can't be had.
    """
    if is_url(source):
        return _fetch_in_time(source, name, options)
    if isinstance(source, str | os.PathLike):
        if source == "":
            raise PageError("the name of the picture is empty: give a path or an http(s) URL.")
        return _check_path(os.fspath(source), name, options), ""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source), ""
    if hasattr(source, "read"):
        return _read_limited(source, name, options), ""
    raise PageError(
        f"{name}: can't be read: a path, an http(s) URL, bytes, an open binary file, a PIL image or a numpy array is "
        f"allowed, got {type(source).__name__}."
    )


def _check_path(text: str | bytes, name: str, options: LoadOptions) -> Path | bytes:
    try:
        path = Path(os.fsdecode(text)).expanduser()
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise PageError(f"{name}: is a folder, not a picture: iter_pages gives its pages.")
        if stat.S_ISREG(mode):
            with path.open("rb"):
                return path
        with path.open("rb") as file:  # A pipe or a device: `<(command)` in a shell.
            return _read_limited(file, name, options)
    except FileNotFoundError:
        raise PageError(f"{name}: no such file or folder: check the name.") from None
    except PermissionError:
        raise PageError(f"{name}: may not be read: check its permissions.") from None
    except (OSError, RuntimeError) as error:
        raise PageError(f"{name}: can't be opened: {reason_of(error)}.") from None
    except PageError:
        raise
    except ValueError as error:  # A null character in the name.
        raise PageError(f"{name}: is no name of a file: {reason_of(error)}.") from None


def _read_limited(file: Any, name: str, options: LoadOptions) -> bytes:
    """Read an open file to its end, within the size allowed."""
    try:
        data = file.read(int(options.max_bytes) + 1)
    except (OSError, ValueError) as error:
        raise PageError(f"{name}: can't be read: {reason_of(error)}.") from None
    if not isinstance(data, bytes):
        raise PageError(f"{name}: an open file must give bytes, got {type(data).__name__}: open it in mode 'rb'.")
    _check_bytes(len(data), name, options)
    return data


def _check_bytes(num_bytes: int, name: str, options: LoadOptions) -> None:
    if num_bytes > options.max_bytes:
        raise PageError(
            f"{name}: is larger than {options.max_bytes:,} bytes: save it to a file first, or raise max_bytes."
        )


def head_of(data: Path | bytes, name: str) -> bytes:
    """Read the beginning.

    Args:
        data: What :func:`open_source` gave.
        name: What to call it in an error.

    Returns:
        The first 1024 bytes.

    Raises:
        PageError: If there are none.
    """
    if isinstance(data, Path):
        try:
            with data.open("rb") as file:
                head = file.read(1024)
        except OSError as error:
            raise PageError(f"{name}: can't be read: {reason_of(error)}.") from None
    else:
        head = data[:1024]
    if not head:
        raise PageError(f"{name}: is empty (0 bytes): get it anew.")
    return head


def is_pdf(head: bytes, name: str) -> bool:
    """Whether something is, or is meant as, a PDF. Args: head: its first 1024 bytes; name: its path or URL."""
    return b"%PDF-" in head or name.lower().endswith(".pdf")


def reason_of(error: BaseException) -> str:
    """What an exception says, in one line without a full stop."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(text.split()).rstrip(".")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow a few redirects, to http(s) only."""

    max_redirections = MAX_REDIRECTS

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Refuse a redirect that leads out of the web."""
        _check_scheme(newurl, f"{req.full_url} (redirect to {newurl[:100]})")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_scheme(url: str, name: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        hint = "decode it and give the bytes" if parts.scheme.lower() == "data" else "save the picture to a file first"
        raise PageError(f"{name}: only URLs of the form http(s)://host/... are fetched: {hint}.")


def _fetch_in_time(url: str, name: str, options: LoadOptions) -> tuple[bytes, str]:
    """Fetch in a thread of its own: name look-ups and slow headers know no time limit."""
    answer: list[tuple[bytes, str] | Exception] = []
    deadline = time.monotonic() + options.timeout_s

    def fetch() -> None:
        try:
            answer.append(_fetch(url, name, options, deadline))
        except Exception as error:  # Handed over to the caller's thread.
            answer.append(error)

    thread = threading.Thread(target=fetch, name="got-ocr-fetch", daemon=True)
    thread.start()
    thread.join(options.timeout_s)
    too_slow = f"{name}: did not arrive within {options.timeout_s:g} seconds: try again, or raise timeout_s."
    if not answer:
        raise PageError(too_slow)
    result = answer[0]
    if isinstance(result, tuple):
        return result
    if isinstance(result, PageError):
        raise result
    if isinstance(result, urllib.error.HTTPError):
        answered = " ".join(f"{result.code} {result.reason}".split())
        raise PageError(f"{name}: the server answered {answered}: check the address.") from None
    reason = result.reason if isinstance(result, urllib.error.URLError) else result
    if isinstance(reason, TimeoutError):
        raise PageError(too_slow)
    text = reason_of(reason) if isinstance(reason, BaseException) else str(reason)
    raise PageError(f"{name}: can't be fetched: {text}: check the address and the connection.") from None


def _fetch(url: str, name: str, options: LoadOptions, deadline: float) -> tuple[bytes, str]:
    """Fetch within the limits. Returns the bytes and what the server calls them."""
    _check_scheme(url, name)
    opener = urllib.request.OpenerDirector()  # Not build_opener: that one knows file: and ftp: too.
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _SafeRedirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(
        _ascii_url(url), headers={"User-Agent": "got-ocr (Python urllib)", "Accept": "*/*"}
    )
    chunks: list[bytes] = []
    num_bytes = 0
    with opener.open(request, timeout=options.timeout_s) as response:
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit():
            _check_bytes(int(announced), name, options)
        content_type = response.headers.get_content_type()
        while chunk := response.read1(65536):
            num_bytes += len(chunk)
            _check_bytes(num_bytes, name, options)
            if time.monotonic() > deadline:
                raise TimeoutError
            chunks.append(chunk)
        if announced.isdigit() and num_bytes < int(announced):
            raise http.client.IncompleteRead(b"", int(announced) - num_bytes)
    return b"".join(chunks), f" (the server calls it {content_type})"


def _ascii_url(url: str) -> str:
    """Encode what people paste from an address bar: blanks, accents, host names beyond ASCII."""
    parts = urllib.parse.urlsplit(url)
    if not parts.netloc.isascii():
        url = url.replace(parts.netloc, parts.netloc.encode("idna").decode(), 1)
    return urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]-._")
