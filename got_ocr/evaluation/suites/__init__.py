"""Public benchmarks that bring tests or truth of their own form, by name.

In: the benchmark's folder as it is downloaded, and Markdown of its pages. Out: a `SuiteReport`, and the folder of
answers that the benchmark's own program scores.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ..samples import Sample
from .report import SuiteReport

_PACKAGES = {"bs4": "beautifulsoup4", "fuzzysearch": "fuzzysearch", "rapidfuzz": "rapidfuzz"}
SUITES = ("olmocr-bench", "omnidocbench")

__all__ = ["SUITES", "Suite", "SuiteReport", "open_suite"]


class Suite(Protocol):
    """A benchmark's pages, and how their answers are scored."""

    @property
    def samples(self) -> Sequence[Sample]:
        """The pages to read."""
        ...

    def score(self, answers: Mapping[str, str]) -> SuiteReport:
        """Score Markdown by the samples' `image`."""
        ...

    def write_answers(self, answers: Mapping[str, str], folder: Path) -> None:
        """Write answers as the benchmark's own program wants them."""
        ...


def open_suite(name: str, data: str) -> Suite:
    """Read a benchmark's data.

    Args:
        name: One of SUITES.
        data: Its folder.

    Returns:
        The benchmark.

    Raises:
        ValueError: If there is no such benchmark, or its data is damaged.
        FileNotFoundError: If the folder holds none.
        ModuleNotFoundError: If a package is missing that scoring needs.
    """
    if name == "olmocr-bench":
        lacking = [package for module, package in _PACKAGES.items() if importlib.util.find_spec(module) is None]
        if lacking:
            raise ModuleNotFoundError(f"{name} needs {', '.join(lacking)}: pip install {' '.join(lacking)}")
        from .olmocr_bench import OlmOcrBench

        return OlmOcrBench(data)
    if name == "omnidocbench":
        from .omnidocbench import OmniDocBench

        return OmniDocBench(data)
    raise ValueError(f"the benchmark must be one of {', '.join(SUITES)}, got {name!r}.")
