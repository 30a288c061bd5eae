"""What `got-ocr eval --suite` does once a benchmark's pages are read: score, write answers and results."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import exit_codes
from .exit_codes import CommandError, one_line
from .writing import write_atomically

if TYPE_CHECKING:
    from ..evaluation.results import Result
    from ..evaluation.suites import Suite

ANSWERS = "answers"
RESULTS = "eval_results.yaml"


def report_suite(suite: "Suite", results: Sequence["Result"], folder: Path, record: dict[str, Any]) -> None:
    """Score a benchmark's answers, print the figures and write what the benchmark and the Hub want.

    Args:
        suite: The benchmark.
        results: Its pages' answers; Mathpix Markdown of GOT's format mode becomes Markdown with HTML tables.
        folder: The run's: gets `answers/`, `suite.json`, `suite.txt` and `eval_results.yaml`.
        record: What was run.
    """
    from ..evaluation.suites.report import write_results

    # A model of GOT writes LaTeX tables, which checkers don't know; other engines' text is left as it is.
    is_mathpix = record["engine"] in ("got", "transformers") and record["task"] == "format"
    answers = {
        result.image: _to_markdown(result.answer) if is_mathpix else result.answer
        for result in results
        if not result.error
    }
    report = suite.score(answers)
    suite.write_answers(answers, folder / ANSWERS)
    write_atomically(folder / "suite.json", report.to_json())
    system = " ".join(str(record[key]) for key in ("engine", "model") if record.get(key))
    write_atomically(folder / "suite.txt", report.to_text(system))
    write_atomically(folder / RESULTS, write_results(report))
    print(replace(report, failures=()).to_text(system), end="")
    print(f"got-ocr: what failed: {folder / 'suite.txt'}; answers: {folder / ANSWERS}", file=sys.stderr)


def push_suite(folder: Path, suite: str, repository: str) -> None:
    """Propose a run's figures to a model on the Hub, and print where.

    Args:
        folder: The run's.
        suite: The benchmark's name.
        repository: The model's.

    Raises:
        CommandError: If the Hub does not take them; the run's folder has them all the same.
    """
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    from ..hub.repository import push_results

    file = folder / RESULTS
    try:
        print(push_results(file, suite, repository))
    except (HfHubHTTPError, LocalTokenNotFoundError, ConnectionError, OSError) as error:
        how = f"log in by `hf auth login`; the results are in {file}"
        raise CommandError(exit_codes.OUTPUT_FAILED, f"the Hub did not take it: {one_line(error)} ({how}).") from error


def _to_markdown(answer: str) -> str:
    from ..rendering import render

    return render(answer).to_markdown(tables="html", escapes=False)
