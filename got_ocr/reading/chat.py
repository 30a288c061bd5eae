"""`chat`, `chat_crop` and their batched siblings: from pictures to text in one call.

Everything that reads (command line, pipelines, evaluation, serving) goes through :meth:`GotOcrChatMixin.read`; `chat`
and `chat_crop` are the published call shapes on top of it.

A checkpoint whose configuration has `slicing` reads a few lines of one size at a time. For such a checkpoint a page is
cut into slices, which are read as a batch and joined (see reading/slice_reading.py); a box or a coloured frame is cut
out of the page first, and pages of a document are read one after the other.
"""

import importlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from PIL import Image

from ..processing.image_processor import GotOcrImageProcessor
from ..processing.pages import PageError, iter_pages
from ..processing.processor import GotOcrProcessor, as_documents, parse_regions
from ..processing.prompt import parse_ocr_type
from ..slices.region import find_region
from .answer import GotOcrAnswer
from .decoding import Generation
from .slice_reading import GotOcrSliceMixin

logger = logging.getLogger(__name__)

DEFAULT_MAX_NEW_TOKENS = 4096  # as published
SINGLE_IMAGE_NGRAM_SIZE = 20  # as published: in single-image modes only


class GotOcrChatMixin(GotOcrSliceMixin):
    """Reading for :class:`GotOcrForConditionalGeneration`."""

    def chat(
        self,
        tokenizer: Any,
        image_file: Any,
        ocr_type: str = "ocr",
        ocr_box: str | Sequence[float] = "",
        ocr_color: str = "",
        render: bool = False,
        save_render_file: str | None = None,
        print_prompt: bool = False,
        gradio_input: bool = False,
        stream_flag: bool = False,
        *,
        multi_page: bool = False,
        slice_pages: bool | None = None,
        max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS,
        batch_size: int = 4,
        on_error: str = "raise",
        return_dict: bool = False,
    ) -> Any:
        """Read a picture, or several: the published call, with the keyword-only arguments added.

        Args:
            tokenizer: The checkpoint's tokenizer, or its processor.
            image_file: Path, http(s) URL, bytes, PIL picture or array; or a list of them, a folder, a PDF (needs
                pypdfium2) or a TIFF of several frames, whose pages are read as batches.
            ocr_type: `ocr` for plain text, `format` for Mathpix Markdown.
            ocr_box: Read only this box, in pixels: `"[x1,y1,x2,y2]"` or a sequence of 4 numbers, or of 2 for a point.
            ocr_color: Read only what a frame of this colour encloses: `red`, `green` or `blue`.
            render: Write the answer to `save_render_file` as a page for people (needs `got-ocr[render]`).
            save_render_file: Where to, e.g. `page.html`; the suffix chooses the format. Several pages become one file,
                in HTML with each picture beside its text.
            print_prompt: Print the prompt.
            gradio_input: Kept for the published signature; PIL pictures are recognised anyway.
            stream_flag: Print the text as it comes.
            multi_page: Read all pages as one document with one answer, instead of one by one.
            slice_pages: Cut pages between lines and read the slices; None: if the checkpoint is made for it.
            max_new_tokens: Longest answer, in tokens.
            batch_size: Pictures of full size encoded at once.
            on_error: What a bad picture among several does: `raise` an error, or `return` an empty text in its place
                (with `return_dict=True` the reason stands beside it).
            return_dict: Return :class:`GotOcrAnswer` fields as a dictionary instead of the text alone.

        Returns:
            The text; a list of texts where `image_file` names several pages. Dictionaries with `return_dict=True`.

        Raises:
            ValueError: If a picture cannot be read, or an argument is not allowed; the message says what is.
        """
        return self._chat(
            tokenizer,
            image_file,
            render_to=_render_target(render, save_render_file),
            print_prompt=print_prompt,
            stream=stream_flag,
            return_dict=return_dict,
            ocr_type=ocr_type,
            box=ocr_box,
            color=ocr_color,
            multi_page=multi_page,
            slice_pages=slice_pages,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            on_error=on_error,
        )

    def chat_crop(
        self,
        tokenizer: Any,
        image_file: Any,
        ocr_type: str = "ocr",
        render: bool = False,
        save_render_file: str | None = None,
        print_prompt: bool = False,
        gradio_input: bool = False,
        stream_flag: bool = False,
        *,
        max_tiles: int | None = None,
        max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS,
        batch_size: int = 4,
        on_error: str = "raise",
        return_dict: bool = False,
    ) -> Any:
        """Read a large or oddly shaped page in tiles: the published call, with the keyword-only arguments added.

        Args:
            tokenizer: The checkpoint's tokenizer, or its processor.
            image_file: As in :meth:`chat`.
            ocr_type: `ocr` or `format`.
            render: As in :meth:`chat`.
            save_render_file: As in :meth:`chat`.
            print_prompt: Print the prompt.
            gradio_input: Kept for the published signature.
            stream_flag: Print the text as it comes.
            max_tiles: Most tiles of a page, the overview not counted; None: the processor's (6, as published).
            max_new_tokens: Longest answer, in tokens.
            batch_size: Pages read at once.
            on_error: As in :meth:`chat`.
            return_dict: As in :meth:`chat`.

        Returns:
            As :meth:`chat`.

        Raises:
            ValueError: As :meth:`chat`.
        """
        return self._chat(
            tokenizer,
            image_file,
            render_to=_render_target(render, save_render_file),
            print_prompt=print_prompt,
            stream=stream_flag,
            return_dict=return_dict,
            ocr_type=ocr_type,
            crop=True,
            max_tiles=max_tiles,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            on_error=on_error,
        )

    def chat_stream(self, tokenizer: Any, image_file: Any, **options: Any) -> Iterator[str]:
        """Read a picture and yield the text as it comes.

        Args:
            tokenizer: The checkpoint's tokenizer, or its processor.
            image_file: One picture, as in :meth:`chat`.
            **options: Options of :meth:`read`.

        Yields:
            Pieces of the text; joined they are the answer, before stripping. Leaving the loop early stops the model.

        Raises:
            ValueError: As :meth:`chat`.
        """
        pieces: queue.Queue[str | BaseException | None] = queue.Queue()
        abandoned = threading.Event()

        def work() -> None:
            try:
                self._chat(tokenizer, image_file, on_text=pieces.put, stop_event=abandoned, **options)
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

    def _chat(
        self,
        tokenizer: Any,
        image_file: Any,
        *,
        render_to: str | None = None,
        print_prompt: bool = False,
        stream: bool = False,
        return_dict: bool = False,
        on_error: str = "raise",
        on_text: Callable[[str], None] | None = None,
        multi_page: bool = False,
        **options: Any,
    ) -> Any:
        if on_error not in ("raise", "return"):
            raise ValueError(f"on_error must be 'raise' or 'return', got {on_error!r}.")
        processor = self.processor_for(tokenizer)
        several, pages = _load_pages(image_file, "raise" if multi_page else on_error)
        if stream and on_text is None:
            on_text = _print_piece
        images = [page for page in pages if isinstance(page, Image.Image)]
        if print_prompt and images:
            print(self._prompt(processor, images, multi_page=multi_page, **options))
        read = iter(
            self.read(processor, [images] if multi_page else images, multi_page=multi_page, on_text=on_text, **options)
        )
        if multi_page:
            answers = list(read)
        else:
            answers = [
                next(read) if isinstance(page, Image.Image) else GotOcrAnswer("", "error", error=str(page))
                for page in pages
            ]
        if stream:
            print(flush=True)
        if render_to is not None:
            _render(answers, pages, render_to)
        results = [asdict(answer) if return_dict else answer.text for answer in answers]
        return results if several and not multi_page else results[0]

    def processor_for(self, tokenizer: Any) -> GotOcrProcessor:
        """Make the processor that fits this model around a tokenizer.

        Args:
            tokenizer: The checkpoint's tokenizer, or a processor, which is returned as it is.

        Returns:
            The processor.
        """
        if hasattr(tokenizer, "image_processor"):
            return tokenizer
        image_processor = GotOcrImageProcessor(size=self.config.vision_config.image_size)
        return GotOcrProcessor(image_processor, tokenizer, image_token_len=self.config.image_token_len)

    def read(
        self,
        processor: GotOcrProcessor,
        images: Any,
        *,
        ocr_type: str = "ocr",
        box: Any = None,
        color: str | Sequence[str] = "",
        crop: bool = False,
        multi_page: bool = False,
        slice_pages: bool | None = None,
        max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS,
        batch_size: int = 4,
        max_tiles: int | None = None,
        on_text: Callable[[str], None] | None = None,
        on_answer: Callable[[int, GotOcrAnswer], None] | None = None,
        stop_event: threading.Event | None = None,
    ) -> list[GotOcrAnswer]:
        """Read pictures in batches, greedily, as the model was published.

        Args:
            processor: The checkpoint's processor.
            images: Upright RGB pictures; with `multi_page` one document (a list of pages) or a list of documents.
            ocr_type: `ocr` or `format`.
            box: One box for all pictures, in pixels (a string, or a sequence of 2 or 4 numbers), or one for each.
            color: One frame colour for all pictures, or one for each; empty: none.
            crop: Read each picture in tiles.
            multi_page: Read each document's pages together.
            slice_pages: Cut pages between lines and read the slices; None: if the checkpoint is made for it.
            max_new_tokens: Longest answer, in tokens; less where the decoder has not so many positions left.
            batch_size: Pictures (documents) of full size read at once.
            max_tiles: Most tiles of a picture with `crop`; None: the processor's.
            on_text: Called with text as it comes. Whole pictures are then read one by one.
            on_answer: Called with each picture's index and answer as soon as its batch is done.
            stop_event: Set it from another thread to end generation soon; answers then end where they were.

        Returns:
            One answer a picture, or a document with `multi_page`, in order.

        Raises:
            ValueError: If an argument is not allowed; the message says what is.
        """
        if batch_size < 1 or max_new_tokens < 1:
            raise ValueError(
                f"batch_size and max_new_tokens must be at least 1, got {batch_size} and {max_new_tokens}."
            )
        if not multi_page and isinstance(images, (list, tuple)) and not images:
            return []
        documents = as_documents(images, multi_page)
        parse_ocr_type(ocr_type)
        boxes, colors = parse_regions(len(documents), box, color, crop=crop, multi_page=multi_page)
        sliced = bool(self.config.slicing) if slice_pages is None else slice_pages
        generation = Generation(max_new_tokens=max_new_tokens, on_text=on_text, stop_event=stop_event)
        answers: list[GotOcrAnswer] = []

        def deliver(answer: GotOcrAnswer) -> None:
            if on_answer is not None:
                on_answer(len(answers), answer)
            answers.append(answer)

        if sliced:
            for document, one_box, one_color in zip(documents, boxes, colors, strict=True):
                regions = [find_region(page, one_box, one_color) for page in document]
                deliver(self._read_slices(processor, document, regions, ocr_type, batch_size, generation))
            return answers
        # Kept for checkpoint compatibility: published without n-gram blocking in the modes of several images.
        if not (crop or multi_page or self.config.slicing):
            generation = replace(generation, ngram_size=SINGLE_IMAGE_NGRAM_SIZE)
        step = batch_size if on_text is None else 1
        for start in range(0, len(documents), step):
            part = slice(start, start + step)
            inputs = processor(
                documents[part] if multi_page else [document[0] for document in documents[part]],
                ocr_type=ocr_type,
                box=boxes[part],
                color=colors[part],
                crop=crop,
                multi_page=multi_page,
                max_tiles=max_tiles,
                return_tensors="pt",
            )
            for answer in self._generate_answers(processor, inputs, generation):
                deliver(answer)
        return answers

    def _prompt(self, processor: GotOcrProcessor, images: list[Image.Image], **options: Any) -> str:
        """The prompt of the first picture, with a run of ``<imgpad>`` as it is."""
        names = ("ocr_type", "box", "color", "crop", "multi_page", "max_tiles")
        chosen = {name: options[name] for name in names if name in options}
        inputs = processor([images] if options.get("multi_page") else images[:1], **chosen)
        return processor.tokenizer.decode(inputs["input_ids"][0])


def _load_pages(image_file: Any, on_error: str) -> tuple[bool, list[Image.Image | PageError]]:
    """Load what `chat` was given. Returns whether that may name several pages, and the pages or their errors."""
    several = isinstance(image_file, (list, tuple))
    pages: list[Image.Image | PageError] = []
    for source in image_file if several else [image_file]:
        try:
            pages += [page.image for page in iter_pages(source)]
        except PageError as error:
            if on_error == "raise":
                raise
            logger.warning("%s", error)
            pages.append(error)
    if not pages:
        raise ValueError("image_file is an empty list: give at least one picture.")
    return several or len(pages) > 1, pages


def _print_piece(piece: str) -> None:
    print(piece, end="", flush=True)


def _render_target(render: bool, save_render_file: str | None) -> str | None:
    if not render:
        return None
    if not save_render_file:
        raise ValueError("render=True needs save_render_file, e.g. save_render_file='page.html'.")
    return save_render_file


def _render(answers: list[GotOcrAnswer], pages: list[Image.Image | PageError], path: str) -> None:
    """Write answers with the rendering room, which only the installed package has; several with their pictures."""
    try:
        rendering = importlib.import_module("got_ocr.rendering")
    except ImportError as error:
        raise ValueError("render=True needs the rendering room: pip install 'got-ocr[render]'.") from error
    if len(answers) == 1:
        rendering.render(answers[0].text).save(path)
        return
    pictures = [page if isinstance(page, Image.Image) else None for page in pages]
    read = [(picture, answer.text) for picture, answer in zip(pictures, answers, strict=True)]
    rendering.render_pages(read).save(path)
