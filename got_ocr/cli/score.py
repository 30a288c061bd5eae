"""`got-ocr score`: figures and reports of result files, ours, the published ones, anybody's."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import exit_codes
from .terminal import check_standard_output

if TYPE_CHECKING:
    from ..evaluation.results import Result

SUMMARY = """\
score result files: any list of {"image", "question", "label", "answer"}

Takes the published results_*.json (several are merged), OneChart's predictions (with --data), and the folders that
`got-ocr eval` wrote; --against compares two systems on the same samples, with significance."""

TASKS = ("plain", "scene", "format", "box", "color", "chart")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("results", nargs="+", metavar="RESULTS", help="file, pattern in quotes, or folder of a run")
    parser.add_argument("--data", metavar="GT", help="ground truth, for results without it (OneChart's predictions)")
    parser.add_argument("--images", metavar="DIR", help="folder of the pictures, for the page of samples")
    parser.add_argument("--output", metavar="DIR", help="folder for report.html and report.json")
    parser.add_argument("--against", metavar="RESULTS", help="another system's results, to compare with")
    parser.add_argument("--json", action="store_true", help="print the report as JSON instead of a table")
    add_scoring_arguments(parser)


def add_scoring_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `eval` and `score` share."""
    scoring = parser.add_argument_group("scoring")
    scoring.add_argument("--task", choices=TASKS, help="which figures (plain; with --suite format)")
    scoring.add_argument(
        "--convention",
        choices=("right", "published"),
        default="right",
        help="published: as the scripts behind the published tables, which swap precision and recall and leave out "
        "empty answers (%(default)s)",
    )
    scoring.add_argument(
        "--normalize", choices=("none", "space"), default="none", help="space: NFC, runs of white space as one blank"
    )
    scoring.add_argument("--confidence", type=float, default=0.95, metavar="P", help="of intervals (%(default)s)")
    scoring.add_argument("--resamples", type=int, default=2000, metavar="N", help="of the bootstrap (%(default)s)")
    scoring.add_argument("--max-samples", type=int, default=50, metavar="N", help="samples on the page (%(default)s)")
    scoring.add_argument("--workers", type=int, metavar="N", help="processes that score (fits the work)")


def run(args: argparse.Namespace) -> int:
    """Score, report. Returns the exit code."""
    from ..evaluation.results import load_results
    from ..evaluation.scoring import compare_results

    if args.output is None:
        check_standard_output("give --output, or leave it open")
    args.task = args.task or "plain"
    results = _with_truth(load_results(args.results), args)
    comparison, systems = None, ("first", "second")
    if args.against:
        other = _with_truth(load_results([args.against]), args)
        comparison = compare_results(
            results, other, task=args.task, convention=args.convention, normalization=args.normalize,
            confidence=args.confidence, resamples=args.resamples,
        )  # fmt: skip
        systems = _name_systems(args.results[0], args.against)
    load_picture = _picture_loader(Path(args.images)) if args.images else None
    output = Path(args.output) if args.output else None
    write_reports(args, results, output, load_picture=load_picture, comparison=comparison, systems=systems)
    return exit_codes.OK


def _with_truth(results: list["Result"], args: argparse.Namespace) -> list["Result"]:
    from ..evaluation.results import Result
    from ..evaluation.samples import load_samples
    from ..evaluation.scoring import join_truth

    if not args.data:
        if not any(result.label for result in results):
            raise ValueError("these results have no 'label': give the ground truth by --data GT.json.")
        return results
    truths = [
        Result(sample.image, sample.question, sample.label, "", sample.index)
        for sample in load_samples(args.data, task="chart" if args.task == "chart" else "plain")
    ]
    joined = join_truth(results, truths)
    if all(result.error for result in joined):
        raise ValueError(f"no result is about a picture of {args.data}: 'image' must be the same there.")
    return joined


def _name_systems(first: str, second: str) -> tuple[str, str]:
    names = [Path(path).stem if Path(path).suffix else Path(path).name for path in (first, second)]
    return (names[0], names[1]) if names[0] != names[1] else (first, second)


def _picture_loader(folder: Path) -> Callable[["Result"], Any]:
    from ..processing.pages import iter_pages, load_image

    def load(result: "Result") -> Any:
        path = folder / result.image
        return next(iter(iter_pages(path))).image if path.is_dir() else load_image(path)

    return load


def write_reports(
    args: argparse.Namespace,
    results: Sequence["Result"],
    folder: Path | None,
    *,
    run_record: dict[str, Any] | None = None,
    load_picture: Callable[["Result"], Any] | None = None,
    comparison: dict[str, Any] | None = None,
    systems: tuple[str, str] = ("first", "second"),
) -> None:
    """Score results, print the table and write `report.json`, `report.html` and `timing.json`.

    Args:
        args: The arguments of :func:`add_scoring_arguments`.
        results: What to score.
        folder: Where to write; None: nowhere.
        run_record: What was run.
        load_picture: Gives a result's picture.
        comparison: A paired comparison with another system.
        systems: Names of the two systems.
    """
    from ..evaluation.report_html import render_report
    from ..evaluation.report_text import comparison_table, headline, report_json, scores_table, timing
    from ..evaluation.results import write_atomically
    from ..evaluation.scoring import score

    scores = score(
        results, task=args.task, convention=args.convention, normalization=args.normalize,
        confidence=args.confidence, resamples=args.resamples, workers=args.workers,
    )  # fmt: skip
    report = report_json(scores, run=run_record, comparison=comparison, confidence=args.confidence)
    times = timing(results)
    if getattr(args, "json", False):
        print(json.dumps(report, indent=1))
    else:
        print(headline(scores))
        print(scores_table(scores, args.confidence))
        if comparison is not None:
            print(f"\n{systems[0]} against {systems[1]}, on the samples that both have")
            print(comparison_table(comparison, *systems))
        if times is not None:
            print(
                f"{times['mean_s']:.3f} s a page, {times['mean_cpu_s']:.3f} s of one core ({times['samples']} pages, "
                f"{times['total_s']:.1f} s)"
            )
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "report.json", json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    if times is not None:
        write_atomically(folder / "timing.json", json.dumps(times, indent=1) + "\n")
    page = render_report(
        scores,
        title=f"OCR evaluation: {run_record['engine']}" if run_record else "OCR evaluation",
        run=run_record,
        load_picture=load_picture,
        comparison=comparison,
        systems=systems,
        confidence=args.confidence,
        max_samples=args.max_samples,
    )
    write_atomically(folder / "report.html", page)
    print(f"got-ocr: report: {folder / 'report.html'}", file=sys.stderr)
