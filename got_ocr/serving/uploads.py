"""From a request's body to the files and the mode that it names. No path of a client is ever opened."""

import asyncio
import base64
import binascii
import difflib
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from ..processing.mode import Mode
from ..processing.options import PageError, parse_page_numbers, printable
from .decoder import Decoder, Source
from .errors import ApiError
from .messages import make_mode, parse_message_text
from .options import ServerOptions
from .schemas import MAX_IMAGES, ChatRequest, FileFields, Message, OcrForm, OcrRequest, ReadingFields

MAX_FORM_FIELDS = 50
MOST_SAID = 40  # Letters or digits of a wrong value that its error repeats.
# Each value of JSON is an object of Python's, of some hundred bytes where its text has two: so they are counted first.
MAX_JSON_VALUES = 100_000
_BEFORE_VALUES = (b",", b"[", b"{")  # None of which base64 has.
_BLANKS = b" \t\r\n\f\v"
_DATA_URI = re.compile(r"data:[^,]{0,200}?;base64,", re.IGNORECASE)
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/=\s]")
_HTTP_URL = re.compile(r"https?://", re.IGNORECASE)
# What pydantic puts into a place for the members of a union.
_UNION_MEMBER = re.compile(r"(?:str|list\[.*|constrained-.*|function-.*)\Z")
_HOLDERS: dict[str, type[BaseModel]] = {"got_ocr": ReadingFields, "files": FileFields}
_FILE_FIELDS = ("file", "image", "files", "file[]", "image[]")

AnyModel = TypeVar("AnyModel", bound=BaseModel)


def content_type_of(request: Request) -> str:
    """The body's media type, in lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_encoding(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise ApiError(415, f"send the body as it is, without Content-Encoding, got {encoding[:40]}.")


async def read_ocr_request(
    request: Request, options: ServerOptions, decoder: Decoder
) -> tuple[OcrRequest | OcrForm, list[Source]]:
    """Take the body of POST /v1/ocr apart.

    Args:
        request: The request.
        options: The server's.
        decoder: Fetches URLs.

    Returns:
        Its fields, and its files.

    Raises:
        ApiError: If something is not allowed.
    """
    content_type = content_type_of(request)
    _check_encoding(request)
    fields: OcrRequest | OcrForm
    if content_type == "multipart/form-data":
        async with request.form(
            max_files=MAX_IMAGES, max_fields=MAX_FORM_FIELDS, max_part_size=options.max_bytes
        ) as form:
            fields, contents = await asyncio.to_thread(_read_form, form)
    elif content_type == "application/json":
        fields, contents = await asyncio.to_thread(_read_json, await request.body())
    else:
        raise ApiError(
            415, f"send multipart/form-data or application/json, got {content_type[:100] or 'no content type'}."
        )
    for url in _as_list(fields.url):
        contents.append(("url", await _fetch(url, options, decoder, "url")))
    if not contents:
        raise ApiError(400, "nothing to read: send a file as `file`, or base64 as `image`.", "image")
    return fields, _as_sources(contents, fields)


def _read_json(body: bytes) -> tuple[OcrRequest, list[tuple[str, bytes]]]:
    fields = validate(OcrRequest, body)
    return fields, [("image", decode_base64(text, "image")) for text in _as_list(fields.image)]


def _read_form(form: FormData) -> tuple[OcrForm, list[tuple[str, bytes]]]:
    values: dict[str, Any] = {}
    contents: list[tuple[str, bytes]] = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name not in _FILE_FIELDS:
                raise ApiError(400, f"a file must be sent as `file`, got it as {name[:60]!r}.", name[:60])
            contents.append(("file", value.file.read()))
        elif name in _FILE_FIELDS:
            contents.append(("image", decode_base64(value, name)))
        elif name in values:
            raise ApiError(400, f"{name[:60]!r} was sent twice.", name[:60])
        elif value != "":
            values[name] = value
    return validate(OcrForm, values), contents


def validate(model: type[AnyModel], body: bytes | dict[str, Any]) -> AnyModel:
    """Check a body against its shape.

    Args:
        model: The shape.
        body: JSON, or the fields of a form.

    Returns:
        The checked body.

    Raises:
        ApiError: If it does not fit, where the message names a field that does not, or has too many values.
    """
    if isinstance(body, bytes) and sum(map(body.count, _BEFORE_VALUES)) > MAX_JSON_VALUES:
        raise ApiError(413, f"the body has more than {MAX_JSON_VALUES:,} values: send fewer, or shorter messages.")
    try:
        return model.model_validate_json(body) if isinstance(body, bytes) else model.model_validate(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        # Where a value may be of several kinds, the deepest error is that of the kind which was meant.
        first = max(found, key=lambda one: len(one["loc"]))
        names = (str(one) for one in first["loc"] if not _UNION_MEMBER.match(str(one)))
        place = printable(".".join(names)[:100])
        raise ApiError(400, f"{place or 'the body'}: {_explain(first, model)}", place or None) from None


def _explain(error: Any, model: type[BaseModel]) -> str:
    """Say of one of pydantic's errors what was got and what is allowed. Returns: the end of a line."""
    place = [str(one) for one in error["loc"]]
    if error["type"] == "extra_forbidden":
        names = sorted((_HOLDERS.get(place[0], model) if len(place) > 1 else model).model_fields)
        close = difflib.get_close_matches(place[-1][:40], names, 1)
        return f"there is no such field: did you mean {close[0]}?" if close else f"is none of {', '.join(names)}."
    value = error["input"]
    # Of a body that is no JSON the message says what is wrong.
    if not place or error["type"] == "missing" or not isinstance(value, (str, int, float, type(None))):
        return f"{error['msg']}."
    got = repr(value[:MOST_SAID]) if isinstance(value, str) else str(value)[:MOST_SAID]
    return f"{error['msg']}, got {got}."


def decode_base64(text: str, param: str) -> bytes:
    """Decode a picture that stands in a text.

    Args:
        text: Base64, or a data: URI of it.
        param: The field, for an error.

    Returns:
        The bytes.

    Raises:
        ApiError: If it is neither.
    """
    start = _DATA_URI.match(text)
    payload = text[start.end() :] if start else text
    try:
        data = base64.b64decode(payload.encode("ascii").translate(None, _BLANKS), validate=True)
    except (binascii.Error, ValueError):
        what = f"{param} must be base64 or a data: URI of it"
        foreign = _NO_BASE64.search(payload) if start else None
        if foreign is not None:
            raise ApiError(400, f"{what}, and {foreign[0]!r} is no letter of base64.", param) from None
        raise ApiError(400, f"{what}, got {text[:40]!r}; names of files are not opened.", param) from None
    if not data:
        raise ApiError(400, f"{param} is empty.", param)
    return data


def _as_list(value: str | list[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else value


def _as_sources(contents: Sequence[tuple[str, bytes]], fields: FileFields) -> list[Source]:
    try:
        parse_page_numbers(fields.pages)
    except PageError as error:
        raise ApiError(400, str(error), "pages") from None
    several = len(contents) > 1
    return [
        Source(data, f"{name} {place}" if several else name, fields.pages, fields.dpi, fields.password)
        for place, (name, data) in enumerate(contents, start=1)
    ]


async def _fetch(url: str, options: ServerOptions, decoder: Decoder, param: str) -> bytes:
    if not options.allow_urls:
        raise ApiError(400, "this server fetches no URLs: send the picture itself, as base64 or a data: URI.", param)
    return await decoder.fetch(url)


def mode_of(fields: ReadingFields) -> Mode:
    """Make the mode that fields choose.

    Args:
        fields: They.

    Returns:
        The mode.

    Raises:
        ApiError: If they don't go together, or a value is not allowed.
    """
    try:
        return make_mode({name: getattr(fields, name) for name in ReadingFields.model_fields})
    except ValueError as error:
        raise ApiError(400, str(error)) from None


async def read_chat_request(
    request: Request, options: ServerOptions, decoder: Decoder
) -> tuple[ChatRequest, Mode, list[Source]]:
    """Take the body of POST /v1/chat/completions apart.

    The last user message says what to read; where it has no picture, those of the last message that has some are read
    again.

    Args:
        request: The request.
        options: The server's.
        decoder: Fetches URLs.

    Returns:
        Its fields, the mode, and its files.

    Raises:
        ApiError: If something is not allowed.
    """
    if content_type_of(request) not in ("application/json", ""):
        raise ApiError(415, f"send application/json, got {content_type_of(request)[:100]}.")
    _check_encoding(request)
    fields = await asyncio.to_thread(validate, ChatRequest, await request.body())
    users = [message for message in fields.messages if message.role == "user"]
    if not users:
        raise ApiError(400, "there is no message of the role user.", "messages")
    text = _text_of(users[-1])
    urls: list[str] = next((found for found in (_files_of(one) for one in reversed(users)) if found), [])
    if not urls:
        raise ApiError(
            400,
            "there is no picture to read: send a part of type image_url with a data: URI.",
            "messages",
        )
    if len(urls) > MAX_IMAGES:
        raise ApiError(413, f"a message may have {MAX_IMAGES} pictures, got {len(urls)}.", "messages")
    if fields.got_ocr is not None and text.strip():
        raise ApiError(400, "the mode was given by got_ocr and by the message's text: leave one out.", "got_ocr")
    try:
        mode = mode_of(fields.got_ocr) if fields.got_ocr is not None else make_mode(parse_message_text(text))
    except ValueError as error:
        raise ApiError(400, str(error), "messages") from None
    contents = []
    for url in urls:
        if _HTTP_URL.match(url):
            contents.append(("image_url", await _fetch(url, options, decoder, "image_url")))
        else:
            contents.append(("image_url", await asyncio.to_thread(decode_base64, url, "image_url")))
    return fields, mode, _as_sources(contents, fields.files or FileFields())


def _text_of(message: Message) -> str:
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    return "\n".join(part.text or "" for part in message.content if part.type == "text")


def _files_of(message: Message) -> list[str]:
    """Collect the data: URIs and URLs of a message's pictures."""
    found = []
    for part in message.content if isinstance(message.content, list) else []:
        if part.type == "text":
            continue
        holder = part.image_url if part.type == "image_url" else part.file
        key = "url" if part.type == "image_url" else "file_data"
        url = holder.get(key) if isinstance(holder, dict) else holder
        if not isinstance(url, str) or not url:
            raise ApiError(400, f"a part of type {part.type} must hold its picture as `{key}`.", "messages")
        found.append(url)
    return found
