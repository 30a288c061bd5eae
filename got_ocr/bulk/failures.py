"""Kinds of failures, for the report: told by the error's limit, or by our own words in its line."""

from ..processing.options import PageError

TIME, MEMORY, CRASH = "time", "memory", "crash"  # As `PageError.limit` has them.
POISON = "poison"  # Workers died over it.
MODEL = "model"  # The model failed over it.
OTHER = "other"
# Of the messages of `processing`; a test has each of them made.
_WORDS = (
    ("encrypted", ("is an encrypted PDF", "an encryption that PDFium does not know")),
    ("no pages", ("is a PDF without pages", "has no pages")),
    ("missing", ("no such file", "no such list")),
    ("not allowed", ("may not be read", "is a folder", "is a pipe")),
    ("compressed", ("is a compressed tar",)),
    ("changed", ("has changed since",)),
    ("too large", ("are allowed", "is larger than", "far too large", "no shape of a page")),
    ("empty", ("is empty (",)),
    ("no column", ("has no column",)),
    ("not fetched", ("can't be fetched", "did not arrive", "the server answered")),
    (
        "damaged",
        (
            "damaged",
            "can't be read",
            "cut short",
            "can't be drawn",
            "no picture",
            "can't be decoded",
        ),
    ),
)


def kind_of(error: PageError) -> str:
    """Name the kind of a failure.

    Args:
        error: Why a page can't be had.

    Returns:
        One word or two.
    """
    return error.limit or kind_of_message(str(error))


def kind_of_message(message: str) -> str:
    """Name the kind of a failure by its message."""
    return next((kind for kind, words in _WORDS if any(word in message for word in words)), OTHER)
