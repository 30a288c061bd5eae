"""`got-ocr synth`: draw training samples with their truth, into files or as a picture to look at."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import exit_codes
from .exit_codes import CommandError
from .progress import Progress

if TYPE_CHECKING:
    from ..synthesis.engine import FailedSample
    from ..synthesis.output.manifest import Plan
    from ..synthesis.resources import Resources
    from ..synthesis.runner import KindReport
    from ..synthesis.workers import Result

SUMMARY = """\
draw training samples of many kinds with their truth

A kind is pages, slices, scene, handwriting, formulas, tables, formatted, molecules, music, geometry, charts, boxes,
colors, multi-crop or multi-page; several are joined by +. Look before you train:

  got-ocr synth formulas+tables --preview sheet.png
  got-ocr synth formulas --count 1000 --seed 1 --out data/formulas
  got-ocr synth all --count 100000 --format webdataset --out shards --degrade default

The same command goes on where it was stopped, and a greater --count adds to what is there. Equal options give equal
files, whatever the number of workers."""

ERRORS_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("kinds", metavar="KIND[+KIND...]", help="kinds of samples joined by +, or all")
    parser.add_argument("--count", type=int, metavar="N", help="samples of each kind")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the samples, or for their shards")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="another seed gives other samples (%(default)s)"
    )
    parser.add_argument("--only", type=int, metavar="N", help="draw sample number N of each kind, and no other")
    parser.add_argument("--workers", type=int, metavar="W", help="processes that draw (one for each core)")
    form = parser.add_argument_group("files")
    form.add_argument(
        "--format",
        default="json",
        choices=("json", "webdataset"),
        help="json: conversation file and PNG pictures; webdataset: tar shards to stream from (%(default)s)",
    )
    form.add_argument(
        "--shard-size", type=int, default=1000, metavar="N", help="samples in a shard, with webdataset (%(default)s)"
    )
    look = parser.add_argument_group("looking first")
    look.add_argument("--preview", type=Path, metavar="FILE.png", help="draw a sheet of the first samples and truths")
    look.add_argument(
        "--preview-count", type=int, default=12, metavar="N", help="samples on the sheet, of all kinds (%(default)s)"
    )
    look.add_argument(
        "--preview-layout",
        default="cards",
        choices=("cards", "gallery"),
        help="cards: large, with the truth; gallery: 1200 px wide, what each begins with (%(default)s)",
    )
    draw = parser.add_argument_group("what to draw with")
    draw.add_argument(
        "--corpus",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="your own texts, UTF-8 (what the machine has)",
    )
    draw.add_argument(
        "--font", type=Path, nargs="+", default=[], metavar="FILE|DIR", help="your own fonts (the machine's)"
    )
    draw.add_argument("--font-family", nargs="+", default=[], metavar="NAME", help="only these families")
    draw.add_argument("--language", default="en", choices=("en", "zh"), help="(%(default)s)")
    draw.add_argument(
        "--typesetter",
        default="browser",
        choices=("browser", "latex"),
        help="what sets formulas, tables and geometry: Chromium, or a TeX installation (%(default)s)",
    )
    draw.add_argument(
        "--degrade",
        metavar="NAMES",
        help="what a share of the pictures suffers: names joined by +, or default (none)",
    )
    draw.add_argument(
        "--held-out", action="store_true", help="draw the texts that are kept out of training, for evaluation"
    )


def run(args: argparse.Namespace) -> int:
    """Draw. Returns the exit code."""
    kinds, resources, workers = _check(args)
    failed = total = 0
    if args.out is not None:
        from ..synthesis.output.manifest import Plan

        count = args.count if args.only is None else 1
        plan = Plan(kinds, args.seed, count, args.only, args.format, args.shard_size)
        reports = _draw_files(args, plan, resources, workers)
        failed += sum(report.total if report.gave_up else len(report.failures) for report in reports)
        total += sum(report.total for report in reports)
    if args.preview is not None:
        failed_here, total_here = _draw_preview(args, kinds, resources, workers)
        failed += failed_here
        total += total_here
    if not failed:
        return exit_codes.OK
    return exit_codes.NO_PAGE_READ if failed == total else exit_codes.SOME_PAGES_FAILED


def _check(args: argparse.Namespace) -> tuple[tuple[str, ...], "Resources", int]:
    """Check what can be checked before anything is read or drawn; gives kinds, resources and workers."""
    from ..synthesis.kinds import KINDS
    from ..synthesis.resources import Resources

    kinds = tuple(KINDS) if args.kinds == "all" else tuple(args.kinds.split("+"))
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r}: choose from {', '.join(KINDS)}, or all")
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"name each kind once, got {args.kinds}")
    if args.out is None and args.preview is None:
        raise ValueError("nothing to do: give --out DIR for files, --preview FILE.png for a sheet to look at, or both")
    if args.out is not None and (args.count is None) == (args.only is None):
        raise ValueError("--out needs either --count N, samples of each kind, or --only N, the number of one sample")
    for name in ("count", "workers", "preview_count", "shard_size"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
    for name in ("seed", "only"):
        value = getattr(args, name)
        if value is not None and value < 0:
            raise ValueError(f"--{name} must not be negative, got {value}")
    for path in (*args.corpus, *args.font):
        if not path.exists():
            raise ValueError(f"{path} doesn't exist")
    if args.preview is not None and args.preview.suffix.lower() != ".png":
        raise ValueError(f"--preview writes a PNG picture: give a name that ends in .png, got {args.preview}")
    if args.preview is not None and not args.preview.resolve().parent.is_dir():
        raise ValueError(f"--preview: the folder {args.preview.resolve().parent} doesn't exist")
    resources = Resources(
        corpus_files=tuple(args.corpus),
        corpus_cache=Path.home() / ".cache" / "got-ocr" / "corpus.txt",
        font_files=tuple(args.font),
        font_families=tuple(args.font_family),
        language=args.language,
        held_out=args.held_out,
        typesetter=args.typesetter,
        degradations=_degradations(args.degrade),
    )
    return kinds, resources, args.workers or _cores()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _degradations(names: str | None) -> tuple[str, ...]:
    if names is None:
        return ()
    from ..synthesis.degradation.degradations import DEFAULT_DEGRADATIONS, DEGRADATIONS

    chosen = DEFAULT_DEGRADATIONS if names == "default" else tuple(names.split("+"))
    for name in chosen:
        if name not in DEGRADATIONS:
            raise ValueError(f"there is no degradation {name!r}: choose from {', '.join(DEGRADATIONS)}, or default")
    return chosen


def _draw_files(args: argparse.Namespace, plan: "Plan", resources: "Resources", workers: int) -> list["KindReport"]:
    from ..synthesis.runner import Listener, synthesize

    speaker = _Speaker(show_details=args.only is not None)
    with Progress(program="got-ocr", unit="sample") as progress:
        speaker.progress = progress

        def begin(total: int) -> None:
            progress.total = total

        listener = Listener(begin=begin, result=speaker.hear, warning=progress.notice)
        try:
            reports = synthesize(args.out, plan, resources, workers=workers, listener=listener)
        except OSError as error:
            if error.strerror is None:
                raise
            raise CommandError(
                exit_codes.OUTPUT_FAILED,
                f"{error.filename or args.out}: {error.strerror}; the same command goes on from here.",
            ) from error
        except KeyboardInterrupt:
            progress.notice("the same command goes on from here.")
            raise
    for report in reports:
        progress.notice(_summary(report))
        print(report.path)
    return reports


def _summary(report: "KindReport") -> str:
    failed = f", {len(report.failures)} failed (see failures.jsonl)" if report.failures else ""
    if report.gave_up:
        return f"{report.kind}: given up, the first {len(report.failures)} all failed (see failures.jsonl)"
    before = report.total - report.drawn - len(report.failures)
    kept = f", {before} were there" if before else ""
    return f"{report.kind}: {report.drawn} drawn{kept}{failed}"


class _Speaker:
    """Moves the bar and says which samples failed, as long as there are few."""

    def __init__(self, *, show_details: bool) -> None:
        self.progress = Progress(show_bar=False)
        self._show_details = show_details
        self._failed = 0

    def hear(self, result: "Result") -> None:
        """Take one result."""
        from ..synthesis.engine import FailedSample

        self.progress.advance()
        if not isinstance(result, FailedSample):
            return
        self._failed += 1
        if self._failed <= ERRORS_SHOWN:
            self.progress.error(_describe(result))
            if self._show_details and result.details:
                print(result.details, file=sys.stderr, end="")
        elif self._failed == ERRORS_SHOWN + 1:
            self.progress.error("more samples failed: they are in failures.jsonl")


def _describe(failure: "FailedSample") -> str:
    job, said = failure.job, failure.error
    if len(said) > 300:
        said = said[:296] + " ..."
    return f"{job.kind} number {job.number} of seed {job.seed} failed: {said} (--only {job.number} draws it alone)"


def _draw_preview(
    args: argparse.Namespace, kinds: tuple[str, ...], resources: "Resources", workers: int
) -> tuple[int, int]:
    """Draw the sheet; gives how many samples failed, and of how many."""
    from ..synthesis.engine import FailedSample, Job
    from ..synthesis.output.gallery import write_gallery
    from ..synthesis.output.preview import write_sheet
    from ..synthesis.workers import WorkerPool

    share = max(1, args.preview_count // len(kinds))
    numbers = range(min(share, args.count or share)) if args.only is None else [args.only]
    jobs = [Job(kind, args.seed, number) for kind in kinds for number in numbers]
    speaker = _Speaker(show_details=args.only is not None)
    samples = []
    with Progress(len(jobs), unit="sample") as progress, WorkerPool(kinds, resources, min(workers, len(jobs))) as pool:
        speaker.progress = progress
        for result in pool.draw(jobs):
            speaker.hear(result)
            if not isinstance(result, FailedSample):
                samples.append(result)
    if samples:
        (write_gallery if args.preview_layout == "gallery" else write_sheet)(args.preview, samples)
        print(args.preview)
    return len(jobs) - len(samples), len(jobs)
