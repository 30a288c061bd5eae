"""`got-ocr bulk`: read an archive once, by many workers on Ray."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..configuration.installing import how_to_install
from ..hub.model_choice import ModelChoice, choose_model, open_by_numpy
from ..version import __version__
from . import exit_codes
from .engines import add_model_arguments, check_engine
from .exit_codes import CommandError
from .interrupt import ending_by_sigterm
from .numbers import positive_int, positive_number
from .progress import Progress
from .read import add_limit_arguments, add_mode_arguments, mode_of, source_options_of
from .serve import name_model

if TYPE_CHECKING:
    from ..bulk import BulkOptions, Identity, Outputs, Workers
    from ..bulk.job import Progress as JobProgress

SUMMARY = """\
read an archive once, by many workers on Ray

Inputs are folders (with all below them), globs, lists (.txt, a path a line), PDFs, TIFFs, tar shards, Parquet tables,
Hub data sets (hub:owner/name) and URLs of object stores (s3://bucket/scans/). A run that was stopped, in any way, goes
on where it was by the same command; each page gets one row, also where it failed. For a folder on one machine that is
read within hours, `got-ocr FOLDER --output DIR` is the light way."""

PACKAGES = "'ray[data]>=2.60'"  # As pyproject.toml has it.
GIB = 2**30
LINE_S = 60.0  # Between two lines of a log.
STOPPED = "stopped: the same command goes on where it was."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments.

    Args:
        parser: The parser to add to.
    """
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="folder, glob, file, list, hub:owner/name, or URL")
    parser.add_argument("-o", "--output", required=True, metavar="DIR|URL", help="folder, here or in an object store")
    add_mode_arguments(parser.add_argument_group("what to read"), page_by_page=True)
    _add_gates(parser.add_argument_group("what not to read"))
    _add_model(parser.add_argument_group("model"))
    _add_workers(parser.add_argument_group("workers"))
    _add_outputs(parser.add_argument_group("output"))
    limits = parser.add_argument_group("limits")
    add_limit_arguments(limits, "of a page, to decode it (default: 60; 0: any)")
    limits.add_argument(
        "--read-timeout",
        type=positive_number,
        default=600,
        metavar="S",
        help="of a page, to read it (default: 600)",
    )


def _add_gates(gates: argparse._ArgumentGroup) -> None:
    gates.add_argument("--read-blank", action="store_true", help="also read pages that are blank")
    gates.add_argument(
        "--skip-duplicates", action="store_true", help="read pages with equal pixels once (equal files always are)"
    )
    gates.add_argument(
        "--keep-text-layer", action="store_true", help="take the text of a PDF's page where it has a good one"
    )
    gates.add_argument("--turn", action="store_true", help="read pages on their side in both ways, keep the surer one")
    gates.add_argument("--image-column", default="image", metavar="NAME", help="of Parquet tables (default: image)")


def _add_model(model: argparse._ArgumentGroup) -> None:
    add_model_arguments(
        model,
        model="; the same on all machines",
        device="of each worker: auto, cpu, cuda (default: auto)",
        batch_size="4 on a GPU, 1 on a CPU, 64 with --engine vllm",
    )
    model.add_argument(
        "--line-boxes",
        action="store_true",
        help="match the lines of pages that are read whole with the page, for their boxes; costs part of a second a "
        "page of a core (models that read slices give boxes anyway)",
    )


def _add_workers(workers: argparse._ArgumentGroup) -> None:
    workers.add_argument("--workers", type=positive_int, default=1, metavar="N", help="that read (default: 1)")
    workers.add_argument(
        "--address", metavar="A", help="Ray cluster to join: auto, host:port (default: one on this machine)"
    )
    workers.add_argument(
        "--worker-gpus",
        type=_number,
        default=None,
        metavar="G",
        help="of each (default: 1 with CUDA, 0 where numpy reads or without CUDA)",
    )
    workers.add_argument("--worker-cpus", type=_number, default=1.0, metavar="C", help="of each (default: 1)")
    workers.add_argument("--renderers", type=positive_int, default=1, metavar="N", help="that draw pages (default: 1)")
    workers.add_argument(
        "--object-store-memory", type=positive_number, metavar="GIB", help="for pages on their way (default: 1)"
    )
    workers.add_argument("--no-dashboard", action="store_true", help="start a cluster without Ray's dashboard")


def _add_outputs(output: argparse._ArgumentGroup) -> None:
    output.add_argument("--jsonl", action="store_true", help="also write JSON lines")
    output.add_argument("--documents", action="store_true", help="also join pages to documents, as Dolma has them")
    output.add_argument("--keep-images", action="store_true", help="keep the picture of each page that is read")
    output.add_argument(
        "--sheet", type=positive_int, default=0, metavar="N", help="show the N least certain pages as HTML"
    )
    output.add_argument(
        "--rows-per-file", type=positive_int, default=512, metavar="N", help="what a stop may cost (default: 512)"
    )
    output.add_argument("--price-per-hour", type=positive_number, metavar="P", help="of all machines together")
    output.add_argument("--currency", default="$", metavar="C", help="of the price (default: $)")
    output.add_argument("--retry-failed", action="store_true", help="try pages again that failed before")
    output.add_argument(
        "--read-anew", action="store_true", help="drop what was read with other options, and read all again"
    )
    output.add_argument("-q", "--quiet", action="store_true", help="no notices and no progress bar; errors are said")


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, got {text!r}")
    return number


def run(args: argparse.Namespace) -> int:
    """Read, write, report.

    Args:
        args: The arguments of :func:`add_arguments`.

    Returns:
        The exit code.

    Raises:
        CommandError: If Ray is not installed.
    """
    try:
        from ..bulk.job import BulkJob
        from ..bulk.report import write_as_text
    except ModuleNotFoundError as error:
        raise CommandError(
            exit_codes.PART_MISSING, f"bulk reading needs {error.name}: {how_to_install(PACKAGES)}."
        ) from error
    args.quantize = None  # Of reading on one machine.
    check_engine(args)
    choice = choose_model(args.model)
    options = _options(args, choice.location)
    with Progress(quiet=args.quiet) as progress:
        progress.notice(choice.notice)
        job = BulkJob(
            args.inputs,
            args.output,
            options,
            _identity(name_model(choice), choice.location),
            _workers(args, choice),
            _outputs(args),
            retry_failed=args.retry_failed,
            read_anew=args.read_anew,
            on_progress=_Bar(progress).show,
            notify=progress.notice,
        )
        with ending_by_sigterm(STOPPED):
            report = job.run()
    print(write_as_text(report), end="")
    return _exit_code(report)


def _exit_code(report: dict[str, Any]) -> int:
    if report["failed"] == 0 and report["left"] <= 0:
        return exit_codes.OK
    return exit_codes.SOME_PAGES_FAILED if report["failed"] < report["pages"] else exit_codes.NO_PAGE_READ


def _options(args: argparse.Namespace, location: str) -> "BulkOptions":
    from ..bulk import BulkOptions, Gates

    folder = Path(location).expanduser()
    return BulkOptions(
        mode=mode_of(args),
        model=str(folder.resolve()) if folder.is_dir() else location,  # Workers have other working folders.
        dtype=args.dtype,
        max_new_tokens=args.max_new_tokens,
        engine=args.engine,
        line_boxes=args.line_boxes,
        sources=source_options_of(args),
        gates=Gates(
            skip_blank=not args.read_blank,
            skip_duplicates=args.skip_duplicates,
            keep_text_layer=args.keep_text_layer,
            turn=args.turn,
            keep_images=args.keep_images,
        ),
        image_column=args.image_column,
    )


def _identity(name: str, location: str) -> "Identity":
    from ..bulk import Identity
    from ..evaluation.identity import identify_checkpoint

    return Identity(name, identify_checkpoint(str(Path(location).expanduser())), __version__)


def _workers(args: argparse.Namespace, choice: ModelChoice) -> "Workers":
    from ..bulk import Workers

    gpus = _gpus(args, choice) if args.worker_gpus is None else args.worker_gpus
    memory = args.object_store_memory
    return Workers(
        count=args.workers,
        address=args.address,
        gpus=gpus,
        cpus=args.worker_cpus,
        renderers=args.renderers,
        device=args.device,
        batch_size=args.batch_size,
        rows_per_file=args.rows_per_file,
        read_timeout_s=args.read_timeout,
        object_store_bytes=None if memory is None else int(memory * GIB),
        show_dashboard=not args.no_dashboard,
    )


def _gpus(args: argparse.Namespace, choice: ModelChoice) -> float:
    """Choose how many GPUs a worker gets: none where numpy reads."""
    if args.device == "cpu" or open_by_numpy(choice, mode_of(args), args.device, args.dtype, args.engine) is not None:
        return 0.0
    if args.device.startswith("cuda"):
        return 1.0
    import torch

    return float(torch.cuda.is_available())


def _outputs(args: argparse.Namespace) -> "Outputs":
    from ..bulk import Outputs

    return Outputs(args.jsonl, args.documents, args.sheet, args.price_per_hour, args.currency)


class _Bar:
    """Moves the bar; where there is no terminal, says how far the job is every minute.

    Each kind of failure and each GPU is named when it is met first.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[str] = set()
        self._first: tuple[float, int] | None = None
        self._next_line = time.monotonic() + LINE_S

    def show(self, state: "JobProgress") -> None:
        """Show how far the job is."""
        self._progress.total = state.total
        self._progress.note = ", ".join(_troubles_and_devices(state))
        self._progress.advance(state.done - self._progress.done)
        now = time.monotonic()
        if self._first is None and state.done:
            self._first = (now, state.done)
        if not self._progress.shows_bar and now >= self._next_line:
            self._next_line = now + LINE_S
            self._progress.notice(self._line(state, now))
        for kind, count in state.failures.items():
            pages, rows = ("page", "its row says") if count == 1 else ("pages", "their rows say")
            self._say(f"{count:,} {pages} failed so far: {kind} ({rows} why)", kind)
        for device in state.devices:
            memory = f", {device['memory_bytes'] / GIB:.1f} GiB" if "memory_bytes" in device else ""
            self._say(f"a worker reads on {device['name']}{memory}", str(device["worker"]))

    def _line(self, state: "JobProgress", now: float) -> str:
        parts = [f"{state.done:,} of {state.total:,} pages", *_troubles_and_devices(state)]
        if self._first is not None and state.done > self._first[1]:
            speed = (state.done - self._first[1]) / (now - self._first[0])
            minutes = (state.total - state.done) / speed / 60
            parts += [f"{speed:.2f} pages/s", f"{minutes // 60:.0f} h {minutes % 60:.0f} min to go"]
        return ", ".join(parts)

    def _say(self, line: str, about: str) -> None:
        if about not in self._said:
            self._said.add(about)
            self._progress.notice(line)


def _troubles_and_devices(state: "JobProgress") -> list[str]:
    """Say how many pages failed, and how busy the workers' GPUs are on average."""
    parts = [f"{sum(state.failures.values()):,} failed"]
    busy = [device["busy_percent"] for device in state.devices if "busy_percent" in device]
    return [*parts, f"GPUs {sum(busy) / len(busy):.0f} % busy"] if busy else parts


if __name__ == "__main__":
    from .dispatch import main

    sys.exit(main(["bulk", *sys.argv[1:]]))
