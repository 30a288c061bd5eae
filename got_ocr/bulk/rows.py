"""The tables of a job: the catalogue of sources, the list of pages, pages on their way, and the rows that come out."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

PAGE_ID = "id"
SOURCE_KEY = "key"

SOURCES = pa.schema(
    [
        (SOURCE_KEY, pa.string()),
        ("uri", pa.binary()),
        ("kind", pa.string()),
        ("error", pa.string()),
        ("order", pa.int64()),
    ]
)

# Names of files may be no UTF-8: `uri` is kept as `encode_uri` gives it.
# What a source holds: one thing for a picture or a document, many for a shard or a table.
ITEM = pa.struct(
    [
        ("member", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("row_group", pa.int32()),
        ("row", pa.int32()),
        ("sha256", pa.string()),
        ("pages", pa.list_(pa.int32())),
        ("is_document", pa.bool_()),
        ("error", pa.string()),
        ("error_kind", pa.string()),
    ]
)
CATALOG = pa.schema(
    [(SOURCE_KEY, pa.string()), ("uri", pa.binary()), ("kind", pa.string()), ("items", pa.list_(ITEM))]
)

_PLACE = [
    (PAGE_ID, pa.string()),
    ("source", pa.string()),
    ("page", pa.int32()),
    ("sha256", pa.string()),
    ("copies", pa.list_(pa.string())),
]
PAGES = pa.schema(
    [
        *_PLACE,
        ("uri", pa.binary()),
        ("kind", pa.string()),
        ("member", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("row_group", pa.int32()),
        ("row", pa.int32()),
        ("is_document", pa.bool_()),
        ("error", pa.string()),
        ("error_kind", pa.string()),
    ]
)

# A page between drawing and reading. `verdict` says what became of one that need not be read.
DRAWN = pa.schema(
    [
        *_PLACE,
        ("error", pa.string()),
        ("error_kind", pa.string()),
        ("pixels", pa.large_binary()),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("turned_deg", pa.int32()),
        ("verdict", pa.string()),
        ("text", pa.string()),
        ("duplicate_of", pa.string()),
        ("seconds", pa.float64()),
    ]
)

LINE = pa.struct(
    [
        ("text", pa.string()),
        ("box", pa.list_(pa.int32())),
        ("block", pa.int32()),
        ("mean_probability", pa.float64()),
        ("min_probability", pa.float64()),
        ("is_low_confidence", pa.bool_()),
    ]
)
ROWS = pa.schema(
    [
        *_PLACE,
        ("text", pa.string()),
        ("markdown", pa.string()),
        ("lines", pa.list_(LINE)),
        ("unread", pa.list_(pa.list_(pa.int32()))),
        ("mode", pa.string()),
        ("model", pa.string()),
        ("model_digest", pa.string()),
        ("version", pa.string()),
        ("finish_reason", pa.string()),
        ("num_tokens", pa.int32()),
        ("mean_probability", pa.float64()),
        ("min_probability", pa.float64()),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("turned_deg", pa.int32()),
        ("seconds", pa.float64()),
        ("read_at", pa.timestamp("ms", tz="UTC")),
        ("error", pa.string()),
        ("error_kind", pa.string()),
        ("duplicate_of", pa.string()),
        ("image", pa.large_binary()),
    ]
)
# What differs between two runs over the same pages, and nothing else does.
TIMES = ("seconds", "read_at")


def make_table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Make a table of rows; a column that a row lacks is null in it. Text that is no Unicode is replaced.

    Args:
        rows: The rows.
        schema: One of this module's.

    Returns:
        The table.
    """
    rows = list(rows)
    return make_table_of_columns({name: [row.get(name) for row in rows] for name in schema.names}, schema)


def make_table_of_columns(columns: Mapping[str, list[Any]], schema: pa.Schema) -> pa.Table:
    """Make a table of its columns; all must be there. Returns: as :func:`make_table`."""
    return pa.Table.from_arrays([_make_array(columns[field.name], field.type) for field in schema], schema=schema)


def _make_array(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, type=kind)
    except UnicodeEncodeError:  # Seldom, and nowhere but in names: not looked for in each text.
        return pa.array(_clean(values), type=kind)


def _clean(value: Any) -> Any:
    """Clean the texts in a value, however deep they lie."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {name: _clean(part) for name, part in value.items()}
    return [_clean(part) for part in value] if isinstance(value, list) else value


def encode_uri(uri: str) -> bytes:
    """Write a path or URL as bytes, whatever is in it."""
    return uri.encode("utf-8", "surrogatepass")


def decode_uri(uri: bytes) -> str:
    """Read what :func:`encode_uri` wrote."""
    return uri.decode("utf-8", "surrogatepass")


def clean_text(text: str) -> str:
    r"""Make a text that UTF-8 can write: bytes of file names that are none come as `\udcXX`, and go as `\xXX`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _escape(text)
    return text


def _escape(text: str) -> str:
    return "".join(
        f"\\x{ord(char) - 0xDC00:02x}"
        if 0xDC80 <= ord(char) <= 0xDCFF
        else "\ufffd"
        if 0xD800 <= ord(char) <= 0xDFFF
        else char
        for char in text
    )
