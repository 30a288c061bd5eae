"""`chat`, `chat_crop` and their batched siblings: from pictures to text in one call.

Everything that reads (command line, pipelines, evaluation, serving) goes through :meth:`GotOcrChatMixin.read`; `chat`
and `chat_crop` are the published call shapes on top of it.

A checkpoint whose configuration has `slicing` reads a few lines of one size at a time. For such a checkpoint a page is
cut into slices, which are read as a batch and joined (see slicing_got_ocr.py); a box or a coloured frame is cut out of
the page first, and pages of a document are read one after the other.
"""

import importlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers.cache_utils import Cache
from transformers.generation import LogitsProcessorList, StoppingCriteriaList

from .answer_got_ocr import GotOcrAnswer, GotOcrLine, cut_loop, join_answers, join_line, lines_of_tokens
from .configuration_got_ocr import GotOcrConfig
from .generation_got_ocr import FewRowsLeft, RepetitionStop, TokenProbabilityRecorder, make_cache
from .image_processing_got_ocr import GotOcrImageProcessor
from .orientation_got_ocr import certainty, is_better_turned, turns_to_try
from .pages_got_ocr import PageError, iter_pages
from .processing_got_ocr import GotOcrProcessor, as_documents, parse_regions
from .prompt_got_ocr import parse_ocr_type
from .region_got_ocr import find_region
from .slicing_got_ocr import SlicedPage, SlicingOptions, join_pieces, join_slices, slice_page, spread_slices
from .streaming_got_ocr import CallbackStreamer, PageStream, StopEvent
from .structure_got_ocr import join_formatted

logger = logging.getLogger(__name__)

DEFAULT_MAX_NEW_TOKENS = 4096  # as published
SINGLE_IMAGE_NGRAM_SIZE = 20  # as published: in single-image modes only
MAX_SLICES_PER_BATCH = 64
# Below this mean probability of its tokens a page that was read in slices is taken to have no text: pictures of other
# things came out at 0.2 to 0.65 and a few above, hard-worn pages at 0.8 and more.
NO_TEXT_PROBABILITY = 0.65
NO_TEXT_IN_REGION = 0.5  # The same of a box or a frame, which people draw around text, if through letters at times.
ROWS_LEFT_SHARE = 0.5  # Once no more of a batch than this is unfinished, the rest goes on as a smaller batch.
FIRST_SLICES = 8  # A streamed page's first text should come soon, and so many tell whether a page stands upright.
# Longest answer for a slice, in tokens (characters) an image token: a slice cannot hold more text than that.
SLICE_TOKENS_PER_IMAGE_TOKEN = 4


class GotOcrChatMixin:
    """Reading for :class:`GotOcrForConditionalGeneration`, which brings the attributes below."""

    config: GotOcrConfig
    device: torch.device
    generate: Callable[..., Any]
    model: Any

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
        generation = _Generation(max_new_tokens=max_new_tokens, on_text=on_text, stop_event=stop_event)
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

    def _read_slices(
        self,
        processor: GotOcrProcessor,
        pages: list[Image.Image],
        regions: list[tuple[int, int, int, int]],
        ocr_type: str,
        batch_size: int,
        generation: "_Generation",
    ) -> GotOcrAnswer:
        """Read the regions of one document's pages slice by slice and join them.

        With `ocr_type` `format` headings, paragraphs, lists and tables come from the page's layout, if the checkpoint
        is made for slices; one that is not formats each slice by itself, and its answers are joined as plain text's.
        """
        formatted = ocr_type == "format" and bool(self.config.slicing)
        join, page_break = (join_formatted, "\n\n") if formatted else (join_slices, "\n")
        # A checkpoint that was not made for slices reads as many lines at once as fit.
        options = SlicingOptions.from_dict(self.config.slicing or {"rows": 0})
        if self.config.slicing:
            limit = min(generation.max_new_tokens, self.config.image_token_len * SLICE_TOKENS_PER_IMAGE_TOKEN)
            generation = replace(generation, max_new_tokens=limit)
        canvas_size = self.config.vision_config.image_size
        step = min(MAX_SLICES_PER_BATCH, batch_size * max(1, 1024 // canvas_size) ** 2)
        texts: list[str] = []
        parts: list[GotOcrAnswer] = []
        lines: list[GotOcrLine] = []
        rotations: list[int] = []

        def read_some(slices: list[Image.Image]) -> list[GotOcrAnswer]:
            read: dict[int, GotOcrAnswer] = {}
            for places in _places_by_height(slices):
                some = [slices[place] for place in places]
                inputs = processor(some, ocr_type=ocr_type, low_canvases=True, return_tensors="pt")
                answers = self._generate_answers(processor, inputs, replace(generation, on_text=None))
                read.update(zip(places, answers, strict=True))
            return [answer for _, answer in sorted(read.items())]

        for page, region in zip(pages, regions, strict=True):
            cut = partial(slice_page, page.crop(region), options, canvas_size, formatted=formatted)
            sliced, read = _read_upright(cut, read_some, step if generation.on_text is None else FIRST_SLICES)
            rotations.append(sliced.rotation)
            stream = PageStream(sliced, generation.on_text, first=not texts, formatted=formatted)
            least = NO_TEXT_PROBABILITY if region == (0, 0, *page.size) else NO_TEXT_IN_REGION
            while True:
                is_text = bool(stream.given) or _is_text(read, least)
                if is_text:
                    stream.put([answer.text for answer in read])
                if len(read) == len(sliced.slices):
                    break
                read += read_some(sliced.slices[len(read) : len(read) + step])
            parts += read
            if not sliced.slices or not is_text:
                texts.append("")
                continue
            texts.append(join(sliced, [answer.text for answer in read]))
            lines += _page_lines(sliced, read, region[:2])
        return join_answers(page_break.join(texts).strip(), parts, lines, rotations)

    def _generate_answers(
        self, processor: GotOcrProcessor, inputs: Any, generation: "_Generation"
    ) -> list[GotOcrAnswer]:
        """Generate for one prepared batch and take each answer apart."""
        inputs = inputs.to(self.device)
        prompt_length = inputs["input_ids"].shape[1]
        room = self.config.max_position_embeddings - prompt_length
        if room < 1:
            raise ValueError(
                f"The prompt has {prompt_length} tokens, but the decoder has {self.config.max_position_embeddings} "
                f"positions: read at most {self.config.max_position_embeddings // self.config.image_token_len - 1} "
                "pages or tiles at once."
            )
        repetition = RepetitionStop(prompt_length)
        limit = min(generation.max_new_tokens, room)
        rows, log_probabilities = self._generate_rows(
            processor, inputs, replace(generation, max_new_tokens=limit), repetition
        )
        stop_ids = set(self.config.stop_token_ids)
        answers = []
        for tokens, row_log_probabilities in zip(rows, log_probabilities, strict=True):
            end = next((index for index, token in enumerate(tokens) if token in stop_ids), None)
            content, finish_reason = tokens[:end], "stop"
            num_tokens = len(tokens) if end is None else end + 1
            if end is None:
                # A row that stopped early is padded with the pad token, which is a stop id: so this one was cut.
                finish_reason = "length"
            period = repetition.find_period(content)
            if period is not None:
                finish_reason, num_tokens = "repetition", len(content)
                content = cut_loop(content, period)
            probabilities = row_log_probabilities[:num_tokens]
            decode = partial(processor.tokenizer.decode, skip_special_tokens=True)
            answers.append(
                GotOcrAnswer(
                    text=decode(content).strip(),
                    finish_reason=finish_reason,
                    num_tokens=num_tokens,
                    mean_probability=probabilities.mean().exp().item(),
                    min_probability=probabilities.min().exp().item(),
                    lines=lines_of_tokens(content, probabilities.tolist(), decode),
                )
            )
        return answers

    def _generate_rows(
        self, processor: GotOcrProcessor, inputs: Any, generation: "_Generation", repetition: RepetitionStop
    ) -> tuple[list[list[int]], list[Tensor]]:
        """Generate for one batch, going on with the rows that are left when most have ended.

        Returns:
            Each row's new tokens, filled up with the pad token or not, and their log probabilities, on the CPU.
        """
        streamer = None
        if generation.on_text is not None:
            streamer = CallbackStreamer(processor.tokenizer, generation.on_text)
        stop_ids = torch.tensor(self.config.stop_token_ids, device=self.device)
        cache = self._prompt_cache(inputs["input_ids"], inputs["attention_mask"])
        left = torch.arange(len(inputs["input_ids"]))
        tokens: list[list[int]] = [[] for _ in left]
        log_probabilities: list[Tensor] = [torch.zeros(0) for _ in left]
        while len(left):
            few = 0 if _in_company() else int(len(left) * ROWS_LEFT_SHARE)
            recorder = TokenProbabilityRecorder()
            criteria = StoppingCriteriaList([repetition])
            if few:
                criteria.append(FewRowsLeft(stop_ids, few))
            if generation.stop_event is not None:
                criteria.append(StopEvent(generation.stop_event))
            length = inputs["input_ids"].shape[1]
            sequences = self.generate(
                **inputs,
                cache=cache,
                use_cache=True,
                do_sample=False,
                num_beams=1,
                max_new_tokens=generation.max_new_tokens - (length - repetition.prompt_length),
                no_repeat_ngram_size=generation.ngram_size,
                logits_processor=LogitsProcessorList([recorder]),
                stopping_criteria=criteria,
                streamer=streamer,
            )
            new = sequences[:, length:]
            recorded = torch.stack(recorder.log_probabilities, dim=1).cpu()
            for place, row in enumerate(left.tolist()):
                tokens[row] += new[place].tolist()
                log_probabilities[row] = torch.cat([log_probabilities[row], recorded[place, : new.shape[1]]])
            stopped = torch.isin(sequences[:, -1], stop_ids) | repetition(sequences, new)
            unfinished = (~stopped).nonzero().flatten()
            is_cut = sequences.shape[1] - repetition.prompt_length >= generation.max_new_tokens
            if (
                is_cut
                or len(unfinished) > few
                or (generation.stop_event is not None and generation.stop_event.is_set())
            ):
                break
            left = left[unfinished.cpu()]
            cache.batch_select_indices(unfinished)
            mask = inputs["attention_mask"][unfinished]
            inputs = {
                "input_ids": sequences[unfinished],
                "attention_mask": torch.nn.functional.pad(mask, (0, new.shape[1]), value=1),
            }
        return tokens, log_probabilities

    @torch.no_grad()
    def _prompt_cache(self, input_ids: Tensor, attention_mask: Tensor) -> Cache:
        """Make the cache for a batch, filled with what all rows have in common before their first image."""
        cache = make_cache(self.config.num_hidden_layers)
        is_common = (input_ids == input_ids[:1]) & (input_ids != self.config.im_patch_token) & (attention_mask == 1)
        length = int(is_common.all(dim=0).long().cumprod(dim=0).sum())
        if len(input_ids) > 1 and 0 < length < input_ids.shape[1] and not _in_company():
            self.model(input_ids=input_ids[:1, :length], cache=cache, use_cache=True)
            cache.batch_repeat_interleave(len(input_ids))
        return cache

    def _prompt(self, processor: GotOcrProcessor, images: list[Image.Image], **options: Any) -> str:
        """The prompt of the first picture, with a run of ``<imgpad>`` as it is."""
        names = ("ocr_type", "box", "color", "crop", "multi_page", "max_tiles")
        chosen = {name: options[name] for name in names if name in options}
        inputs = processor([images] if options.get("multi_page") else images[:1], **chosen)
        return processor.tokenizer.decode(inputs["input_ids"][0])


@dataclass(frozen=True)
class _Generation:
    """How to generate, as :meth:`GotOcrChatMixin.read` was told."""

    max_new_tokens: int
    on_text: Callable[[str], None] | None
    stop_event: threading.Event | None
    ngram_size: int = 0


def _read_upright(
    cut: Callable[..., SlicedPage], read: Callable[[list[Image.Image]], list[GotOcrAnswer]], count: int
) -> tuple[SlicedPage, list[GotOcrAnswer]]:
    """Cut a picture and read the first of its slices, turned where its text stands on its side or its head.

    Args:
        cut: Cuts the picture, turned by the degrees clockwise that it is given.
        read: Reads slices.
        count: Slices to read of a picture that stands upright.

    Returns:
        The cut picture, and the answers for its first slices.
    """
    page = cut()
    answers = read(page.slices[: min(count, FIRST_SLICES) if page.sideways else count])
    best = certainty(answers[:FIRST_SLICES])
    for rotation in turns_to_try(page.sideways, best):
        turned = cut(rotation=rotation)
        turned_answers = read(turned.slices[: min(count, FIRST_SLICES)])
        turned_certainty = certainty(turned_answers)
        if is_better_turned(best, turned_certainty):
            page, answers, best = turned, turned_answers, turned_certainty
    return page, answers


def _places_by_height(slices: list[Image.Image]) -> list[list[int]]:
    """Group slices that can be read as a batch. Returns the places of those of each height, from low to high."""
    heights = sorted({image.height for image in slices})
    return [[place for place, image in enumerate(slices) if image.height == height] for height in heights]


def _in_company() -> bool:
    """Whether other processes may hold parts of the model, so that all must call `generate` equally often."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _is_text(answers: list[GotOcrAnswer], least: float) -> bool:
    """Whether a page's slices were read with enough certainty to be text, not a photograph's texture or grain."""
    certainty = join_answers("", answers).mean_probability
    return certainty is None or certainty >= least


def _page_lines(page: SlicedPage, answers: list[GotOcrAnswer], origin: tuple[int, int]) -> list[GotOcrLine]:
    """The lines of a page that was read in slices, with the certainty of the slices' lines that they are made of.

    Args:
        page: The cut page.
        answers: One a slice.
        origin: Where its upper left corner lies in the picture, in px.

    Returns:
        The lines that have text, their boxes around what they cover in the picture as it came.
    """
    if page.natural:
        return [line for answer in answers for line in answer.lines]
    parts = spread_slices(page, [answer.text for answer in answers])
    found: list[list[GotOcrLine]] = [[] for _ in page.line_boxes]
    for number, answer in enumerate(answers):
        pieces = [index for index, piece in enumerate(page.pieces) if piece.slice_index == number]
        one_each = len(pieces) == len(answer.lines)
        for place, index in enumerate(pieces):
            if parts[index]:
                found[page.pieces[index].line] += [answer.lines[place]] if one_each else answer.lines
    texts = join_pieces(page, parts)
    lines = []
    for text, read, box in zip(texts, found, page.line_boxes, strict=True):
        if text and read:
            x, y = zip(*page.corners(box), strict=True)
            left, top = origin
            box = round(min(x) + left), round(min(y) + top), round(max(x) + left), round(max(y) + top)
            lines.append(join_line(text, read, box))
    return lines


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
