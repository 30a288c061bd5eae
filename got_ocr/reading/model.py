"""The model as people use it: the network, and the published calls that read pages with it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ..modeling.language_model import GotOcrLanguageModel
from ..modeling.network import GotOcrModel, GotOcrPreTrainedModel
from ..processing.adapting import adapt_processor
from ..processing.mode import Mode
from ..processing.processor import GotOcrProcessor
from .answer import GotOcrAnswer
from .chat import ChatOptions, answer_chat
from .options import DEFAULT_BATCH_SIZE, DEFAULT_MAX_NEW_TOKENS, CallOptions, ReadingOptions
from .reader import Reader
from .reading_call import read_pictures

# Loaders ask this module for all models: `auto_map` names its flat file.
__all__ = ["GotOcrForConditionalGeneration", "GotOcrModel", "GotOcrPreTrainedModel"]


class GotOcrForConditionalGeneration(GotOcrLanguageModel):
    """The whole model: images and a prompt in, text out; pages in, text out by `chat` and its siblings.

    Args:
        config: The model's configuration.
    """

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
        instruction: str | None = None,
        max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS,
        batch_size: int = DEFAULT_BATCH_SIZE,
        on_error: str = "raise",
        return_dict: bool = False,
        **options: Any,
    ) -> Any:
        """Read a picture, or several: the published call, with the keyword-only arguments added.

        Args:
            tokenizer: The checkpoint's tokenizer, or its processor.
            image_file: Path, http(s) URL, bytes, PIL picture or array; or a list of them, a folder, a PDF (needs
                pypdfium2) or a TIFF of several frames, whose pages are read as batches.
            ocr_type: `ocr` for plain text, `format` for Mathpix Markdown.
            ocr_box: Read only this box, in pixels: `"[x1,y1,x2,y2]"` or a sequence of 4 numbers, or of 2 for a point.
            ocr_color: Read only what a frame of this colour encloses: `red`, `green` or `blue`.
            render: Write the answer to `save_render_file` as a page for people (needs the extra `render`).
            save_render_file: Where to, e.g. `page.html`; the suffix chooses the format. Several pages become one file,
                in HTML with each picture beside its text.
            print_prompt: Print the prompt.
            gradio_input: Kept for the published signature; PIL pictures are recognised anyway.
            stream_flag: Print the text as it comes.
            multi_page: Read all pages as one document with one answer, instead of one by one.
            slice_pages: Cut pages between lines and read the slices; None: if the checkpoint is made for it.
            instruction: Your own words in the place of the published ones, for a checkpoint trained on others.
            max_new_tokens: Longest answer, in tokens.
            batch_size: Pictures of full size encoded at once.
            on_error: What a bad picture among several does: `raise` an error, or `return` an empty text in its place
                (with `return_dict=True` the reason stands beside it).
            return_dict: Return :class:`GotOcrAnswer` fields as a dictionary instead of the text alone.
            **options: How pages are found and loaded, by the names of :class:`SourceOptions` (`dpi`, `pages`,
                `password`, `max_pixels`, `timeout_s` ...); options of transformers' generation (`num_beams`,
                `temperature`, `repetition_penalty`, `generation_config` ...); and the other names of what is above.

        Returns:
            The text; a list of texts where `image_file` can hold several pages (a list, a folder, a PDF, a TIFF),
            however many there are. Dictionaries with `return_dict=True`.

        Raises:
            ValueError: If a picture cannot be read, or an argument is not allowed; the message says what is.
        """
        chat = ChatOptions.from_call(locals())
        call = CallOptions.sort({**options, "max_new_tokens": max_new_tokens, "batch_size": batch_size})
        mode = Mode.from_options(
            ocr_type=ocr_type,
            ocr_box=ocr_box,
            ocr_color=ocr_color,
            multi_page=multi_page,
            slice_pages=slice_pages,
            instruction=instruction,
            **call.mode,
        )
        reading = replace(call.reading, line_boxes=call.reading.line_boxes and return_dict)
        return answer_chat(self._reader(tokenizer, reading), image_file, mode, chat)

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
        instruction: str | None = None,
        max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS,
        batch_size: int = DEFAULT_BATCH_SIZE,
        on_error: str = "raise",
        return_dict: bool = False,
        **options: Any,
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
            instruction: As in :meth:`chat`.
            max_new_tokens: Longest answer, in tokens.
            batch_size: Pages read at once.
            on_error: As in :meth:`chat`.
            return_dict: As in :meth:`chat`.
            **options: As in :meth:`chat`.

        Returns:
            As :meth:`chat`.

        Raises:
            ValueError: As :meth:`chat`.
        """
        chat = ChatOptions.from_call(locals())
        call = CallOptions.sort({**options, "max_new_tokens": max_new_tokens, "batch_size": batch_size})
        chosen = {"ocr_type": ocr_type, "crop": True, "max_tiles": max_tiles, "instruction": instruction}
        mode = Mode.from_options(**chosen, **call.mode)
        reading = replace(call.reading, line_boxes=call.reading.line_boxes and return_dict)
        return answer_chat(self._reader(tokenizer, reading), image_file, mode, chat)

    def chat_stream(self, tokenizer: Any, image_file: Any, **options: Any) -> Iterator[str]:
        """Read pages and yield the text as it comes.

        Args:
            tokenizer: The checkpoint's tokenizer, or its processor.
            image_file: As in :meth:`chat`.
            **options: Options of :meth:`chat` or :meth:`read`, in either spelling: `ocr_type`, `ocr_box`,
                `max_new_tokens`, `on_error` ...

        Yields:
            Pieces of the text; joined they are the answer, before stripping. Between two pages comes a form feed.
            Leaving the loop early stops the model.

        Raises:
            TypeError: If there is no option of a name.
            ValueError: As :meth:`chat`.
        """
        on_error = options.pop("on_error", "raise")
        call = CallOptions.sort(options)
        reader = self._reader(tokenizer, replace(call.reading, line_boxes=False))
        return reader.stream(image_file, Mode.from_options(**call.mode), on_error=on_error)

    def read(
        self, processor: Any, images: Any, *, mode: Mode | Sequence[Mode] | None = None, **options: Any
    ) -> list[GotOcrAnswer]:
        """Read pictures in batches; see :meth:`Reader.read`.

        Args:
            processor: The checkpoint's processor, or its tokenizer.
            images: Upright RGB pictures; with `multi_page` one document (a list of pages) or a list of documents.
            mode: What to read: one for all pictures, or a list with one for each.
            **options: Instead of `mode` its fields in either spelling (`ocr_type`, `box` or `ocr_box`, `color`,
                `crop`, `max_tiles`, `multi_page`, `slice_pages`, `instruction`; `box` and `color` may be lists with
                one for each picture); `max_new_tokens`, `batch_size`, options of transformers' generation and of
                :class:`SourceOptions`; and what to call while it goes on: `on_text`, `on_answer` and `stop_event` of
                :class:`ReadingHooks`.

        Returns:
            One answer a picture, or a document with `multi_page`, in order.

        Raises:
            TypeError: If there is no option of a name.
            ValueError: If an argument is not allowed; the message says what is.
        """
        return read_pictures(partial(self._reader, processor), images, mode, options)

    def processor_for(self, tokenizer: Any) -> GotOcrProcessor:
        """Make the processor that fits this model; see :func:`adapt_processor`.

        Args:
            tokenizer: The checkpoint's tokenizer, or a processor of any public GOT layout.

        Returns:
            The processor; ours is returned as it is.

        Raises:
            TypeError: If it is neither processor nor tokenizer.
            ValueError: If it belongs to another checkpoint.
        """
        return adapt_processor(tokenizer, self.config)

    def _reader(self, tokenizer: Any, options: ReadingOptions) -> Reader:
        return Reader(self, self.processor_for(tokenizer), options)
