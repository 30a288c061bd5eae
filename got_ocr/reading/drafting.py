"""Drafts of answers: whose text is verified, and as which tokens the model that verifies it would write that text."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from ..processing.mode import Mode

if TYPE_CHECKING:
    from ..processing.processor import GotOcrProcessor

# Shown to the model together with the last token: eight at once, for which kernels of few rows are made.
DRAFT_TOKENS = 7

# Reads a document's pages for a draft.
DraftReader = Callable[[Sequence[Image.Image], Mode], str]
# True: the built-in model reads first; a text, one for each document (None: the answer so far alone), or a reader.
Draft = bool | str | Sequence[str | None] | DraftReader

NEEDS_PACKAGE = "draft=True reads with the built-in model first, which got-ocr brings: import got_ocr, or give texts."
ALLOWED = "True, a text, a list with a text for each picture, or a function of a list of pages and a mode"
_readers: list[DraftReader] = []


def use_draft_reader(reader: DraftReader) -> None:
    """Have a function read the drafts of `draft=True` from now on.

    Args:
        reader: The function.
    """
    _readers[:] = [reader]


def check_draft(draft: Any, num_tokens: Any) -> None:
    """Refuse what is no draft.

    Args:
        draft: The option.
        num_tokens: Tokens to verify at once.

    Raises:
        ValueError: If one of them is not allowed.
    """
    is_list = isinstance(draft, Sequence) and not isinstance(draft, (str, bytes))
    if is_list and not all(text is None or isinstance(text, str) for text in draft):
        raise ValueError(f"draft must be {ALLOWED}; got a list with other things than texts in it.")
    if not (draft is None or isinstance(draft, (bool, str)) or is_list or callable(draft)):
        raise ValueError(f"draft must be {ALLOWED}, got {draft!r}.")
    if isinstance(num_tokens, bool) or not isinstance(num_tokens, int) or num_tokens < 1:
        raise ValueError(f"draft_tokens must be a whole number of at least 1, got {num_tokens!r}.")


class Drafts:
    """The drafts of a call's documents, taken one after the other.

    Args:
        draft: The option; None and False: there are none.
        made_for_slices: Whether the checkpoint that reads is made for slices, as the built-in one is.

    Raises:
        ValueError: If the built-in model is to read first, and is not here or would read what it wrote itself.
    """

    def __init__(self, draft: Draft | None, made_for_slices: bool = False) -> None:
        self._draft = None if draft is False else draft
        self._taken = 0
        self._left_out: set[int] = set()
        if draft is True and made_for_slices:
            raise ValueError(
                "draft=True lets the built-in model read first, and this checkpoint is one of its kind, which gains "
                "nothing: leave draft out, or choose the full model."
            )
        if draft is True:
            if not _readers:
                raise ValueError(NEEDS_PACKAGE)
            self._draft = _readers[0]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self._draft is not None

    def check_count(self, count: int) -> None:
        """Refuse too few or too many texts.

        Args:
            count: Documents that are to be read.

        Raises:
            ValueError: If texts were given, and not one for each.
        """
        if isinstance(self._draft, str) and count != 1:
            raise ValueError(f"draft is one text, but there are {count} pictures: give a list with one for each.")
        if isinstance(self._draft, Sequence) and not isinstance(self._draft, str) and len(self._draft) != count:
            raise ValueError(f"draft must hold one text for each of the {count} pictures, got {len(self._draft)}.")

    def leave_out(self, numbers: Iterable[int]) -> None:
        """Pass over documents that can't be had. Args: numbers: counted from 0 over all of the call."""
        self._left_out.update(numbers)

    def take(self, pages: Sequence[Image.Image], mode: Mode) -> str | None:
        """Take the next document's draft.

        Args:
            pages: The document.
            mode: What is read of it.

        Returns:
            The text, empty where there is none; None where nothing is drafted at all.

        Raises:
            ValueError: If there are fewer texts than documents.
        """
        while self._taken in self._left_out:
            self._taken += 1
        number, self._taken = self._taken, self._taken + 1
        if self._draft is None:
            return None
        if callable(self._draft):
            return self._draft(pages, mode)
        texts = [self._draft] if isinstance(self._draft, (bool, str)) else self._draft
        if number >= len(texts):
            raise ValueError(f"draft must hold a text for each picture: there are more of these than {len(texts)}.")
        return str(texts[number] or "")


def spell_draft(text: str, processor: "GotOcrProcessor") -> list[list[int]]:
    """Write a draft in the tokens of the model that verifies it.

    Args:
        text: The draft.
        processor: The model's.

    Returns:
        The tokens; of a text of several lines also those of its words alone, since models differ in where they end a
        line.
    """
    words = " ".join(text.split())
    variants = [text.strip()] if words == text.strip() else [text.strip(), words]
    return [processor.encode_text(variant) for variant in variants if variant]
