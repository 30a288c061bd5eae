"""`got-ocr render`: what a model wrote, as a page for people or as a file for other programs."""

import argparse
import importlib.util
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import exit_codes
from .exit_codes import CommandError, one_line
from .terminal import printable
from .writing import prepare_target, write_atomically, writing

if TYPE_CHECKING:
    from ..rendering.searchable_job import SearchableJob

SUMMARY = """\
render what a model wrote: HTML, Markdown, LaTeX, text, JSON, DOCX, PDF, PNG; offline

FILE is text as GOT writes it (plain, Mathpix Markdown, <smiles>, **kern, TikZ, charts), or the JSON lines of
`got-ocr --json`, or a result file of `got-ocr eval`; - reads standard input. The output's suffix says what is written.

  got-ocr render page.txt                                   page.html
  got-ocr render page.txt -o page.md                        tables as pipes; --tables html keeps spans
  got-ocr scan.pdf --json > scan.jsonl
  got-ocr render scan.jsonl --side-by-side -o scan.html     each page's picture beside its text
  got-ocr render scan.jsonl --searchable -o found.pdf       the PDF with the text behind its pages"""

KINDS = ("markdown", "plain", "formula", "table", "molecule", "music", "geometry", "chart")
STDIN = "-"


@dataclass(frozen=True)
class ReadPage:
    """A page's text, and the file and the number (from 1) of its picture, where they are known.

    Attributes:
        text: What was read.
        source: The file.
        number: The page in it.
        lines: Lines with their boxes (x1, y1, x2, y2) in px, where these are known.
        size: (width, height) of the picture that was read, in px.
    """

    text: str
    source: str | None = None
    number: int = 1
    lines: tuple[tuple[str, tuple[float, float, float, float] | None], ...] = ()
    size: tuple[int, int] | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="what a model wrote; - for standard input")
    parser.add_argument("-o", "--output", metavar="FILE", help="what to write (default: the first FILE's name, .html)")
    parser.add_argument("--force", action="store_true", help="overwrite the output")
    parser.add_argument("--kind", choices=KINDS, help="what FILE holds (found out by default)")
    parser.add_argument("--title", help="of an HTML or PDF file")
    parser.add_argument(
        "--tables",
        choices=("pipes", "html", "auto"),
        default="pipes",
        help="in Markdown (%(default)s); auto: html where there are spans",
    )
    parser.add_argument(
        "--geometry",
        choices=("auto", "latex", "python", "source"),
        default="auto",
        help="who draws TikZ; auto: this machine's LaTeX, else Python (%(default)s)",
    )
    parser.add_argument(
        "--renderer",
        choices=("python", "mathpix"),
        default="python",
        help="mathpix: formulas, tables and molecules by the Node package mathpix-markdown-it, where it is installed "
        "(HTML only; %(default)s)",
    )
    parser.add_argument("--no-notes", action="store_true", help="don't say on the page what was fixed")
    pages = parser.add_argument_group("pages")
    pages.add_argument("--side-by-side", action="store_true", help="each page's picture beside its text (HTML)")
    pages.add_argument(
        "--searchable", action="store_true", help="write the pages' PDF with a layer of text, or a new one of pictures"
    )
    pages.add_argument(
        "--pictures", nargs="+", metavar="FILE", help="the pages' pictures or PDF, where FILE doesn't name them"
    )
    pages.add_argument(
        "--redo", action="store_true", help="with --searchable: replace a PDF's older hidden layer of text"
    )
    pages.add_argument("--password", help="with --searchable: opens an encrypted PDF")
    for option in ("--keep-text-pages", "--keep-pages"):  # What is done anyway where all pages come from one PDF.
        pages.add_argument(option, action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Render. Returns the exit code."""
    pages = [page for file in args.files for page in _read(file)]
    if not pages:
        raise ValueError("nothing to render: the files hold no text.")
    if args.pictures:
        pages = list(_with_pictures(pages, args.pictures))
    target = _target(args)
    if args.searchable:
        write_searchable(pages, target, args)
    elif args.renderer == "mathpix":
        from ..rendering.mathpix import render_mathpix

        if target.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"--renderer mathpix writes HTML: end --output in .html, got {target.name}.")
        _write_text(target, render_mathpix("\n\n".join(page.text for page in pages), args.title))
    else:
        _write(pages, target, args)
    print(printable(str(target)))
    return exit_codes.OK


def _target(args: argparse.Namespace) -> Path:
    first = args.files[0]
    suffix = ".pdf" if args.searchable else ".html"
    default = Path("page" + suffix) if first == STDIN else Path(first).with_suffix(suffix)
    target = Path(args.output).expanduser() if args.output else default
    if args.searchable and target.suffix.lower() != ".pdf":
        raise ValueError(f"--searchable writes a PDF: end --output in .pdf, got {target.name}.")
    inputs = {Path(file).resolve() for file in (*args.files, *(args.pictures or [])) if file != STDIN}
    if target.resolve() in inputs:
        raise ValueError(f"--output names an input, {target}: choose another name.")
    if target.exists() and not args.force:
        raise CommandError(exit_codes.OUTPUT_FAILED, f"{target} exists already: --force overwrites it.")
    return prepare_target("--output", str(target))


def _read(file: str) -> Iterator[ReadPage]:
    """Read a file of text, of JSON lines or of results."""
    text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8", errors="replace")
    records = _records(text)
    if records is None:
        if text.strip():
            yield ReadPage(text)
        return
    for record in records:
        said = record.get("text", record.get("answer", ""))
        source = record.get("input", record.get("image"))
        number = record.get("page")
        yield ReadPage(
            said if isinstance(said, str) else "",
            source if isinstance(source, str) else None,
            number if isinstance(number, int) and number > 0 else 1,
            boxed_lines(record.get("lines") or ()),
            tuple(record["size"]) if record.get("size") else None,
        )


def boxed_lines(lines: Any) -> tuple[tuple[str, tuple[float, float, float, float] | None], ...]:
    """Take the lines of a page for its text layer.

    Args:
        lines: Dictionaries with `text` and `box`, as `--json` writes them.

    Returns:
        Text and box of each, None for one without; nothing where no line has a box.
    """
    if not all(isinstance(line, dict) for line in lines) or not any(line.get("box") for line in lines):
        return ()
    return tuple((str(line["text"]), tuple(line["box"]) if line.get("box") else None) for line in lines)


def _records(text: str) -> list[dict[str, Any]] | None:
    """Read JSON lines or a JSON list of records; None where the text is something else (a chart is a dict too)."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return None
    try:
        found = (
            json.loads(stripped) if stripped.startswith("[") else [json.loads(line) for line in stripped.splitlines()]
        )
    except json.JSONDecodeError:
        return None
    is_record = all(
        isinstance(record, dict) and (("text" in record and "input" in record) or "answer" in record)
        for record in found
    )
    return found if found and is_record else None


def _with_pictures(pages: list[ReadPage], pictures: list[str]) -> Iterator[ReadPage]:
    """Give each page its picture in order; a single PDF or folder has them all."""
    if len(pictures) == 1:
        for index, page in enumerate(pages, start=1):
            yield replace(page, source=pictures[0], number=index)
        return
    if len(pictures) != len(pages):
        raise ValueError(
            f"--pictures names {len(pictures)} files for {len(pages)} pages: give one a page, or one PDF."
        )
    for page, picture in zip(pages, pictures, strict=True):
        yield replace(page, source=picture, number=1)


def _pictures(pages: list[ReadPage]) -> Iterator[Any]:
    """Load each page's picture; pages of one source are read in one go, in its order."""
    from ..processing.pages import iter_pages

    source: str | None = None
    stream: Iterator[Any] = iter(())
    position = 0
    for page in pages:
        if page.source is None:
            raise ValueError(
                "the pages' pictures are not known: give --pictures, or the JSON lines of got-ocr --json."
            )
        if page.source != source or page.number <= position:
            source, stream, position = page.source, iter(iter_pages(page.source)), 0
        picture = None
        while position < page.number:
            picture = next(stream, None)
            position += 1
        if picture is None:
            raise ValueError(f"{page.source} has no page {page.number}.")
        yield picture.image


def _write(pages: list[ReadPage], target: Path, args: argparse.Namespace) -> None:
    from ..rendering import render_pages

    pictures = _pictures(pages) if args.side_by_side else iter([None] * len(pages))
    read = ((picture, page.text) for picture, page in zip(pictures, pages, strict=True))
    document = render_pages(read, args.kind, geometry=args.geometry)
    suffix = target.suffix.lower()
    if suffix in (".html", ".htm"):
        _write_text(target, document.to_html(args.title, notes=not args.no_notes))
    elif suffix == ".md":
        _write_text(target, document.to_markdown(args.tables))
    else:
        document.save(target)


def _write_text(target: Path, text: str) -> None:
    with writing(target):
        write_atomically(target, text)


def open_searchable(target: Path, document: str | None, **options: Any) -> "SearchableJob":
    """Begin a searchable PDF.

    Args:
        target: The PDF to write.
        document: The PDF that gets a layer, or None.
        options: Of `rendering.searchable_job.SearchableJob`.

    Returns:
        The PDF in the making.

    Raises:
        ValueError: If the document can't get a layer.
        CommandError: If pikepdf is not installed, or the target can't be written.
    """
    if importlib.util.find_spec("pikepdf") is None:
        raise CommandError(
            exit_codes.PART_MISSING,
            "searchable PDFs need pikepdf, which is not installed: pip install pikepdf.",
        )
    from ..rendering.searchable_job import SearchableJob

    try:
        return SearchableJob(target, document, **options)
    except ValueError as error:
        option = str(error).replace("give its password.", "give its password with --password.")
        raise ValueError(option) from error
    except OSError as error:
        raise CommandError(exit_codes.OUTPUT_FAILED, f"{target} can't be written: {one_line(error)}") from error


def load_picture(source: str, number: int) -> Any:
    """Load one page's picture. Raises: ValueError: If there is none."""
    return next(_pictures([ReadPage("", source, number)]))


def write_searchable(pages: list[ReadPage], target: Path, args: argparse.Namespace) -> None:
    """Write a PDF whose text can be searched: the pages' own document with a layer, or a new one of their pictures.

    Args:
        pages: The pages in order.
        target: The PDF to write.
        args: The arguments of :func:`add_arguments`.

    Raises:
        ValueError: If the options need one PDF, and the pages come from something else.
        CommandError: If pikepdf is not installed, or a file can't be read or written.
    """
    from ..rendering.searchable import PageText

    sources = {page.source for page in pages}
    source = next(iter(sources)) if len(sources) == 1 else None
    document = source if source is not None and is_pdf_file(source) else None
    if (args.keep_pages or args.keep_text_pages or args.redo) and document is None:
        raise ValueError("--keep-pages, --keep-text-pages and --redo need all pages to come from one PDF file.")
    options = {"password": args.password, "redo": args.redo, "plain": args.kind == "plain"}
    job = open_searchable(target, document, **options)
    pictures = _pictures(pages) if job.needs_pictures else itertools.repeat(None)
    for page, picture in zip(pages, pictures, strict=False):
        job.add(PageText(page.number, page.text, page.lines, page.size), picture)
    with writing(target):
        report = job.save(args.title or "")
    for note in report.notes:
        print(f"got-ocr: {note}.", file=sys.stderr)
    if report.skipped:
        numbers = ", ".join(map(str, report.skipped[:20])) + (" ..." if len(report.skipped) > 20 else "")
        hint = "" if args.redo else " (--redo replaces a hidden layer)"
        print(f"got-ocr: pages that have text already are left as they are: {numbers}{hint}.", file=sys.stderr)


def is_pdf_file(source: str) -> bool:
    """Whether an input is a PDF on this machine."""
    return source.lower().endswith(".pdf") and Path(source).is_file()
