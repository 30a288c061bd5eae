"""What `chat` and `chat_crop` do around a reader: print as published, render, and give texts or dictionaries."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from PIL import Image

from ..processing.documents import TIFF_MAGICS
from ..processing.mode import Mode
from ..processing.options import PageError
from ..processing.pages import FoundPage
from ..processing.sources import head_of, is_pdf, is_tensor
from .answer import GotOcrAnswer
from .options import ReadingHooks
from .reader import Reader
from .rendering import save_pages

DOCUMENT_SUFFIXES = (".pdf", ".tif", ".tiff")


@dataclass(frozen=True)
class ChatOptions:
    """The published arguments that are not of reading.

    Attributes:
        render_to: File to write the answer to as a page for people; None: nowhere.
        print_prompt: Print the prompt.
        stream: Print the text as it comes.
        on_error: What a bad picture among several does: `raise` or `return`.
        return_dict: Give dictionaries instead of texts.
    """

    render_to: str | None = None
    print_prompt: bool = False
    stream: bool = False
    on_error: str = "raise"
    return_dict: bool = False

    @classmethod
    def from_call(cls, call: Mapping[str, Any]) -> "ChatOptions":
        """Take them from the arguments of `chat`.

        Args:
            call: The arguments by name; others are left alone.

        Returns:
            Them.

        Raises:
            ValueError: If `render` comes without a file.
        """
        render_to = call["save_render_file"] if call["render"] else None
        if call["render"] and not render_to:
            raise ValueError("render=True needs save_render_file, e.g. save_render_file='page.html'.")
        return cls(render_to, call["print_prompt"], call["stream_flag"], call["on_error"], call["return_dict"])


def answer_chat(reader: Reader, source: Any, mode: Mode, options: ChatOptions) -> Any:
    """Read what `chat` was given.

    Args:
        reader: Reads.
        source: Whatever names pictures.
        mode: What to read.
        options: What to do with it.

    Returns:
        The text; a list of texts where the source can hold several pages, whatever it holds (a list, a folder, a PDF,
        a TIFF), unless they are read together. Dictionaries with `return_dict`.

    Raises:
        ValueError: If a picture can't be had, or an argument is not allowed.
    """
    pictures: list[Image.Image | None] = []
    several = False

    def on_page(found: FoundPage, page: Image.Image | None) -> None:
        nonlocal several
        if page is not None and options.print_prompt and found.index == 0:
            print(reader.prompt_of(page, mode))
        several = several or found.index > 0 or holds_several(source, found)
        if options.render_to is not None:
            pictures.append(page)

    hooks = ReadingHooks(on_text=_print_piece if options.stream else None)
    answers = list(reader.read_pages(source, mode, hooks, on_error=options.on_error, on_page=on_page))
    if options.stream:
        print(flush=True)
    if options.render_to is not None:
        _render(answers, pictures, options.render_to)
    results = [asdict(answer) if options.return_dict else answer.text for answer in answers]
    return results if several and not mode.multi_page else results[0]


def holds_several(source: Any, found: FoundPage) -> bool:
    """Tell whether a source is of a kind that can hold several pages.

    Args:
        source: What a caller named.
        found: Its first page.

    Returns:
        Whether it is a list, a folder, a PDF or a TIFF, also one that can't be opened.
    """
    is_name = isinstance(source, (str, os.PathLike))
    if not is_name and not isinstance(source, (bytes, bytearray)) and not hasattr(source, "read"):
        is_one = isinstance(source, (Image.Image, Mapping)) or hasattr(source, "__array__") or is_tensor(source)
        return not is_one
    if is_name and (os.path.isdir(source) or os.fspath(source).lower().endswith(DOCUMENT_SUFFIXES)):
        return True
    if found.data is None:
        return False
    try:
        head = head_of(found.data, found.source)
    except PageError:
        return False
    return is_pdf(head, found.source) or head.startswith(TIFF_MAGICS)


def _print_piece(piece: str) -> None:
    print(piece, end="", flush=True)


def _render(answers: list[GotOcrAnswer], pictures: list[Image.Image | None], path: str) -> None:
    """Write answers as one page for people: several with their pictures, one without."""
    if len(answers) == 1:
        save_pages([(None, answers[0].text)], path)
        return
    save_pages([(picture, answer.text) for picture, answer in zip(pictures, answers, strict=True)], path)
