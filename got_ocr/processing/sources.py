"""Where pictures come from: paths, http(s) and data: URLs, bytes, open files and `{"bytes": ...}` of data sets.

Everything is checked and brought to a file or to bytes. Every failure is a :class:`PageError` with one line that says
what was got, what is allowed and how to fix it by means which the caller's own call has (:class:`SourceOptions`).
"""

import base64
import binascii
import os
import re
import stat
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .fetching import fetch
from .options import LONGEST_NAME, PageError, SourceOptions, printable, reason_of, say_how

_URL_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)  # Two letters at least: `C:\page.png` is a path.
_DATA_URL = re.compile(r"data:([^,]{0,200}),", re.IGNORECASE)

ImageSource = Any  # str | Path | bytes | BytesIO | PIL.Image.Image | numpy.ndarray | dict | folders and lists


def identify_source(source: ImageSource) -> str:
    """Name a source so that no other has its name: paths and URLs as they are.

    Args:
        source: What :func:`load_image` takes.

    Returns:
        The path (bytes that are no UTF-8 as surrogates, see `os.fsdecode`), the URL without a password, or what kind
        of object it is.
    """
    if isinstance(source, Mapping):
        path = source.get("path")
        return identify_source(path) if isinstance(path, str) and path else describe_source(source)
    if not isinstance(source, str | os.PathLike):
        return describe_source(source)
    text = os.fsdecode(source)
    if _DATA_URL.match(text):
        return describe_source(text)
    return re.sub(r"(?<=://)[^/@]*@", "***@", text) or "(empty name)"


def describe_source(source: ImageSource) -> str:
    """Name a source in one short line for a message.

    Args:
        source: What :func:`load_image` takes.

    Returns:
        The path or URL, or what kind of object it is; printable.
    """
    if isinstance(source, Mapping):
        path, data = source.get("path"), source.get("bytes")
        return describe_source(path or (data if data is not None else "picture of a data set"))
    if isinstance(source, str) and (match := _DATA_URL.match(source)):
        return printable(f"data:{match[1][:60]} of {len(source):,} letters")
    if isinstance(source, str | os.PathLike):
        text = re.sub(r"(?<=://)[^/@]*@", "***@", os.fsdecode(source))
        if len(text) > LONGEST_NAME:
            text = f"{text[: LONGEST_NAME * 2 // 3]}...{text[-LONGEST_NAME // 3 :]}"
        return printable(text) or "(empty name)"
    if isinstance(source, Image.Image):
        return printable(str(getattr(source, "filename", "") or f"{source.mode} image"))
    if isinstance(source, np.ndarray):
        return "array"
    if is_tensor(source):
        return "tensor"
    if isinstance(source, bytes | bytearray | memoryview):
        return f"{len(source)} bytes"
    name = getattr(source, "name", None)
    return printable(name[:LONGEST_NAME]) if isinstance(name, str) else type(source).__name__


def is_tensor(source: ImageSource) -> bool:
    """Whether this is a tensor of torch, without importing torch."""
    return type(source).__module__.partition(".")[0] == "torch" and hasattr(source, "detach")


def is_url(source: ImageSource) -> bool:
    """Whether a string names something by a scheme. A file that stands there under such a name is a path."""
    if not isinstance(source, str) or _URL_SCHEME.match(source) is None:
        return False
    try:
        return not os.path.exists(source)
    except ValueError:  # A null character in it.
        return True


def open_source(source: ImageSource, name: str, options: SourceOptions) -> tuple[Path | bytes, str]:
    """Check what was given, and fetch or read what is no file.

    Args:
        source: A path, URL, bytes, an open file, or a data set's `{"bytes": ..., "path": ...}`.
        name: What to call it in an error.
        options: The limits.

    Returns:
        The path of a regular file, or bytes; and what to say of its origin in an error.

    Raises:
        PageError: If it can't be had.
    """
    if isinstance(source, Mapping):
        source = _of_data_set(source, name)
    if isinstance(source, str) and _DATA_URL.match(source):
        return _decode_data_url(source, name, options), ""
    if is_url(source):
        return fetch(source, name, options)
    if isinstance(source, str | os.PathLike):
        if source == "":
            raise PageError("the name of the picture is empty: give a path or an http(s) URL.")
        return _check_path(os.fspath(source), name, options), ""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source), ""
    if hasattr(source, "read"):
        return _read_limited(source, name, options), ""
    raise PageError(
        f"{name}: can't be read: a path, an http(s) or data: URL, bytes, an open binary file, a PIL image, a numpy "
        f'array, a torch tensor or {{"bytes": ...}} is allowed, got {type(source).__name__}.'
    )


def _of_data_set(source: Mapping[str, Any], name: str) -> ImageSource:
    """Take the bytes, or else the path, of a picture as data sets keep it."""
    data, path = source.get("bytes"), source.get("path")
    if isinstance(data, bytes | bytearray | memoryview):
        return data
    if isinstance(path, str | os.PathLike) and path:
        return path
    raise PageError(
        f'{name}: a dictionary must hold a picture\'s "bytes" or its "path", got the keys '
        f"{printable(', '.join(sorted(map(str, source))))[:100] or 'of an empty one'}."
    )


def _decode_data_url(url: str, name: str, options: SourceOptions) -> bytes:
    header, _, body = url.partition(",")
    _check_bytes(len(body) * 3 // 4 if header.lower().endswith(";base64") else len(body), name, options)
    try:
        data = urllib.parse.unquote_to_bytes(body)
        if header.lower().endswith(";base64"):
            data = b"".join(data.split())
            data = base64.b64decode(
                data + b"=" * (-len(data) % 4), altchars=b"-_" if b"-" in data or b"_" in data else None, validate=True
            )
    except (binascii.Error, ValueError) as error:
        raise PageError(f"{name}: its base64 is damaged: {reason_of(error)}: encode the picture anew.") from None
    return data


def _check_path(text: str | bytes, name: str, options: SourceOptions) -> Path | bytes:
    try:
        path = Path(os.fsdecode(text)).expanduser()
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise PageError(f"{name}: is a folder, not a picture: iter_pages gives its pages.")
        if stat.S_ISREG(mode):
            with path.open("rb"):
                # The process that decodes it has a working folder of its own.
                return Path(os.path.abspath(path))
        with path.open("rb") as file:  # A pipe or a device: `<(command)` in a shell.
            return _read_limited(file, name, options)
    except FileNotFoundError:
        if os.path.islink(text):
            raise PageError(
                f"{name}: is a link to a file that is not there: get the file, or link to another."
            ) from None
        raise PageError(f"{name}: no such file or folder: check the name.") from None
    except PermissionError:
        raise PageError(f"{name}: may not be read: check its permissions.") from None
    except (OSError, RuntimeError) as error:
        raise PageError(f"{name}: can't be opened: {reason_of(error)}.") from None
    except PageError:
        raise
    except ValueError as error:  # A null character in the name.
        raise PageError(f"{name}: is no name of a file: {reason_of(error)}.") from None


def _read_limited(file: Any, name: str, options: SourceOptions) -> bytes:
    """Read an open file to its end, within the size allowed."""
    try:
        data = file.read(int(options.max_bytes) + 1)
    except (OSError, ValueError) as error:
        raise PageError(f"{name}: can't be read: {reason_of(error)}.") from None
    if not isinstance(data, bytes):
        raise PageError(f"{name}: an open file must give bytes, got {type(data).__name__}: open it in mode 'rb'.")
    _check_bytes(len(data), name, options)
    return data


def _check_bytes(num_bytes: int, name: str, options: SourceOptions) -> None:
    if num_bytes > options.max_bytes:
        advice = say_how("save it to a file first", options.means("raise {}", "max_bytes"))
        raise PageError(f"{name}: is larger than {options.max_bytes:,} bytes{advice}")


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
