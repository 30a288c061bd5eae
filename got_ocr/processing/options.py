"""How pages are found and loaded, and the error of what can't be had: one value and one class for every call.

A failure is one line that says what was got, what is allowed and how to fix it, by means that the caller's own call
has: so the options know how the caller spells them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

DEFAULT_DPI = 200
DEFAULT_TIMEOUT_S = 20.0
DEFAULT_MAX_BYTES = 50_000_000
DEFAULT_MAX_PIXELS = 89_000_000  # An A3 page at 600 dpi has 70 million. Pillow itself warns above 89.5 million.
DEFAULT_PAGE_TIMEOUT_S = 60.0  # Many times what honest pages take, on a busy machine too.
# From layout to the last token: the published model writes its longest answer in about that on some cores.
DEFAULT_READING_TIMEOUT_S = 600.0
DEFAULT_MAX_MEMORY_BYTES = 4 * 2**30  # A page of 89 million pixels takes 1.2 GB from CMYK with alpha to RGB.
LONGEST_NAME = 300  # Letters of a path or URL in a message; the middle of a longer one is left out.


class PageError(ValueError):
    """A picture or page that can't be had; the message is one line for the user.

    Args:
        message: The line.
        limit: `time`, `memory` or `crash` where the page was given up because decoding it broke a limit: trying it
            again costs the same again. Else None.
    """

    def __init__(self, message: str, limit: str | None = None) -> None:
        super().__init__(message)
        self.limit = limit


@dataclass(frozen=True)
class SourceOptions:
    """How pages are found and loaded; one value for every call that takes pictures, documents or URLs.

    Attributes:
        dpi: Resolution at which PDF pages are drawn.
        pages: Pages to take of each PDF or multi-page TIFF, counted from 1: `"1-3,7"`, `"5-"`, numbers, or None for
            all. Kept as (first, last) pairs.
        password: Opens encrypted PDFs.
        timeout_s: Seconds a URL may take altogether.
        max_bytes: Size of what a URL, a data: URL or an open file may hold.
        max_pixels: Largest page, width times height.
        allow_private_addresses: Whether URLs may lead to loopback, private and link-local addresses. A server that
            fetches what strangers name says False; then failures say no more than that it can't be fetched.
        page_timeout_s: Seconds that opening a document, or decoding one page of it, may take; the work is done in a
            process of its own, which is ended then. None decodes in this process, without limits. Reading calls take
            it as the limit of all of a page's time, its layout and the model's reading included.
        max_memory_bytes: Memory of that process; None for as much as there is.
        spelled: How the caller spells these options in its own call, by their names here; options that the call
            does not take are left out. None: as they are named here.
    """

    dpi: float = DEFAULT_DPI
    pages: Any = None
    password: str | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    max_bytes: int = DEFAULT_MAX_BYTES
    max_pixels: int = DEFAULT_MAX_PIXELS
    allow_private_addresses: bool = True
    page_timeout_s: float | None = DEFAULT_PAGE_TIMEOUT_S
    max_memory_bytes: int | None = DEFAULT_MAX_MEMORY_BYTES
    spelled: Mapping[str, str] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pages", parse_page_numbers(self.pages))
        for option in ("dpi", "timeout_s", "max_bytes", "max_pixels", "page_timeout_s", "max_memory_bytes"):
            value = getattr(self, option)
            if value is None and option in ("page_timeout_s", "max_memory_bytes"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise PageError(f"{option} must be a number above 0, got {value!r}.")
        if self.password is not None and not isinstance(self.password, str):
            raise PageError(f"password must be a text, got {type(self.password).__name__}.")

    @classmethod
    def of(cls, options: "SourceOptions | Mapping[str, Any] | None" = None, **named: Any) -> "SourceOptions":
        """Make the options of a call.

        Args:
            options: Options to start from: a value of this class, or a mapping of names.
            **named: Options by name, which overrule those.

        Returns:
            The options.

        Raises:
            TypeError: If there is no option of a name.
            PageError: If a value is not allowed.
        """
        if isinstance(options, Mapping):
            named = {**options, **named}
            options = None
        if options is not None and not isinstance(options, cls):
            raise TypeError(f"options must be a {cls.__name__} or a mapping, got {type(options).__name__}.")
        unknown = sorted(named.keys() - set(option_names()) - {"spelled"})
        if unknown:
            raise TypeError(
                f"there is no option {', '.join(unknown)} for pages: allowed are {', '.join(option_names())}."
            )
        return replace(options, **named) if options is not None else cls(**named)

    def means(self, advice: str, *options: str) -> str:
        """Write advice that names options, or nothing where the caller's call has none of them.

        Args:
            advice: With `{}` for the options that there are, e.g. `raise {}`.
            *options: Names of options here.

        Returns:
            The advice, or an empty text.
        """
        spelled = {name: name for name in option_names()} if self.spelled is None else self.spelled
        known = [spelled[option] for option in options if option in spelled]
        return advice.format(" or ".join(known)) if known else ""


def option_names() -> tuple[str, ...]:
    """Name the options that a call may take, in order."""
    return tuple(one.name for one in fields(SourceOptions) if one.name != "spelled")


def say_how(*advice: str) -> str:
    """Join pieces of advice, of which some may be empty, to the end of a line that says what is wrong."""
    said = [piece for piece in advice if piece]
    return f": {', or '.join(said)}." if said else "."


def late_trouble(timeout_s: float | None, options: SourceOptions, doing: str = "to read", *more: str) -> str:
    """Say of a page that it takes too long.

    Args:
        timeout_s: The limit.
        options: Say how the caller spells it.
        doing: What took so long.
        *more: What else can be done about it.

    Returns:
        The end of a line that begins with the page's name.
    """
    how = say_how(options.means("raise {}", "page_timeout_s"), *more)
    return f"takes longer than {timeout_s or 0:g} seconds {doing}{how}"


def parse_page_numbers(pages: Any) -> tuple[tuple[int, int | None], ...] | None:
    """Parse a choice of pages.

    Args:
        pages: `"1-3,7"`, `"5-"` (to the end), a number or numbers counted from 1, pairs as this function returns
            them, or None for all.

    Returns:
        (first, last) pairs, last None for the end; None for all.

    Raises:
        PageError: If it can't be understood.
    """
    if pages is None:
        return None
    if isinstance(pages, int):
        pages = [pages]
    if not isinstance(pages, str | Iterable):
        raise PageError(f"pages must be like 1-3,7 or 5-, counted from 1 and upwards, got {pages!r}.")
    parts = pages.split(",") if isinstance(pages, str) else [_range_text(page) for page in pages]
    ranges: list[tuple[int, int | None]] = []
    for part in parts:
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:(-)\s*(\d{1,9})?)?\s*", part)
        first = int(match[1]) if match else 0
        last = (int(match[3]) if match[3] else None if match[2] else first) if match else 0
        if first < 1 or (last is not None and last < first):
            raise PageError(f"pages must be like 1-3,7 or 5-, counted from 1 and upwards, got {pages!r}.")
        ranges.append((first, last))
    if not ranges:
        raise PageError(f"pages must name at least one page, got {pages!r}.")
    return tuple(ranges)


def _range_text(page: Any) -> str:
    if isinstance(page, tuple | list) and len(page) == 2:
        return f"{page[0]}-{'' if page[1] is None else page[1]}"
    return str(page)


def last_page_wanted(options: SourceOptions) -> int:
    """Name the last page that is asked for by its number; 0 if none is."""
    return max((last or first for first, last in options.pages or ()), default=0)


def select_pages(
    num_pages: int, name: str, options: SourceOptions, after: int = 0, most: int | None = None
) -> list[int]:
    """Choose the pages of a document.

    Args:
        num_pages: How many it has, as far as is known: at least up to the last page that is asked for.
        name: What to call it in an error.
        options: Which are wanted.
        after: Only those behind this one.
        most: Only those up to this one.

    Returns:
        Their numbers in order, each once.

    Raises:
        PageError: If it has not all of them.
    """
    end = num_pages if most is None else min(most, num_pages)
    if options.pages is None:
        return list(range(after + 1, end + 1))
    chosen: set[int] = set()
    for first, last in options.pages:
        if first > num_pages or (last or first) > num_pages:
            held = f"{num_pages} page{'' if num_pages == 1 else 's'}"
            raise PageError(f"{name}: has {held}, but page {max(first, last or first)} was asked for.")
        chosen.update(range(max(first, after + 1), min(last or num_pages, end) + 1))
    return sorted(chosen)


def printable(text: str) -> str:
    r"""Write control characters and bytes that are no text as escapes, `\x1b`, so that a terminal shows them only."""
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable()
        else f"\\x{ord(char) - 0xDC00:02x}"
        if 0xDC80 <= ord(char) <= 0xDCFF
        else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def reason_of(error: BaseException) -> str:
    """What an exception says, in one printable line without a full stop."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return printable(" ".join(text.split()))[:LONGEST_NAME].rstrip(".")
