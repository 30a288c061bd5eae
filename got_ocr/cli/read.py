"""`got-ocr page.png ...`: read pictures, folders, PDFs and URLs. The command that runs when no other is named."""

import argparse
import contextlib
import math
import os
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..hub.model_choice import QUANTIZATIONS, choose_model
from ..version import __version__
from .checks import STDIN, check_arguments
from .engines import (
    STARTING_ENGINE,
    VLLM_BATCH_SIZE,
    add_model_arguments,
    check_engine,
    end_engines,
    load_for,
    loading_of,
)
from .identity import PageKeys
from .job import JobOptions, ReadingJob
from .numbers import positive_int, positive_number
from .output import StreamOutput, open_output
from .progress import Progress
from .side_outputs import SideOutputs
from .written_forms import SUFFIXES_OF_LINES, writer_of

if TYPE_CHECKING:
    from ..processing.mode import Mode
    from ..processing.options import SourceOptions

SUMMARY = "Read text from pictures, folders, PDFs and URLs with GOT-OCR 2.0."
EXAMPLES = """\
examples:
  got-ocr page.png                          print the text of a page
  got-ocr scans/ --output texts/            one .txt a page; run again to go on after a stop
  got-ocr report.pdf --pages 1-3,7 --json   JSON lines with probabilities
  got-ocr page.png --box 100,200,800,400    read a part of the page
  got-ocr page.png --type format --render   Markdown, tables and formulas, also as page.html
  curl -s https://host/a.png | got-ocr -    read what a pipe brings

Several pages on standard output are separated by a form feed. On standard error: which model reads, what failed, how
far it is. Files of --output are named after their input: scan.png gives scan.txt, page 3 of a.pdf gives a-003.txt."""

# How the command line spells the options of sources.
SPELLED = {
    "dpi": "--dpi",
    "pages": "--pages",
    "password": "--password",
    "timeout_s": "--timeout",
    "max_bytes": "--max-bytes",
    "max_pixels": "--max-pixels",
    "page_timeout_s": "--page-timeout",
    "max_memory_bytes": "--max-memory",
}
GIB = 2**30
MOST_WORKERS = 256  # More are a slip of the finger: each loads the model.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments.

    Args:
        parser: The parser to add to.
    """
    parser.add_argument(
        "inputs", nargs="*", metavar="INPUT", help="picture, folder, PDF, http(s) URL, or - for a pipe"
    )
    parser.add_argument("--version", action="version", version=f"got-ocr {__version__}")
    add_mode_arguments(parser.add_argument_group("what to read"))
    _add_model(parser.add_argument_group("model"))
    _add_output(parser.add_argument_group("output"))
    add_limit_arguments(parser.add_argument_group("limits"))


def add_mode_arguments(what: argparse._ArgumentGroup, page_by_page: bool = False) -> None:
    """Declare what is read, and how; `page_by_page`: no pages together, which is refused where it is given."""
    what.add_argument(
        "--type",
        choices=("ocr", "format"),
        default="ocr",
        help="ocr: plain text (default); format: Markdown with formulas and tables",
    )
    what.add_argument("--box", metavar="X1,Y1,X2,Y2", help="read this box only, in pixels; X,Y is a point")
    what.add_argument(
        "--color",
        type=str.lower,
        choices=("red", "green", "blue"),
        help="read what a frame of this colour encloses",
    )
    what.add_argument("--crop", action="store_true", help="read each page in tiles: for large or dense pages")
    what.add_argument("--max-tiles", type=positive_int, metavar="N", help="most tiles of a page (default: 6)")
    together = argparse.SUPPRESS if page_by_page else "read all pages together, as one document"
    what.add_argument("--multi-page", action="store_true", help=together)
    what.add_argument(
        "--slice",
        action=argparse.BooleanOptionalAction,
        help="cut pages between lines and read the slices (default: if the model is made for it)",
    )
    what.add_argument("--instruction", metavar="TEXT", help="your own words, for a model that was trained on others")
    what.add_argument("--pages", metavar="1-3,7", help="pages of PDFs and multi-page TIFFs, counted from 1")
    what.add_argument("--dpi", type=positive_number, default=200, help="resolution of PDF pages (default: 200)")
    what.add_argument("--password", help="opens encrypted PDFs")


def _add_model(model: argparse._ArgumentGroup) -> None:
    add_model_arguments(
        model,
        model="(`got-ocr models` lists what is here)",
        device="auto (default: CUDA, then MPS, then CPU), cpu, cuda:1; cuda:0,cuda:1 shares the pages out",
        batch_size="4 on a GPU, 1 on a CPU, 16 with --engine vllm",
    )
    model.add_argument(
        "--draft",
        action="store_true",
        help="let the built-in model read first and the full one verify its text: the same text, sooner",
    )
    model.add_argument(
        "--quantize",
        choices=QUANTIZATIONS,
        help="weights of 8 or 4 bits in the decoder, on a CPU: less memory, more tokens a second; int8-dynamic rounds "
        "activations too, int8-tower the tower's as well",
    )
    model.add_argument(
        "--workers",
        type=_workers,
        default=1,
        metavar="N|auto",
        help="processes that read pages side by side, each with a model in its memory; auto: one a core (default: 1)",
    )


def _add_output(output: argparse._ArgumentGroup) -> None:
    output.add_argument("-o", "--output", metavar="DIR|FILE", help="one file a page in DIR, or all pages in FILE")
    output.add_argument("--force", action="store_true", help="read and write again what --output holds already")
    output.add_argument(
        "--retry-failed", action="store_true", help="try pages again that took too much time or memory before"
    )
    output.add_argument("--json", action="store_true", help="JSON lines with probabilities, times and errors")
    output.add_argument(
        "--markdown",
        choices=("mathpix", "github"),
        help="with --type format: as the model writes it (default), or $ formulas and tables of pipes or HTML",
    )
    output.add_argument(
        "--lines",
        choices=("hocr", "alto"),
        help="with --output DIR: lines with boxes and confidence as hOCR or ALTO, a file a page",
    )
    output.add_argument(
        "--overlay", metavar="FILE.png", help="also draw each page with its lines framed, and what was read beside it"
    )
    output.add_argument("--stream", action="store_true", help="print the text as it comes")
    output.add_argument(
        "--render",
        nargs="?",
        const="",
        metavar="FILE.html",
        help="also write the text as a page for people: .html, .docx, .md or .tex (default: INPUT.html here)",
    )
    output.add_argument(
        "--searchable",
        metavar="FILE.pdf",
        help="also write a PDF with the text behind its pages: the input PDF itself with a layer added, or pictures; "
        "pages that have text stay as they are and are not read",
    )
    output.add_argument(
        "--redo", action="store_true", help="with --searchable: replace an older hidden layer of text (of any program)"
    )
    output.add_argument("--keep-text-pages", action="store_true", help=argparse.SUPPRESS)  # What is done anyway.
    output.add_argument("-q", "--quiet", action="store_true", help="no notices and no progress bar; errors are said")


def add_limit_arguments(limits: argparse._ArgumentGroup, page_timeout: str | None = None) -> None:
    """Declare the limits of sources. Args: page_timeout: what that of a page is of; None: as `got-ocr` has it."""
    whole = "of a page, from opening it to its last letter (default: 60 to decode it, 600 for all; 0: any)"
    limits.add_argument("--timeout", type=positive_number, default=20, metavar="S", help="of a URL (default: 20)")
    limits.add_argument(
        "--max-bytes", type=positive_int, default=50_000_000, metavar="N", help="of a URL or pipe (default: 50000000)"
    )
    limits.add_argument(
        "--max-pixels", type=positive_int, default=89_000_000, metavar="N", help="of a page (default: 89000000)"
    )
    limits.add_argument(
        "--page-timeout",
        type=_time_or_any,
        metavar="S",
        help=page_timeout or whole,
    )
    limits.add_argument(
        "--max-memory", type=_number_or_none, default=4, metavar="GIB", help="to decode a page (default: 4; 0: all)"
    )
    limits.add_argument(
        "--no-private-addresses",
        action="store_true",
        help="fetch no URL that leads into this machine or its network",
    )


def _workers(text: str) -> int:
    if text == "auto":
        from .workers import count_cores

        return count_cores()
    number = positive_int(text)
    if number > MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"must be auto, or at most {MOST_WORKERS}, got {text!r}")
    return number


def _number_or_none(text: str) -> float | None:
    return None if text in ("0", "none") else positive_number(text)


def _time_or_any(text: str) -> float:
    return _number_or_none(text) or math.inf


def run(args: argparse.Namespace) -> int:
    """Read what the arguments say.

    Args:
        args: The arguments of :func:`add_arguments`.

    Returns:
        The exit code.

    Raises:
        CommandError: If it can't be done at all; single pages that fail don't raise.
        ValueError: If an argument is not allowed.
    """
    if args.max_tiles and not args.crop:
        raise ValueError("--max-tiles is for --crop: give both.")
    mode, sources = mode_of(args), source_options_of(args)
    check_engine(args)
    check_arguments(args)
    if sources.page_timeout_s is not None:
        from ..processing.isolation import warm_up

        warm_up()
    warnings.simplefilter("ignore")  # Pillow's and transformers': every trouble that counts has a line of ours.
    choice = choose_model(args.model)
    is_text = args.type == "ocr" and not args.multi_page
    rank, num_parts = _part_of_run(args)
    output = open_output(
        args.output,
        as_json=args.json,
        suffix=SUFFIXES_OF_LINES[args.lines] if args.lines else ".txt" if is_text else ".md",
        force=args.force,
        part=rank if num_parts > 1 else None,
    )
    keys = None if isinstance(output, StreamOutput) else PageKeys(_reading_options(args, mode), choice.location)
    options = JobOptions(
        [_Stdin() if source == STDIN else source for source in args.inputs],
        sources,
        mode,
        args.max_new_tokens,
        args.batch_size or (VLLM_BATCH_SIZE if args.engine == "vllm" else None),
        args.stream,
        args.retry_failed,
        (rank, num_parts),
        reading_timeout(args),
        writer_of(args),
        args.draft,
        bool(args.json or args.lines or args.searchable or args.overlay),
    )
    with Progress(quiet=args.quiet, show_bar=not args.stream) as progress, _library_notices(progress):
        progress.notice(choice.notice)
        job = ReadingJob(options, output, progress, lambda: _load_all(choice, args, progress), keys)
        beside = SideOutputs(args)
        try:
            if args.searchable:
                from .searchable import read_searchable

                read_searchable(job, args, PageKeys(_reading_options(args, mode), choice.location), beside)
            else:
                job.on_record = beside.take
                job.run()
        finally:
            _end_workers()
            end_engines()
        output.finish()
        beside.write(progress)
        _say_what_was_left(job, progress)
    return job.exit_code


def _part_of_run(args: argparse.Namespace) -> tuple[int, int]:
    """Which part of the pages is this process's, and of how many: as torchrun says, which starts one a device."""
    try:
        rank, num_parts = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        local_rank = int(os.environ.get("LOCAL_RANK", str(rank)))
    except ValueError:
        return 0, 1
    if num_parts < 2 or not 0 <= rank < num_parts:
        return 0, 1
    if args.searchable or args.render is not None or args.multi_page:
        raise ValueError("--searchable, --render and --multi-page need all pages in one process: leave out torchrun.")
    devices = args.device.split(",")
    if args.device == "auto":
        import torch

        args.device = f"cuda:{local_rank}" if torch.cuda.is_available() else "auto"
    elif len(devices) > 1:
        args.device = devices[local_rank % len(devices)]
    return rank, num_parts


def _say_what_was_left(job: ReadingJob, progress: Progress) -> None:
    if job.num_skipped:
        progress.notice(f"skipped {job.num_skipped} pages that are written already (--force reads them again).")
    if job.num_given_up:
        progress.error(
            f"error: {job.num_given_up} pages took too much time or memory in an earlier run "
            "and were not tried (--retry-failed tries them again)."
        )


def mode_of(args: argparse.Namespace) -> "Mode":
    """Make the mode that the arguments choose.

    Args:
        args: The arguments of :func:`add_arguments`; those that are no options of a mode are left alone.

    Returns:
        The mode.

    Raises:
        ValueError: If they don't go together, or a value is not allowed.
    """
    from ..processing.mode import OPTION_NAMES, Mode

    return Mode.from_options(**{name: value for name, value in vars(args).items() if name in OPTION_NAMES})


def source_options_of(args: argparse.Namespace) -> "SourceOptions":
    """Make the options of sources that the arguments choose.

    Args:
        args: The arguments of :func:`add_arguments`.

    Returns:
        The options; errors name the arguments of the command line.

    Raises:
        ValueError: If a value is not allowed.
    """
    from ..processing.options import DEFAULT_PAGE_TIMEOUT_S, SourceOptions

    return SourceOptions(
        dpi=args.dpi,
        pages=args.pages,
        password=args.password,
        timeout_s=args.timeout,
        max_bytes=args.max_bytes,
        max_pixels=args.max_pixels,
        allow_private_addresses=not args.no_private_addresses,
        page_timeout_s=_limit_of(args.page_timeout, DEFAULT_PAGE_TIMEOUT_S),
        max_memory_bytes=None if args.max_memory is None else int(args.max_memory * GIB),
        spelled=SPELLED,
    )


def reading_timeout(args: argparse.Namespace) -> float | None:
    """Seconds that a page may take altogether; None: any time."""
    from ..processing.options import DEFAULT_READING_TIMEOUT_S

    return _limit_of(args.page_timeout, DEFAULT_READING_TIMEOUT_S)


def _limit_of(given: float | None, default: float) -> float | None:
    limit_s = default if given is None else given
    return None if limit_s == math.inf else limit_s


def _reading_options(args: argparse.Namespace, mode: "Mode") -> dict[str, Any]:
    """All that changes what is written of a page."""
    options = {"mode": vars(mode), "dpi": args.dpi, "max_new_tokens": args.max_new_tokens, "dtype": args.dtype}
    chosen = {"markdown": args.markdown, "quantize": args.quantize}
    return options | {name: value for name, value in chosen.items() if value is not None}


@contextlib.contextmanager
def _library_notices(progress: Progress) -> Iterator[None]:
    """Say what our own modules log as notices, not in logging's way."""
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            progress.notice(record.getMessage())

    logger, handler = logging.getLogger("got_ocr"), Handler(logging.WARNING)
    was_propagating, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = was_propagating


def _load_all(choice: Any, args: argparse.Namespace, progress: Progress) -> list[tuple[Any, Any]]:
    """Load the model with its processor, once a device or process; an engine once, for several calls at a time."""
    if args.engine == "vllm":
        progress.notice(STARTING_ENGINE)
        engine, processor = _load(choice, args)
        return [(engine, processor)] * (1 if args.stream else engine.calls_at_once)
    if args.workers > 1:
        from .workers import start_workers

        return list(start_workers(args.workers, loading_of(choice, mode_of(args), args)))
    devices = [device.strip() for device in args.device.split(",")]
    return [_load(choice, argparse.Namespace(**{**vars(args), "device": device})) for device in devices]


def _load(choice: Any, args: argparse.Namespace) -> tuple[Any, Any]:
    model, processor = load_for(choice, mode_of(args), args)
    if args.draft and model.config.slicing:
        raise ValueError(
            f"--draft lets the built-in model read first, for a full model to verify: {choice.location} is one of its "
            "kind, which gains nothing. Leave --draft out, or choose --model full."
        )
    return model, processor


def _end_workers() -> None:
    workers = sys.modules.get("got_ocr.cli.workers")
    if workers is not None:
        workers.end_all()


class _Stdin:
    """Standard input as an open file that calls itself `-`."""

    name = STDIN

    def read(self, num_bytes: int) -> bytes:
        if sys.stdin is None:
            raise OSError("standard input is closed")
        if sys.stdin.isatty():
            raise OSError("standard input is the keyboard: pipe a picture into it")
        return sys.stdin.buffer.read(num_bytes)
