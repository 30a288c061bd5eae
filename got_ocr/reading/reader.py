"""The one way from pages and a mode to answers: what `chat`, pipelines, the command line and evaluation call.

A checkpoint whose configuration has `slicing` reads a few lines of one size at a time. For such a checkpoint a page is
cut into slices, which are read as a batch and joined (see reading/slice_reading.py); a box or a coloured frame is cut
out of the page first, and pages of a document are read one after the other.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from ..layout.time_limit import OutOfTimeError, TimeLimit, time_limit
from ..processing.mode import Mode, spread_modes
from ..processing.options import PageError, SourceOptions, late_trouble, printable
from ..processing.pages import FoundPage, find_pages
from ..processing.pictures import as_documents, load_image
from ..processing.prompt import PLAIN
from ..slices.region import find_region
from .answer import GotOcrAnswer
from .drafting import Drafts
from .engine import Engine, EngineSlices, count_prompts
from .generating import Generation, SliceGenerator
from .line_boxes import box_documents
from .options import SILENT, ReadingHooks, ReadingOptions
from .slice_reading import SliceReader

if TYPE_CHECKING:
    from ..modeling.language_model import GotOcrLanguageModel
    from ..processing.processor import GotOcrProcessor

logger = logging.getLogger(__name__)

SINGLE_IMAGE_NGRAM_SIZE = 20  # as published: in single-image modes only
PAGE_BREAK = "\f"  # Between the texts of two pages that are streamed.
ON_ERROR = ("raise", "return")


class Reader:
    """Read pages.

    Args:
        model: The network, or an engine that computes in its place.
        processor: The checkpoint's.
        options: How to read.
    """

    def __init__(
        self,
        model: "GotOcrLanguageModel | Engine",
        processor: "GotOcrProcessor",
        options: ReadingOptions | None = None,
    ) -> None:
        self._engine: Engine | None = make_engine(model, processor)
        self._load_whole: Callable[[], tuple[Any, Any]] | None = None
        self._prepare(EngineSlices(self._engine, processor), options)
        self.model = model
        self.processor = processor

    @classmethod
    def of_slices(
        cls,
        generator: SliceGenerator,
        options: ReadingOptions | None = None,
        load_whole: Callable[[], tuple[Any, Any]] | None = None,
    ) -> "Reader":
        """Make a reader of slices, which by itself needs neither torch nor transformers.

        Args:
            generator: What reads slices.
            options: How to read.
            load_whole: Loads the network and processor for conversations and whole pictures, once these are asked
                for; None: the reader knows none.

        Returns:
            The reader.
        """
        reader = cls.__new__(cls)
        reader._engine = None
        reader._load_whole = load_whole
        reader._prepare(generator, options)
        return reader

    def _prepare(self, generator: SliceGenerator, options: ReadingOptions | None) -> None:
        self.options = options or ReadingOptions()
        self._slices = generator
        self._made_for_slices = bool(generator.config.slicing)

    def read(
        self,
        images: Any,
        mode: Mode | Sequence[Mode] = PLAIN,
        hooks: ReadingHooks = SILENT,
        spent_s: float = 0.0,
    ) -> list[GotOcrAnswer]:
        """Read pictures in batches, greedily, as the model was published.

        Args:
            images: Upright RGB pictures; with `multi_page` one document (a list of pages) or a list of documents.
            mode: What to read: one for all pictures or documents, or a list with one for each.
            hooks: Whom to tell while it goes on.
            spent_s: Seconds of their pages' time that a batch of them has taken already.

        Returns:
            One answer a picture, or a document with `multi_page`, in order; one whose time was over says so in its
            `error`.

        Raises:
            ValueError: If a mode does not fit the pictures, or a picture can't be had; the message says what is.
        """
        return self._read(images, mode, hooks, spent_s, None)

    def _read(
        self,
        images: Any,
        mode: Mode | Sequence[Mode],
        hooks: ReadingHooks,
        spent_s: float,
        drafts: Drafts | None,
    ) -> list[GotOcrAnswer]:
        """Read pictures with drafts from those of a longer run, or with their own."""
        multi_page = any(one.multi_page for one in ([mode] if isinstance(mode, Mode) else mode))
        if not multi_page and isinstance(images, (list, tuple)) and not images:
            return []
        documents = [[self._load(page) for page in document] for document in as_documents(images, multi_page)]
        modes = spread_modes(len(documents), mode)
        if drafts is None:
            drafts = self._drafts()
            drafts.check_count(len(documents))
        answers: list[GotOcrAnswer] = []
        hooks = replace(hooks, on_text=with_page_breaks(hooks.on_text))
        for answer in self._read_documents(documents, modes, hooks, spent_s, drafts):
            if hooks.on_answer is not None:
                hooks.on_answer(len(answers), answer)
            answers.append(answer)
        return answers

    def _drafts(self) -> Drafts:
        return Drafts(self.options.draft, self._made_for_slices)

    def _load(self, image: Any) -> Image.Image:
        return image if isinstance(image, Image.Image) else load_image(image, self.options.source)

    def _read_documents(
        self,
        documents: list[list[Image.Image]],
        modes: list[Mode],
        hooks: ReadingHooks,
        spent_s: float,
        drafts: Drafts,
    ) -> Iterator[GotOcrAnswer]:
        """Yield one answer a document."""
        start = 0
        while start < len(documents):
            if modes[start].is_sliced(self._made_for_slices):
                self._begin_page(hooks)
                with self._time_limit(documents[start : start + 1], spent_s) as limit:
                    answer = self._read_slices(documents[start], modes[start], hooks, drafts)
                yield self._give_up(answer) if limit.was_hit else answer
                start += 1
                continue
            end = self._end_of_batch(modes, start, 1 if hooks.on_text else self.options.batch_size)
            self._begin_page(hooks)
            with self._time_limit(documents[start:end], spent_s) as limit:
                answers = self._read_whole(documents[start:end], modes[start:end], hooks, drafts)
                is_late = limit.was_hit  # when boxes are late the text is whole
                if self.options.line_boxes:
                    answers = box_documents(answers, documents[start:end], modes[start:end])
            yield from (
                self._give_up(answer) if is_late and answer.finish_reason == "length" else answer for answer in answers
            )
            start = end

    def _time_limit(self, documents: list[list[Image.Image]], spent_s: float) -> AbstractContextManager[TimeLimit]:
        """The time that documents have together."""
        limit_s = self.options.page_timeout_s
        return time_limit(None if limit_s is None else limit_s * sum(map(len, documents)) - spent_s)

    def _give_up(self, answer: GotOcrAnswer) -> GotOcrAnswer:
        """Say of what was read that it is not all, since the time was over."""
        error = late_trouble(self.options.page_timeout_s, self.options.source)
        return replace(answer, finish_reason="error", error=error, limit="time")

    @staticmethod
    def _begin_page(hooks: ReadingHooks) -> None:
        if isinstance(hooks.on_text, _PageBreaks):
            hooks.on_text.begin_page()

    def _end_of_batch(self, modes: list[Mode], start: int, batch_size: int) -> int:
        """Where a batch ends whose documents are generated in one way."""
        end = start + 1
        while (
            end < min(len(modes), start + batch_size)
            and not modes[end].is_sliced(self._made_for_slices)
            and self._ngram_size(modes[end]) == self._ngram_size(modes[start])
        ):
            end += 1
        return end

    def _ngram_size(self, mode: Mode) -> int:
        # Kept for checkpoint compatibility: published without n-gram blocking in the modes of several images.
        several = mode.crop or mode.multi_page
        return 0 if several or self._made_for_slices else SINGLE_IMAGE_NGRAM_SIZE

    def _read_whole(
        self, documents: list[list[Image.Image]], modes: list[Mode], hooks: ReadingHooks, drafts: Drafts
    ) -> list[GotOcrAnswer]:
        engine = self._engine_of_pages()
        together = any(mode.multi_page for mode in modes)
        images = documents if together else [document[0] for document in documents]
        texts = [drafts.take(document, mode) for document, mode in zip(documents, modes, strict=True)]
        inputs = self.processor(images, mode=modes, return_tensors="pt")
        count_prompts(inputs, hooks.on_prompts)
        generation = Generation(
            self.options.max_new_tokens,
            hooks.on_text,
            hooks.stop_event,
            self._ngram_size(modes[0]),
            self.options.generation,
            drafts=tuple(text for text in texts if text is not None),
            draft_tokens=self.options.draft_tokens,
            keep_tokens=self.options.line_boxes,
        )
        return engine.generate(inputs, generation)

    def _engine_of_pages(self) -> Engine:
        if self._engine is None and self._load_whole is not None:
            self.model, self.processor = self._load_whole()
            self._engine = make_engine(self.model, self.processor)
        if self._engine is None:
            raise ValueError(
                "numpy knows slices of pages alone, neither whole pictures nor conversations: let pages be cut, or "
                "read with torch (--engine torch; in Python GotOcrForConditionalGeneration)."
            )
        return self._engine

    def _read_slices(self, pages: list[Image.Image], mode: Mode, hooks: ReadingHooks, drafts: Drafts) -> GotOcrAnswer:
        draft = drafts.take(pages, mode)
        try:
            regions = [find_region(page, mode.box, mode.color) for page in pages]
            return SliceReader(self._slices, mode, self.options, hooks, draft).read(pages, regions)
        except OutOfTimeError:
            return GotOcrAnswer("", "stop")

    def read_pages(
        self,
        source: Any,
        mode: Mode = PLAIN,
        hooks: ReadingHooks = SILENT,
        *,
        on_error: str = "raise",
        on_page: Callable[[FoundPage, Image.Image | None], None] | None = None,
    ) -> Iterator[GotOcrAnswer]:
        """Find pages and read them, a batch in memory at a time.

        Args:
            source: Whatever names pictures: path, folder, PDF, URL, bytes, PIL picture, array, or a list of these.
            mode: What to read. With `multi_page` all pages are one document.
            hooks: Whom to tell while it goes on; answers are counted over all pages.
            on_error: What a page does that can't be had: `raise` an error, or `return` an answer that says why.
            on_page: Called with each page before it is read, and its picture, None for one that can't be had.

        Yields:
            One answer a page, in order, or one for all with `multi_page`.

        Raises:
            ValueError: If a page can't be had (with `raise`), or an argument is not allowed.
        """
        if on_error not in ON_ERROR:
            raise ValueError(f"on_error must be 'raise' or 'return', got {on_error!r}.")
        hooks = replace(hooks, on_text=with_page_breaks(hooks.on_text))
        count = 0
        drafts = self._drafts()
        waiting: list[_Loaded] = []
        at_once = self._pages_at_once(mode, hooks)
        strict = on_error == "raise" or mode.multi_page
        for found, page, seconds in _load_pages(source, self.options.source, strict):
            if on_page is not None:
                on_page(found, page if isinstance(page, Image.Image) else None)
            waiting.append(_Loaded(page, printable(found.name), seconds))
            del page  # A long document is never in memory as a whole.
            if not mode.multi_page and len(waiting) >= at_once:
                for answer in self._read_waiting(waiting, mode, hooks, count, strict, drafts):
                    yield answer
                    count += 1
                waiting = []
        yield from self._read_waiting(waiting, mode, hooks, count, strict, drafts)

    def _pages_at_once(self, mode: Mode, hooks: ReadingHooks) -> int:
        one_by_one = hooks.on_text is not None or mode.is_sliced(self._made_for_slices)
        return 1 if one_by_one else self.options.batch_size

    def _read_waiting(
        self,
        waiting: "list[_Loaded]",
        mode: Mode,
        hooks: ReadingHooks,
        count: int,
        strict: bool,
        drafts: Drafts,
    ) -> list[GotOcrAnswer]:
        """Read the pages among pages and errors. Returns: an answer for each; for all with `multi_page`."""
        pages = [one.page for one in waiting if isinstance(one.page, Image.Image)]
        drafts.leave_out(count + place for place, one in enumerate(waiting) if not isinstance(one.page, Image.Image))
        spent_s = sum(one.seconds for one in waiting if isinstance(one.page, Image.Image))
        silent = replace(hooks, on_answer=None)
        read = iter(self._read([pages] if mode.multi_page else pages, mode, silent, spent_s, drafts))
        answers = list(read) if mode.multi_page else [one.failure or next(read) for one in waiting]
        for place, answer in enumerate(answers):
            if answer.limit == "time" and waiting[place].failure is None:
                answers[place] = answer = replace(answer, error=f"{waiting[place].name}: {answer.error}")
                if strict:
                    raise PageError(str(answer.error), answer.limit)
                logger.warning("%s", answer.error)
        if hooks.on_answer is not None:
            for place, answer in enumerate(answers):
                hooks.on_answer(count + place, answer)
        return answers

    def stream(self, source: Any, mode: Mode = PLAIN, *, on_error: str = "raise") -> Iterator[str]:
        """Read pages and yield the text as it comes; the model works in a thread of its own.

        Args:
            source: As in :meth:`read_pages`.
            mode: What to read.
            on_error: As in :meth:`read_pages`; with `return` a bad page has no text.

        Yields:
            Pieces of the text; joined they are the pages' answers, before stripping, with a form feed between pages.
            Leaving the loop early stops the model.

        Raises:
            ValueError: As :meth:`read_pages`.
        """
        pieces: queue.Queue[str | BaseException | None] = queue.Queue()
        abandoned = threading.Event()
        hooks = ReadingHooks(on_text=pieces.put, stop_event=abandoned)

        def work() -> None:
            try:
                for _ in self.read_pages(source, mode, hooks, on_error=on_error):
                    if abandoned.is_set():
                        break
            except BaseException as error:
                pieces.put(error)
            finally:
                pieces.put(None)

        threading.Thread(target=work, name="got-ocr-stream", daemon=True).start()
        try:
            while (piece := pieces.get()) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
        finally:
            abandoned.set()

    def reply(self, conversation: Any, hooks: ReadingHooks = SILENT) -> GotOcrAnswer:
        """Go on with a conversation of several turns, as it is, through the checkpoint's chat template.

        Args:
            conversation: Messages as transformers has them, pictures among them.
            hooks: Whom to tell while it goes on.

        Returns:
            The answer.

        Raises:
            ValueError: If a picture can't be had, or there are too many for the decoder.
        """
        engine = self._engine_of_pages()
        inputs = self.processor.apply_chat_template(
            conversation, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
        options = self.options
        # The pictures are a matter of the template: a text alone is a draft, else the answer so far is looked up.
        draft = options.draft if isinstance(options.draft, str) else ""
        generation = Generation(
            options.max_new_tokens,
            hooks.on_text,
            hooks.stop_event,
            options=options.generation,
            drafts=(draft,) if self._drafts() else (),
            draft_tokens=options.draft_tokens,
        )
        return engine.generate(inputs, generation)[0]

    def prompt_of(self, image: Image.Image, mode: Mode = PLAIN) -> str:
        """Write the prompt of a picture.

        Args:
            image: The picture.
            mode: What to read of it.

        Returns:
            The prompt with a run of ``<imgpad>`` as it is.
        """
        inputs = self.processor([[image]] if mode.multi_page else [image], mode=mode)
        return str(self.processor.tokenizer.decode(inputs["input_ids"][0]))


def make_engine(model: Any, processor: "GotOcrProcessor") -> Engine:
    """Make what generates.

    Args:
        model: The network, or an engine already.
        processor: The checkpoint's.

    Returns:
        The engine.
    """
    if hasattr(model, "calls_at_once"):
        engine: Engine = model
        return engine
    from .decoding import AnswerGenerator

    return AnswerGenerator(model, processor)


class _PageBreaks:
    """Hand text on, with a page break before each page but the first."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text
        self._pages = 0

    def begin_page(self) -> None:
        """Call before a page is read."""
        if self._pages:
            self._on_text(PAGE_BREAK)
        self._pages += 1

    def __call__(self, text: str) -> None:
        """Hand a piece on."""
        self._on_text(text)


def with_page_breaks(on_text: Callable[[str], None] | None) -> Callable[[str], None] | None:
    """Make a function that also gets a form feed between pages.

    Args:
        on_text: Gets text as it comes; None for nobody.

    Returns:
        The function; one that was made so before is returned as it is and goes on counting pages.
    """
    return on_text if on_text is None or isinstance(on_text, _PageBreaks) else _PageBreaks(on_text)


@dataclass(frozen=True)
class _Loaded:
    """A page that waits to be read, or why it can't be had; its name, and the seconds that loading it took."""

    page: Image.Image | PageError
    name: str
    seconds: float

    @property
    def failure(self) -> GotOcrAnswer | None:
        """The answer for one that can't be had."""
        if isinstance(self.page, Image.Image):
            return None
        return GotOcrAnswer("", "error", error=str(self.page), limit=self.page.limit)


def _load_pages(
    source: Any, options: SourceOptions, strict: bool
) -> Iterator[tuple[FoundPage, Image.Image | PageError, float]]:
    """Yield pages with their pictures, or the errors of those that can't be had, and the seconds it took."""
    if isinstance(source, (list, tuple)) and not source:
        raise ValueError("got an empty list of pictures: give at least one.")
    for found in find_pages(source, options):
        start = time.monotonic()
        try:
            yield found, found.load().image, time.monotonic() - start
        except PageError as error:
            if strict:
                raise
            logger.warning("%s", error)
            yield found, error, time.monotonic() - start
