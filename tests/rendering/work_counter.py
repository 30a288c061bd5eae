"""Count what reading and writing a page does, so that a test can bound it without a clock.

Steps are the lines of Python that run in the rendering room, counted by the interpreter, plus the characters that its
regular expressions and text searches walk over, by which a scan inside C is seen as well.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import got_ocr.rendering

ROOM = str(Path(got_ocr.rendering.__file__).parent)
CHARACTERS_PER_STEP = 50  # C walks over so many characters in about the time of a line of Python.
_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "split")


class WorkLimitError(Exception):
    """More steps than allowed: raised where they run out, so that a quadratic path doesn't take its time."""


class WorkCounter:
    """The count of steps, and the limit at which it raises."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lines = 0
        self.characters = 0

    @property
    def steps(self) -> int:
        """Lines, and characters in their measure."""
        return self.lines + self.characters // CHARACTERS_PER_STEP

    def trace_call(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Trace the lines of the room's own functions."""
        return self.trace_line if frame.f_code.co_filename.startswith(ROOM) else None

    def trace_line(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Count a line."""
        self.lines += 1
        if self.steps > self.limit:
            raise WorkLimitError(f"more than {self.limit} steps, in {frame.f_code.co_name}")
        return self.trace_line

    def walked(self, num_characters: int) -> None:
        """Count characters that C walked over."""
        self.characters += max(0, num_characters)
        if self.steps > self.limit:
            raise WorkLimitError(f"more than {self.limit} steps, in expressions and searches")


class CountedPattern:
    """A regular expression that says how far it walked: to its match's end, or to the end where it found none."""

    def __init__(self, pattern: re.Pattern[str], counter: WorkCounter) -> None:
        self.pattern, self.counter = pattern, counter

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.pattern, name)
        if name not in _METHODS:
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            text = arguments[1] if name == "sub" else arguments[0]
            bounds = arguments[1:] if name in ("search", "match", "fullmatch") else ()
            start = bounds[0] if bounds else 0
            end = min(bounds[1], len(text)) if len(bounds) > 1 else len(text)
            result = found(*arguments, **options)
            if name == "search":
                self.counter.walked((result.end() if result else end) - start)
            elif name == "match":
                self.counter.walked(result.end() - start if result else 1)
            elif name != "finditer":
                self.counter.walked(end - start)
            return result

        return call


class CountedRe:
    """The module `re` with counted expressions."""

    def __init__(self, counter: WorkCounter) -> None:
        self.counter = counter

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            return lambda pattern, *arguments, **options: getattr(self.compile(pattern), name)(*arguments, **options)
        return getattr(re, name)

    def compile(self, pattern: Any, flags: int = 0) -> CountedPattern:
        """Compile an expression that counts."""
        if isinstance(pattern, CountedPattern):
            return pattern
        return CountedPattern(re.compile(pattern, flags), self.counter)


@contextmanager
def counted(limit: int) -> Iterator[WorkCounter]:
    """Count the rendering room's steps while the block runs.

    Args:
        limit: Steps at which `WorkLimitError` is raised.

    Yields:
        The counter.
    """
    counter = WorkCounter(limit)
    saved: list[tuple[Any, str, Any]] = []
    modules = [module for name, module in sys.modules.items() if name.startswith("got_ocr.rendering.")]
    for module in modules:
        for name, value in list(vars(module).items()):
            if isinstance(value, re.Pattern):
                saved.append((module, name, value))
                setattr(module, name, CountedPattern(value, counter))
            elif value is re:
                saved.append((module, name, value))
                setattr(module, name, CountedRe(counter))
    before = sys.gettrace()
    sys.settrace(counter.trace_call)
    try:
        yield counter
    finally:
        sys.settrace(before)
        for module, name, value in saved:
            setattr(module, name, value)


def work_of(text: str, limit: int, write: Callable[[str], object]) -> int:
    """Count the steps of reading and writing a text.

    Args:
        text: The text.
        limit: Steps at which `WorkLimitError` is raised.
        write: Reads and writes it.

    Returns:
        The count.
    """
    with counted(limit) as counter:
        write(text)
    return counter.steps
