"""What a reading command must know before a model is loaded: that its arguments mean something, its files can be."""

import argparse
import importlib
import os
from pathlib import Path
from typing import Any

from . import exit_codes
from .exit_codes import CommandError, one_line
from .output import STDIN_NAME
from .writing import page_stem, prepare_target

RENDER_SUFFIXES = (".html", ".htm", ".docx", ".md", ".tex")
STDIN = "-"


def check_arguments(args: argparse.Namespace) -> None:
    """Refuse arguments that don't go together, and complete the others.

    Args:
        args: The arguments of `got-ocr`; `inputs` and `render` may change.

    Raises:
        ValueError: If something is not allowed.
        CommandError: If a file can't be written, or a part is missing.
    """
    if args.render:
        _sort_out_render(args)
    if not args.inputs:
        raise ValueError("nothing to read: give a picture, a folder, a PDF or a URL.")
    if args.inputs.count(STDIN) > 1:
        raise ValueError("- (the pipe) was given twice: it can be read once.")
    if args.stream and (args.json or args.output):
        raise ValueError("--stream prints text as it comes: leave out --json and --output.")
    if args.markdown is not None and args.type != "format":
        raise ValueError("--markdown is for --type format: give both.")
    if args.markdown == "github":
        if args.stream or args.render is not None:
            option = "--stream" if args.stream else "--render"
            raise ValueError(
                f"--markdown github rewrites whole answers: leave out {option} (--render FILE.md does so)."
            )
        rendering_room()
    if args.lines:
        _check_lines(args)
    if args.overlay:
        _check_overlay(args)
    if args.workers > 1:
        _check_workers(args)
    if args.searchable:
        _check_searchable(args)
    elif args.keep_text_pages or args.redo:
        option = "--keep-text-pages" if args.keep_text_pages else "--redo"
        raise ValueError(f"{option} is for --searchable FILE.pdf: give both.")
    targets = {
        "--output": args.output,
        "--render": args.render,
        "--searchable": args.searchable,
        "--overlay": args.overlay,
    }
    _check_targets({option: target for option, target in targets.items() if target}, args.inputs)
    if args.render is not None:
        rendering_room()
    if args.render:
        prepare_target("--render", args.render)


def _check_lines(args: argparse.Namespace) -> None:
    given = {"--json": args.json, "--stream": args.stream, "--multi-page": args.multi_page, "--render": args.render}
    given |= {"--markdown": args.markdown, "--searchable": args.searchable}
    for option, value in given.items():
        if value is not None and value is not False:
            raise ValueError(f"--lines writes a file a page with its lines: leave out {option}.")
    if args.type != "ocr":
        raise ValueError("--lines writes plain lines: leave out --type format.")
    if args.output is None or Path(args.output).suffix[1:].isalpha() or os.path.isfile(args.output):
        raise ValueError(f"--lines writes a file a page: give a folder to --output, got {args.output}.")
    rendering_room()


def _check_overlay(args: argparse.Namespace) -> None:
    from PIL import Image

    Image.init()
    if Path(args.overlay).suffix.lower() not in Image.EXTENSION:
        example = Path(args.overlay).with_suffix(".png")
        raise ValueError(f"--overlay {args.overlay}: a picture's name is wanted, such as {example}.")
    given = {"--stream": args.stream, "--multi-page": args.multi_page, "--type format": args.type == "format"}
    for option, value in given.items():
        if value:
            raise ValueError(f"--overlay draws plain lines of single pages: leave out {option}.")


def _check_workers(args: argparse.Namespace) -> None:
    for option, is_given in (("--stream", args.stream), ("--multi-page", args.multi_page)):
        if is_given:
            raise ValueError(
                f"--workers reads pages side by side, and {option} needs one process: leave one of the two out."
            )
    if args.engine == "vllm":
        raise ValueError("--engine vllm reads many pages at once by itself: leave --workers out.")
    if "," in args.device:
        raise ValueError(
            f"--workers and several devices ({args.device}) share pages out in two ways: give one device, or leave "
            "--workers out."
        )


def _sort_out_render(args: argparse.Namespace) -> None:
    """Tell `--render page.png`, whose name belongs to the inputs, from a target that can't be written."""
    from ..processing.pages import PAGE_SUFFIXES

    suffix = Path(args.render).suffix.lower()
    if suffix in RENDER_SUFFIXES:
        return
    is_input = os.path.exists(args.render) or "://" in args.render or args.render == STDIN
    if suffix == ".pdf" and is_input and args.inputs:
        is_input = False  # A PDF may be meant as what is to be written.
    if is_input or (not args.inputs and suffix in PAGE_SUFFIXES):
        args.inputs.append(args.render)
        args.render = ""
        return
    hint = (
        "; --searchable FILE.pdf writes a PDF, and a PDF to be read stands before --render" if suffix == ".pdf" else ""
    )
    raise ValueError(f"--render writes {', '.join(RENDER_SUFFIXES)}, got {args.render}: choose one of these{hint}.")


def _check_searchable(args: argparse.Namespace) -> None:
    if not args.searchable.lower().endswith(".pdf"):
        raise ValueError(f"--searchable writes a PDF: end its name in .pdf, got {args.searchable}.")
    if args.output or args.multi_page or args.box or args.color:
        raise ValueError(
            "--searchable needs the whole text of every page: leave out --output, --multi-page, --box and --color."
        )
    if (args.keep_text_pages or args.redo) and not (len(args.inputs) == 1 and is_pdf_file(args.inputs[0])):
        option = "--redo" if args.redo else "--keep-text-pages"
        raise ValueError(f"{option} needs one PDF file as the only input.")
    if os.path.exists(args.searchable) and not args.force and not is_input(args.searchable, args.inputs):
        raise CommandError(exit_codes.OUTPUT_FAILED, f"{args.searchable} exists already: --force overwrites it.")
    rendering_room()


def _check_targets(targets: dict[str, str], inputs: list[str]) -> None:
    """Refuse targets that are inputs, or one another."""
    for option, target in targets.items():
        if is_input(target, inputs):
            raise ValueError(f"{option} names an input, {target}: choose another name.")
    seen: dict[str, str] = {}
    for option, target in targets.items():
        other = seen.setdefault(os.path.realpath(os.path.expanduser(target)), option)
        if other != option:
            raise ValueError(f"{other} and {option} name the same file, {target}: choose another name for one.")


def is_input(target: str, inputs: list[str]) -> bool:
    """Whether a name is that of an input file."""
    return any(_is_same_file(target, source) for source in inputs)


def _is_same_file(first: str, second: str) -> bool:
    try:
        return os.path.isfile(first) and os.path.samefile(first, second)
    except (OSError, ValueError):
        return False


def is_pdf_file(source: str) -> bool:
    """Whether an input is a PDF on this machine."""
    return source.lower().endswith(".pdf") and Path(source).is_file()


def render_target(args: argparse.Namespace) -> Path:
    """Say where `--render` writes to.

    Args:
        args: The arguments of `got-ocr`.

    Returns:
        The file; by default a name like the first input's, in the folder of `--output` or here.

    Raises:
        CommandError: If a file of the default's name is there.
    """
    if args.render:
        return Path(args.render).expanduser()
    folder = Path(args.output) if args.output and Path(args.output).is_dir() else Path()
    source = args.inputs[0]
    target = folder / f"{STDIN_NAME if source == STDIN else page_stem(source, 1, is_document=False)}.html"
    if target.exists() and not args.force:
        raise CommandError(
            exit_codes.OUTPUT_FAILED, f"{target} exists already: --force overwrites it, or --render FILE.html."
        )
    return target


def rendering_room() -> Any:
    """The rendering room, or what to do without it."""
    try:
        rendering = importlib.import_module("got_ocr.rendering")
        rendering.render  # noqa: B018 - is the room furnished?
    except (ImportError, AttributeError) as error:
        raise CommandError(
            exit_codes.PART_MISSING,
            f"--render needs got_ocr.rendering ({one_line(error)}): pip install pikepdf rdkit verovio.",
        ) from error
    return rendering
