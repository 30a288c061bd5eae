"""`got-ocr page.png ...`: read pictures, folders, PDFs and URLs. The command that runs when no other is named."""

import argparse
import contextlib
import importlib
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..hub.model_choice import DTYPES, FULL_MODEL, MODEL_VARIABLE, choose_model, load_model, silence_libraries
from ..version import __version__
from . import exit_codes
from .collector import collector_at_rest
from .exit_codes import CommandError, one_line
from .output import STDIN_NAME, Output, PageRecord, StreamOutput, open_output, writing
from .progress import Progress

if TYPE_CHECKING:
    from ..processing.mode import Mode
    from ..processing.pages import FoundPage, Page
    from .render import ReadPage

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

RENDER_SUFFIXES = (".html", ".htm", ".docx", ".md", ".tex")  # No suffix of a picture: see _check.
DEFAULT_BATCH_SIZE = 4
STDIN = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments.

    Args:
        parser: The parser to add to.
    """
    parser.add_argument(
        "inputs", nargs="*", metavar="INPUT", help="picture, folder, PDF, http(s) URL, or - for a pipe"
    )
    parser.add_argument("--version", action="version", version=f"got-ocr {__version__}")

    what = parser.add_argument_group("what to read")
    what.add_argument(
        "--type",
        choices=("ocr", "format"),
        default="ocr",
        help="ocr: plain text (default); format: Markdown with formulas and tables",
    )
    what.add_argument("--box", metavar="X1,Y1,X2,Y2", help="read this box only, in pixels; X,Y is a point")
    what.add_argument("--color", choices=("red", "green", "blue"), help="read what a frame of this colour encloses")
    what.add_argument("--crop", action="store_true", help="read each page in tiles: for large or dense pages")
    what.add_argument("--max-tiles", type=_positive_int, metavar="N", help="most tiles of a page (default: 6)")
    what.add_argument("--multi-page", action="store_true", help="read all pages together, as one document")
    what.add_argument(
        "--slice",
        action=argparse.BooleanOptionalAction,
        help="cut pages between lines and read the slices (default: if the model is made for it)",
    )
    what.add_argument("--pages", metavar="1-3,7", help="pages of PDFs and multi-page TIFFs, counted from 1")
    what.add_argument("--dpi", type=_positive_number, default=200, help="resolution of PDF pages (default: 200)")
    what.add_argument("--password", help="opens encrypted PDFs")

    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        metavar="FOLDER|ID",
        help=f"checkpoint (default: ${MODEL_VARIABLE}, else {FULL_MODEL} if downloaded, else the built-in one)",
    )
    model.add_argument("--device", default="auto", help="auto (default: CUDA, then MPS, then CPU), cpu, cuda:1 ...")
    model.add_argument("--dtype", choices=DTYPES, default="auto", help="number format of the weights (default: auto)")
    model.add_argument(
        "--batch-size", type=_positive_int, metavar="N", help="pages at once (default: 4 on a GPU, 1 on a CPU)"
    )
    model.add_argument(
        "--max-new-tokens", type=_positive_int, default=4096, metavar="N", help="longest answer (default: 4096)"
    )

    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", metavar="DIR|FILE", help="one file a page in DIR, or all pages in FILE")
    output.add_argument("--force", action="store_true", help="read and write again what --output holds already")
    output.add_argument("--json", action="store_true", help="JSON lines with probabilities, times and errors")
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
        help="also write a PDF with the text behind its pages: the input PDF's own, or pictures",
    )
    output.add_argument(
        "--keep-text-pages",
        action="store_true",
        help="with --searchable: pages of the input PDF that have text already are not read",
    )
    output.add_argument("-q", "--quiet", action="store_true", help="no notices and no progress bar; errors are said")

    limits = parser.add_argument_group("limits")
    limits.add_argument("--timeout", type=_positive_number, default=20, metavar="S", help="of a URL (default: 20)")
    limits.add_argument(
        "--max-bytes", type=_positive_int, default=50_000_000, metavar="N", help="of a URL or pipe (default: 50000000)"
    )
    limits.add_argument(
        "--max-pixels", type=_positive_int, default=89_000_000, metavar="N", help="of a page (default: 89000000)"
    )


def _positive_int(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text!r}")
    return int(text)


def _positive_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return number


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
    _check(args)
    warnings.simplefilter("ignore")  # Pillow's and transformers': every trouble that counts has a line of ours.
    choice = choose_model(args.model)
    is_text = args.type == "ocr" and not args.multi_page
    output = open_output(args.output, as_json=args.json, suffix=".txt" if is_text else ".md", force=args.force)
    with Progress(quiet=args.quiet, show_bar=not args.stream) as progress, _library_notices(progress):
        progress.notice(choice.notice)
        job = _Job(args, output, progress, lambda: _load(choice, args))
        if progress.shows_bar:
            progress.total = job.count()
        job.run()
        output.finish()
        if args.render is not None:
            job.render()
        if args.searchable:
            job.write_searchable()
        if job.num_skipped:
            progress.notice(f"skipped {job.num_skipped} pages that are written already (--force reads them again).")
    return job.exit_code


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


def _check(args: argparse.Namespace) -> None:
    """Refuse arguments that don't go together, and complete the others."""
    from ..processing.pages import parse_page_numbers

    if args.render and not args.render.lower().endswith(RENDER_SUFFIXES):
        # `--render page.png`: the name belongs to the inputs.
        args.inputs.append(args.render)
        args.render = ""
    if not args.inputs:
        raise ValueError("nothing to read: give a picture, a folder, a PDF or a URL.")
    if args.inputs.count(STDIN) > 1:
        raise ValueError("- (the pipe) was given twice: it can be read once.")
    parse_page_numbers(args.pages)
    if args.max_tiles and not args.crop:
        raise ValueError("--max-tiles is for --crop: give both.")
    mode_of(args)
    if args.stream and (args.json or args.output):
        raise ValueError("--stream prints text as it comes: leave out --json and --output.")
    if args.searchable:
        _check_searchable(args)
    elif args.keep_text_pages:
        raise ValueError("--keep-text-pages is for --searchable FILE.pdf: give both.")
    targets = {"--output": args.output, "--render": args.render, "--searchable": args.searchable}
    for option, target in targets.items():
        if target and _is_input(target, args):
            raise ValueError(f"{option} names an input, {target}: choose another name.")
    if args.render is not None:
        _rendering()


def _check_searchable(args: argparse.Namespace) -> None:
    from .render import is_pdf_file

    if not args.searchable.lower().endswith(".pdf"):
        raise ValueError(f"--searchable writes a PDF: end its name in .pdf, got {args.searchable}.")
    if args.output or args.multi_page or args.box or args.color:
        raise ValueError(
            "--searchable needs the whole text of every page: leave out --output, --multi-page, --box and --color."
        )
    if args.keep_text_pages and not (len(args.inputs) == 1 and is_pdf_file(args.inputs[0])):
        raise ValueError("--keep-text-pages needs one PDF file as the only input.")
    if os.path.exists(args.searchable) and not args.force and not _is_input(args.searchable, args):
        raise CommandError(exit_codes.OUTPUT_FAILED, f"{args.searchable} exists already: --force overwrites it.")
    _rendering()


def _is_input(target: str, args: argparse.Namespace) -> bool:
    return any(_is_same_file(target, source) for source in args.inputs)


def _is_same_file(first: str, second: str) -> bool:
    try:
        return os.path.isfile(first) and os.path.samefile(first, second)
    except (OSError, ValueError):
        return False


def _rendering() -> Any:
    """The rendering room, or what to do without it."""
    try:
        rendering = importlib.import_module("got_ocr.rendering")
        rendering.render  # noqa: B018 - is the room furnished?
    except (ImportError, AttributeError) as error:
        raise CommandError(
            exit_codes.PART_MISSING,
            f"--render needs got_ocr.rendering ({one_line(error)}): pip install 'got-ocr[render]'.",
        ) from error
    return rendering


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


def _load(choice: Any, args: argparse.Namespace) -> tuple[Any, Any]:
    with collector_at_rest():
        silence_libraries(show_downloads=not args.quiet)
        return load_model(choice, args.device, args.dtype)


class _Stdin:
    """Standard input as an open file that calls itself `-`."""

    name = STDIN

    def read(self, num_bytes: int) -> bytes:
        if sys.stdin.isatty():
            raise OSError("standard input is the keyboard: pipe a picture into it")
        return sys.stdin.buffer.read(num_bytes)


@dataclass
class _Job:
    """One run: pages in, records out.

    Attributes:
        args: The arguments.
        output: Where records go.
        progress: Where notices go.
        load: Gives the model and its processor; called for the first page that can be had.
    """

    args: argparse.Namespace
    output: Output
    progress: Progress
    load: Callable[[], tuple[Any, Any]]
    num_read: int = 0
    num_failed: int = 0
    num_skipped: int = 0
    _reader: tuple[Any, Any] | None = None
    _rendered: list[tuple[Path | None, str]] = field(default_factory=list)
    _searchable: list["ReadPage"] = field(default_factory=list)
    _text_pages: list[bool] | None = None

    @property
    def exit_code(self) -> int:
        """By what became of the pages."""
        if not self.num_failed:
            return exit_codes.OK
        return exit_codes.SOME_PAGES_FAILED if self.num_read or self.num_skipped else exit_codes.NO_PAGE_READ

    def run(self) -> None:
        """Read everything."""
        if self.args.multi_page:
            self._read_together()
            return
        # Pages and failures wait together, so that records come in the order of the pages.
        waiting: list[Page | PageRecord] = []
        num_pages = 0
        for found in self._find():
            if self.output.has(found.source, found.number, found.name):
                self.num_skipped += 1
                self.progress.advance()
                continue
            if self._has_text(found):
                self._keep_for_pdf(PageRecord(found.source, found.number))
                self.progress.advance()
                continue
            item = self._load_page(found)
            waiting.append(item)
            num_pages += not isinstance(item, PageRecord)
            if num_pages == 0 or num_pages >= self._pages_at_once:
                self._read_waiting(waiting)
                waiting, num_pages = [], 0
        self._read_waiting(waiting)

    def _has_text(self, found: "FoundPage") -> bool:
        """Whether a page need not be read, since its PDF has its text and may keep it."""
        if not self.args.keep_text_pages:
            return False
        if self._text_pages is None:
            from ..rendering.pdf import pages_with_text

            self._text_pages = pages_with_text(found.source)
        return found.number is not None and self._text_pages[found.number - 1]

    def _keep_for_pdf(self, record: PageRecord) -> None:
        if self.args.searchable and isinstance(record.input, str):
            from .render import ReadPage, boxed_lines

            lines = boxed_lines([vars(line) for line in record.lines])
            self._searchable.append(ReadPage(record.text, record.input, record.page or 1, lines, record.size))

    def count(self) -> int | None:
        """Count the pages to come; None where that would mean to fetch or read something twice."""
        if not all(os.path.isfile(source) or os.path.isdir(source) for source in self.args.inputs):
            return None
        return sum(1 for _ in self._find())

    def _find(self) -> Iterator["FoundPage"]:
        from PIL import Image

        from ..processing.pages import find_pages

        args = self.args
        # Our own limit is stricter, and this process is ours to set Pillow's in.
        Image.MAX_IMAGE_PIXELS = max(args.max_pixels, 2**26)
        options: dict[str, Any] = {
            "dpi": args.dpi,
            "pages": args.pages,
            "password": args.password,
            "timeout_s": args.timeout,
            "max_bytes": args.max_bytes,
            "max_pixels": args.max_pixels,
        }
        return find_pages([_Stdin() if source == STDIN else source for source in args.inputs], **options)

    def _load_page(self, found: "FoundPage") -> "Page | PageRecord":
        from ..processing.pages import PageError

        try:
            return found.load()
        except PageError as error:
            return PageRecord(found.source, found.number, error=str(error))

    @property
    def _model(self) -> Any:
        if self._reader is None:
            self._reader = self.load()
        return self._reader[0]

    @property
    def _is_sliced(self) -> bool:
        return bool(self._model.config.slicing) if self.args.slice is None else self.args.slice

    @property
    def _batch_size(self) -> int:
        if self.args.batch_size:
            return self.args.batch_size
        on_cpu = str(self._model.device).startswith("cpu")
        return 1 if on_cpu and not self._is_sliced else DEFAULT_BATCH_SIZE

    @property
    def _pages_at_once(self) -> int:
        """Pages a call of the model gets: one, where it would read them one after the other anyway."""
        return 1 if self._is_sliced or self.args.stream else self._batch_size

    def _read_waiting(self, waiting: list["Page | PageRecord"]) -> None:
        pages = [item for item in waiting if not isinstance(item, PageRecord)]
        answers = iter(self._read_pages(pages))
        for item in waiting:
            if isinstance(item, PageRecord):
                source = item.input if isinstance(item.input, str) else item.input[0]
                self._deliver(item, source)
            else:
                self._deliver(next(answers), item.name)

    def _read_pages(self, pages: list["Page"]) -> list[PageRecord]:
        """Read a batch; where that fails, each page by itself, so that one page's trouble stays its own."""
        if not pages:
            return []
        _ = self._model  # Loaded before the clock starts.
        start = time.perf_counter()
        try:
            answers = self._read([page.image for page in pages], pages[0].name)
        except (ValueError, RuntimeError) as error:
            _free_memory()
            if len(pages) > 1:
                return [record for page in pages for record in self._read_pages([page])]
            page = pages[0]
            return [PageRecord(page.source, page.number, error=f"{page.name}: {_reading_trouble(error)}")]
        seconds = (time.perf_counter() - start) / len(pages)
        return [
            replace(self._record(page.source, page.number, page.name, answer, seconds), size=page.image.size)
            for page, answer in zip(pages, answers, strict=True)
        ]

    def _read(self, images: Any, name: str) -> list[Any]:
        """Call the model."""
        args, model = self.args, self._model
        stream = self.output if args.stream and isinstance(self.output, StreamOutput) else None
        if stream is not None:
            stream.begin_page()
        answers = model.read(
            self._reader[1] if self._reader else None,
            images,
            mode=mode_of(args),
            max_new_tokens=args.max_new_tokens,
            batch_size=self._batch_size,
            on_text=stream.write_piece if stream is not None else None,
        )
        if stream is not None:
            stream.write_piece("\n")
        return answers

    def _record(self, source: Any, number: int | None, name: str, answer: Any, seconds: float) -> PageRecord:
        if answer.error is None and answer.finish_reason == "length":
            self.progress.notice(f"{name}: cut at {self.args.max_new_tokens} tokens (--max-new-tokens).")
        elif answer.error is None and answer.finish_reason == "repetition":
            self.progress.notice(f"{name}: the model fell into a loop, which was cut.")
        return PageRecord(
            source,
            number,
            answer.text,
            answer.finish_reason,
            answer.num_tokens,
            answer.mean_probability,
            answer.min_probability,
            seconds,
            answer.error,
            answer.lines,
        )

    def _deliver(self, record: PageRecord, name: str) -> None:
        """Write a record, count it, and say what went wrong."""
        if record.error is None:
            self.num_read += 1
            if self.args.render is not None:
                # Where the page is a picture file, it stands beside its text.
                self._rendered.append((Path(name) if Path(name).is_file() else None, record.text))
            self._keep_for_pdf(record)
        else:
            self.num_failed += 1
            if self._keeps_pages:
                self._keep_for_pdf(record)  # the page stays, without a text layer
            self.progress.error(f"error: {record.error}")
        if not self.args.stream:
            with self.progress.paused():
                self.output.write(record, name)
        self.progress.advance()

    def _read_together(self) -> None:
        """Read all pages as one document."""
        pages: list[Page] = []
        for found in self._find():
            item = self._load_page(found)
            if isinstance(item, PageRecord):
                self._deliver(item, found.source)
            else:
                pages.append(item)
        if not pages:
            return
        source, name = pages[0].source, pages[0].source
        if self.output.has(source, 1, name):
            self.num_skipped += len(pages)
            return
        sources = list(dict.fromkeys(page.source for page in pages))
        _ = self._model  # Loaded before the clock starts.
        start = time.perf_counter()
        try:
            answer = self._read([[page.image for page in pages]], name)[0]
        except (ValueError, RuntimeError) as error:
            record = PageRecord(sources, None, error=f"{len(pages)} pages together: {_reading_trouble(error)}")
        else:
            record = self._record(sources, None, name, answer, time.perf_counter() - start)
        self._deliver(record, name)

    @property
    def _keeps_pages(self) -> bool:
        """Whether the searchable PDF is made of the input's own pages instead of pictures."""
        from .render import is_pdf_file

        return bool(self.args.searchable) and len(self.args.inputs) == 1 and is_pdf_file(self.args.inputs[0])

    def write_searchable(self) -> None:
        """Write what was read behind the pages of a PDF."""
        from .render import write_searchable

        if not self._searchable:
            return
        if self._keeps_pages:  # Pages that were not read were known before those that waited for their batch.
            self._searchable.sort(key=lambda page: page.number)
        target = Path(self.args.searchable).expanduser()
        with writing(target):
            write_searchable(
                self._searchable,
                target,
                keep_pages=self._keeps_pages,
                keep_text_pages=self.args.keep_text_pages,
                plain=self.args.type == "ocr",
            )
        self.progress.notice(f"searchable: {target}")

    def render(self) -> None:
        """Write what was read as one page for people."""
        if not self._rendered:
            return
        from .output import page_stem

        target = Path(self.args.render).expanduser() if self.args.render else None
        if target is None:
            folder = Path(self.args.output) if self.args.output and Path(self.args.output).is_dir() else Path()
            source = self.args.inputs[0]
            target = folder / f"{STDIN_NAME if source == STDIN else page_stem(source, 1, is_document=False)}.html"
            if target.exists() and not self.args.force:
                raise CommandError(
                    exit_codes.OUTPUT_FAILED, f"{target} exists already: --force overwrites it, or --render FILE.html."
                )
        document = _rendering().render_pages(self._rendered)
        part = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
        with writing(target):
            try:
                document.save(part)
                os.replace(part, target)
            finally:
                part.unlink(missing_ok=True)
        self.progress.notice(f"rendered: {target}")


def _reading_trouble(error: Exception) -> str:
    text = one_line(error)
    if "out of memory" in text.lower():
        return "not enough memory: lower --batch-size or --max-tiles, or try --device cpu."
    return text


def _free_memory() -> None:
    """Give back what a failed batch held on a GPU."""
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
