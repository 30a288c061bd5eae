"""`pipeline("image-to-text")` and `pipeline("image-text-to-text")`: transformers' call around a reader."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import islice
from typing import Any

from PIL import Image
from transformers import Pipeline

from ..processing.documents import TIFF_MAGICS
from ..processing.mode import FIELDS, OPTION_NAMES, Mode, name_options, spread_modes
from ..processing.options import PageError, SourceOptions
from ..processing.pages import iter_pages
from ..processing.pictures import load_image
from ..processing.prompt import mode_of
from ..processing.sources import is_pdf
from .answer import GotOcrAnswer
from .chat import DOCUMENT_SUFFIXES
from .conversations import Question, is_conversation, take_question
from .options import DEFAULT_BATCH_SIZE, SOURCE_NAMES, CallOptions, generation_names
from .options import OPTION_NAMES as READING_NAMES
from .reader import Reader

READ_OPTIONS = (*FIELDS, *READING_NAMES)
RETURN_OPTIONS = ("return_dict", "return_full_text")
# Names that a dictionary of a picture and its text may have, as data sets and transformers' own calls do.
PICTURE_KEYS, TEXT_KEYS = ("images", "image"), ("text", "texts", "prompt")


class GotOcrPipeline(Pipeline):
    """Read pictures: `pipe("page.png")`, `pipe(["a.png", "b.png"], batch_size=2)`, `pipe(pages, multi_page=True)`.

    Options may be given when the pipeline is made, or with a call: those of a :class:`Mode` in either spelling,
    `max_new_tokens`, `batch_size`, those of :class:`SourceOptions`, those of transformers' generation, `return_dict`,
    which adds finish reason, token count and token probabilities to each answer, and `return_full_text=False`, which
    gives the answer to messages without them.
    """

    _load_processor = True
    _load_tokenizer = False
    _load_image_processor = False
    _load_feature_extractor = False
    _load_video_processor = False
    _pipeline_calls_generate = False  # the reader sets all options of generation itself

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = getattr(self, "processor", None)
        self.processor: Any = self.model.processor_for(self.tokenizer if given is None else given)

    def __call__(self, images: Any = None, text: Any = None, **options: Any) -> Any:
        """Read.

        Args:
            images: A picture (path, http(s) URL, bytes, PIL picture, array), or a list of them; a PDF, a folder or a
                TIFF, which gives a list with a result for each page. With `multi_page` the
                list is one document, and a list of lists several. A generator or data set is read batch by batch.
                Also `{"images": ..., "text": ...}`, and messages.
            text: Your own instruction, one for all or one for each picture; or messages with pictures, as transformers
                writes them, or a list of such conversations.
            **options: See the class.

        Returns:
            `[{"generated_text": ...}]` for one picture or document, a list of those for several, and an iterator of
            them for a generator or data set. For messages `generated_text` are the messages with the answer behind.

        Raises:
            ValueError: If a picture can't be read or an option is not allowed.
        """
        images = options.pop("inputs", images)
        if images is None and text is None:
            raise ValueError("Give a picture or a list of pictures: pipe('page.png').")
        _, options, _ = self._sanitize_parameters(**options)
        options = {**self._forward_params, **options}
        if self._batch_size is not None:
            options.setdefault("batch_size", self._batch_size)
        if text is None and _holds_messages(images):
            images, text = None, images
        if _holds_messages(text):
            return self._answer_messages(text, images, options)
        if images is None:
            raise ValueError("text came without a picture: pipe(picture, text), or messages that hold one.")
        if isinstance(images, Mapping):
            return self._read_mappings([images], text, options)[0]
        if isinstance(images, (list, tuple)) and images and all(isinstance(item, Mapping) for item in images):
            return self._read_mappings(list(images), text, options)
        multi_page = options.get("multi_page", False)
        if _names_a_document(images):
            read = self._read_document(images, text, options)
            return read[0] if multi_page else read
        if not isinstance(images, (list, tuple)):
            if _is_many(images):
                return self._read_stream(images, text, options)
            return self._read([[images] if multi_page else images], text, options)[0]
        if multi_page and not any(isinstance(page, (list, tuple)) for page in images):
            return self._read([list(images)], text, options)[0]
        return self._read(list(images), text, options)

    def _read_document(self, source: Any, text: Any, options: dict[str, Any]) -> Any:
        """Read a PDF, a folder or a TIFF: a list with a result for each page, or one for all with `multi_page`."""
        return self._read([[source]] if options.get("multi_page") else [source], text, options)

    def _read_stream(self, images: Any, text: Any, options: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
        remaining = iter(_items_of(images))
        while batch := list(islice(remaining, options.get("batch_size") or DEFAULT_BATCH_SIZE)):
            if isinstance(batch[0], Mapping):
                yield from self._read_mappings(batch, text, options)
            else:
                yield from self._read(batch, text, options)

    def _read_mappings(self, items: list[Any], text: Any, options: dict[str, Any]) -> list[list[dict[str, Any]]]:
        """Read dictionaries of pictures and texts."""
        results = []
        for item in items:
            picture = next((item[name] for name in PICTURE_KEYS if item.get(name) is not None), None)
            words = next((item[name] for name in TEXT_KEYS if item.get(name) is not None), text)
            if picture is None:
                raise ValueError(
                    f"a dictionary must name its picture 'images' or 'image', got {', '.join(map(str, item))}."
                )
            result = self(picture, words, **options)
            # One picture in a list is one picture all the same, as in transformers' own pipeline.
            is_one = isinstance(picture, (list, tuple)) and len(picture) == 1 and not options.get("multi_page")
            results.append(result[0] if is_one else result)
        return results

    def _answer_messages(self, text: Any, images: Any, options: dict[str, Any]) -> Any:
        """Answer conversations."""
        conversations = [text] if is_conversation(text) else list(text)
        pictures = iter(images if isinstance(images, (list, tuple)) else [] if images is None else [images])
        results = []
        for messages in conversations:
            question = take_question(messages, pictures)
            (result,) = self.postprocess([self._answer(question, options)], options.get("return_dict", False))
            if options.get("return_full_text", True):
                answer = {"role": "assistant", "content": result[0]["generated_text"]}
                result[0] |= {"input_text": list(messages), "generated_text": [*messages, answer]}
            results.append(result)
        return results[0] if is_conversation(text) else results

    def _answer(self, question: Question, options: dict[str, Any]) -> GotOcrAnswer:
        reader, named = self._reader(options)
        if not question.is_single:
            with self.device_placement():
                return reader.reply(question.messages)
        mode = question.mode(Mode(**named))
        (loaded,) = self.preprocess([question.pictures], reader.options.source)
        with self.device_placement():
            return reader.read([loaded] if mode.multi_page else loaded, mode)[0]

    def _reader(self, options: dict[str, Any]) -> tuple[Reader, dict[str, Any]]:
        """Make the reader of a call. Returns: it, and the options of the mode."""
        call = CallOptions.sort({name: value for name, value in options.items() if name not in RETURN_OPTIONS})
        reading = replace(call.reading, line_boxes=call.reading.line_boxes and bool(options.get("return_dict")))
        return Reader(self.model, self.processor, reading), dict(call.mode)

    def _read(self, images: list[Any], text: Any, options: dict[str, Any]) -> list[list[dict[str, Any]]]:
        source = self._reader(options)[0].options.source
        texts = None if text is None else [text] * len(images) if isinstance(text, str) else list(text)
        if texts is not None and (len(texts) != len(images) or not all(isinstance(one, str) for one in texts)):
            raise ValueError(f"text must be one instruction, or one for each of the {len(images)} pictures.")
        if not any(map(_holds_a_document, images)):
            return self._read_some(self.preprocess(images, source), texts, options)
        # Some at a time: the pages of a book are never in memory together.
        pages = _take_apart(images, texts, source)
        results = []
        while batch := list(islice(pages, options.get("batch_size") or DEFAULT_BATCH_SIZE)):
            words = None if texts is None else [word for _, word in batch]
            results += self._read_some([page for page, _ in batch], words, options)
        return results

    def _read_some(
        self, pages: list[Any], texts: list[str] | None, options: dict[str, Any]
    ) -> list[list[dict[str, Any]]]:
        return self.postprocess(self._forward(pages, text=texts, **options), options.get("return_dict", False))

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Sort a call's options. Returns: options of `preprocess`, `_forward` and `postprocess`."""
        # image-to-text has them in a dictionary.
        options |= options.pop("generate_kwargs", None) or {}
        others = {*READING_NAMES, *RETURN_OPTIONS, *generation_names(), *SOURCE_NAMES}
        unknown = sorted(options.keys() - {*OPTION_NAMES, *others, "num_workers"})
        if unknown:
            allowed = ", ".join((*READ_OPTIONS, *RETURN_OPTIONS))
            raise ValueError(
                f"Unknown pipeline options {', '.join(unknown)}: allowed are {allowed}, those of generation, and "
                f"{', '.join(SOURCE_NAMES)}."
            )
        mode = name_options({name: value for name, value in options.items() if name in OPTION_NAMES})
        return {}, {**mode, **{name: options[name] for name in others if options.get(name) is not None}}, {}

    def preprocess(self, images: list[Any], source: SourceOptions | None = None) -> list[Any]:
        """Load pictures; a list among them is a document."""
        return [
            [load_image(page, source) for page in image]
            if isinstance(image, (list, tuple))
            else load_image(image, source)
            for image in images
        ]

    def _forward(self, images: list[Any], text: list[str] | None = None, **options: Any) -> list[GotOcrAnswer]:
        reader, named = self._reader(options)
        modes = spread_modes(len(images), **named)
        if text is not None:
            modes = [_ask(mode, words) for mode, words in zip(modes, text, strict=True)]
        with self.device_placement():
            return reader.read(images, modes)

    def postprocess(self, answers: list[GotOcrAnswer], return_dict: bool = False) -> list[list[dict[str, Any]]]:
        """Put answers into transformers' form; one that is not whole is an error, unless its fields are wanted."""
        results = []
        for answer in answers:
            if answer.error is not None and not return_dict:
                raise PageError(answer.error, answer.limit)
            result: dict[str, Any] = {"generated_text": answer.text}
            if return_dict:
                result |= {name: value for name, value in asdict(answer).items() if name != "text"}
            results.append([result])
        return results


def _ask(mode: Mode, text: str) -> Mode:
    """Choose the mode of a text: the published one, with the options' region and slices, or the text itself."""
    published = mode_of(text)
    changed: dict[str, Any] = {"instruction": text}
    if published is not None and not mode.has_region and published.multi_page == mode.multi_page:
        names = ("ocr_type", "color", "crop") if not mode.crop else ("ocr_type",)
        changed = {name: getattr(published, name) for name in names}
    elif published is not None and not published.has_region and not (published.crop or published.multi_page):
        changed = {"ocr_type": published.ocr_type}
    return Mode(**{**{name: getattr(mode, name) for name in FIELDS}, **changed})


def _take_apart(images: list[Any], texts: list[str] | None, source: SourceOptions) -> Iterator[tuple[Any, str]]:
    """Yield the pages of pictures and documents, each loaded, with its text; a list among them stays one document."""
    for place, image in enumerate(images):
        text = "" if texts is None else texts[place]
        if isinstance(image, (list, tuple)):
            yield [page.image for page in iter_pages(image, source)], text
        else:
            yield from ((page.image, text) for page in iter_pages(image, source))


def _holds_a_document(value: Any) -> bool:
    return any(map(_names_a_document, value)) if isinstance(value, (list, tuple)) else _names_a_document(value)


def _names_a_document(value: Any) -> bool:
    """Whether this names a folder, a PDF or a TIFF, or is the bytes of one."""
    if isinstance(value, (bytes, bytearray)):
        return is_pdf(bytes(value[:1024]), "") or bytes(value[:4]) in TIFF_MAGICS
    if not isinstance(value, (str, os.PathLike)):
        return False
    name = os.fspath(value)
    return str(name).partition("?")[0].lower().endswith(DOCUMENT_SUFFIXES) or os.path.isdir(name)


def _holds_messages(value: Any) -> bool:
    """Whether this is a conversation or a list of them."""
    return is_conversation(value) or (
        isinstance(value, (list, tuple)) and bool(value) and all(is_conversation(item) for item in value)
    )


def _is_many(images: Any) -> bool:
    """Whether this is a generator or a data set, not a picture."""
    is_data_set = hasattr(images, "__len__") and hasattr(images, "__getitem__")
    return (
        (hasattr(images, "__iter__") or is_data_set)
        and not isinstance(images, (str, bytes, bytearray, Image.Image))
        and not hasattr(images, "__array__")
        and not hasattr(images, "read")
    )


def _items_of(images: Any) -> Iterable[Any]:
    """Items of a data set, also of one that only counts them."""
    return images if hasattr(images, "__iter__") else (images[index] for index in range(len(images)))
