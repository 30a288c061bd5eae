"""How long a page may take: set by who reads it, asked by whatever works on it, from its layout on.

Each thread has a limit of its own. What can't ask, such as a product of matrices, is not ended in its middle.
"""

import contextlib
import math
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass


class OutOfTimeError(TimeoutError):
    """A page that takes longer than it may."""


@dataclass
class TimeLimit:
    """A limit that holds now.

    Attributes:
        end_s: When it ends, by `time.monotonic`.
        was_hit: Whether anything asked after that, and so left something out.
    """

    end_s: float
    was_hit: bool = False


_limit: ContextVar[TimeLimit | None] = ContextVar("got_ocr_time_limit", default=None)


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[TimeLimit]:
    """Let what is done within take no longer than this.

    Args:
        seconds: From now on; None for any time.

    Yields:
        The limit, which says afterwards whether it was hit.
    """
    limit = TimeLimit(math.inf if seconds is None else time.monotonic() + seconds)
    token = _limit.set(limit)
    try:
        yield limit
    finally:
        _limit.reset(token)


def is_out_of_time() -> bool:
    """Tell whether the page that is worked on has taken as long as it may."""
    limit = _limit.get()
    if limit is None or time.monotonic() < limit.end_s:
        return False
    limit.was_hit = True
    return True


def check_time() -> None:
    """Raise where the page that is worked on has taken as long as it may.

    Raises:
        OutOfTimeError: If it has.
    """
    if is_out_of_time():
        raise OutOfTimeError("the page takes longer than it may.")
