"""`got-ocr layout`: where text stands on a page, without reading it."""

import argparse
import json
import sys
from pathlib import Path

from . import exit_codes
from .checks import is_input
from .exit_codes import CommandError
from .terminal import check_standard_output, printable
from .writing import prepare_target, write_whole, writing

SUMMARY = """\
show where text stands on a page: lines, blocks, columns, tables and reading order

Nothing is read, and no model is loaded. Boxes are px of the picture (of the rendered page of a PDF).

  got-ocr layout page.png --overlay page-layout.png     draw it on the picture
  got-ocr layout page.png --json                        one JSON object a page on standard output
  got-ocr layout scan.pdf --pages 3 --overlay out.png   several pages: out.png, out-2.png, ..."""

TURNS = (0, 90, 180, 270)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("input", metavar="PICTURE", help="picture, PDF, TIFF, folder or URL")
    parser.add_argument("--overlay", metavar="FILE", type=Path, help="write the picture with its layout drawn on it")
    parser.add_argument("--json", action="store_true", help="write the layout as JSON, one object a page")
    parser.add_argument("--pages", metavar="N-M", help="only these pages of a document, such as 2-5,8")
    parser.add_argument(
        "--rotate", type=int, choices=TURNS, default=0, help="degrees clockwise to turn pages by first (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Args:
        args: Of `add_arguments`.

    Returns:
        The exit code.

    Raises:
        CommandError: If the overlay can't be written, or its name is of no picture.
        ValueError: If the overlay's name is the input's.
    """
    from PIL import Image

    from ..layout.overlay import describe_layout, draw_layout
    from ..layout.page import analyse_page
    from ..layout.time_limit import OutOfTimeError, time_limit
    from ..processing.options import DEFAULT_READING_TIMEOUT_S
    from ..processing.pages import PageError, find_pages

    check_standard_output()
    Image.init()
    if args.overlay is not None and args.overlay.suffix.lower() not in Image.EXTENSION:
        raise CommandError(
            exit_codes.WRONG_USAGE,
            f"--overlay {args.overlay}: a picture's name is wanted, such as {args.overlay.with_suffix('.png')}.",
        )
    if args.overlay is not None:
        if is_input(str(args.overlay), [args.input]):
            raise ValueError(f"--overlay names the input, {args.overlay}: choose another name.")
        args.overlay = prepare_target("--overlay", str(args.overlay))
    count = failed = 0
    for found in find_pages(args.input, pages=args.pages):
        try:
            page = found.load()
            with time_limit(DEFAULT_READING_TIMEOUT_S):
                layout = analyse_page(page.image, args.rotate)
        except (PageError, OutOfTimeError) as error:
            failed += 1
            if isinstance(error, OutOfTimeError):
                error = PageError(f"{found.name}: takes longer than {DEFAULT_READING_TIMEOUT_S:g} s: scale it down.")
            print(f"got-ocr: error: {printable(exit_codes.one_line(error))}", file=sys.stderr)
            continue
        count += 1
        if args.json:
            entry = {"input": page.source, "page": page.number, **describe_layout(layout)}
            sys.stdout.write(json.dumps(entry) + "\n")
        else:
            sys.stdout.write(
                f"{printable(page.name)}: {len(layout.lines)} lines, {len(layout.blocks)} blocks, "
                f"{len(layout.columns)} columns, {len(layout.tables)} tables; fallen by "
                f"{layout.skew_degrees:.2f} degrees{', sideways' if layout.is_sideways else ''}\n"
            )
        if args.overlay is not None:
            number = page.index + 1  # Counted with those that failed, so that a name stays its page's.
            name = args.overlay if number == 1 else args.overlay.with_stem(f"{args.overlay.stem}-{number}")
            drawing = draw_layout(page.image, layout)
            with writing(name):
                write_whole(name, drawing.save)
    if failed:
        return exit_codes.SOME_PAGES_FAILED if count else exit_codes.NO_PAGE_READ
    return exit_codes.OK
