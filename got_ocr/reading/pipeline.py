"""`pipeline("image-to-text")` and `pipeline("image-text-to-text")`: transformers' call around `model.read`."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

from PIL import Image
from transformers import Pipeline

from ..processing.mode import FIELDS, OPTION_NAMES, Mode, name_options
from ..processing.pictures import load_image
from ..processing.prompt import instruction
from .answer import GotOcrAnswer
from .options import DEFAULT_BATCH_SIZE
from .options import OPTION_NAMES as READING_NAMES

READ_OPTIONS = (*FIELDS, *READING_NAMES)


class GotOcrPipeline(Pipeline):
    """Read pictures: `pipe("page.png")`, `pipe(["a.png", "b.png"], batch_size=2)`, `pipe(pages, multi_page=True)`.

    Options may be given when the pipeline is made, or with a call: `ocr_type`, `box`, `color`, `crop`, `multi_page`,
    `slice_pages`, `max_new_tokens`, `batch_size` and `max_tiles` as in :meth:`GotOcrForConditionalGeneration.read`,
    and `return_dict`, which adds finish reason, token count and token probabilities to each answer.
    """

    _load_processor = True
    _load_tokenizer = False
    _load_image_processor = False
    _load_feature_extractor = False
    _load_video_processor = False
    _pipeline_calls_generate = False  # read() sets all options of generation itself

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if getattr(self, "processor", None) is None:
            self.processor: Any = self.model.processor_for(self.tokenizer)

    def __call__(self, images: Any = None, *, text: Any = None, **options: Any) -> Any:
        """Read.

        Args:
            images: A picture (path, http(s) URL, bytes, PIL picture, array), or a list of them. With `multi_page` the
                list is one document, and a list of lists several. A generator or data set is read batch by batch.
            text: Your own instruction, the same as the option `instruction`; that of the mode that the options choose
                says nothing new.
            **options: See the class.

        Returns:
            `[{"generated_text": ...}]` for one picture or document, a list of those for several, and an iterator of
            them for a generator or data set.

        Raises:
            ValueError: If a picture can't be read or an option is not allowed.
        """
        images = options.pop("inputs", images)
        if images is None:
            raise ValueError("Give a picture or a list of pictures: pipe('page.png').")
        _, options, _ = self._sanitize_parameters(**options)
        options = {**self._forward_params, **options}
        if self._batch_size is not None:
            options.setdefault("batch_size", self._batch_size)
        if text is not None:
            options = {**options, "instruction": _own_instruction(text, options)}
        multi_page = options.get("multi_page", False)
        if not isinstance(images, (list, tuple)):
            if _is_many(images):
                return self._read_stream(images, options)
            return self._read([[images] if multi_page else images], options)[0]
        if multi_page and not any(isinstance(page, (list, tuple)) for page in images):
            return self._read([list(images)], options)[0]
        return self._read(list(images), options)

    def _read_stream(self, images: Iterable[Any], options: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
        remaining = iter(images)
        while batch := list(islice(remaining, options.get("batch_size") or DEFAULT_BATCH_SIZE)):
            yield from self._read(batch, options)

    def _read(self, images: list[Any], options: dict[str, Any]) -> list[list[dict[str, Any]]]:
        return self.postprocess(self._forward(self.preprocess(images), **options), **self._postprocess_of(options))

    def _postprocess_of(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"return_dict": options.get("return_dict", False)}

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Sort a call's options. Returns: options of `preprocess`, `_forward` and `postprocess`."""
        # image-to-text has them in a dictionary.
        options |= options.pop("generate_kwargs", None) or {}
        unknown = sorted(options.keys() - {*OPTION_NAMES, *READING_NAMES, "return_dict", "num_workers"})
        if unknown:
            allowed = ", ".join((*READ_OPTIONS, "return_dict"))
            raise ValueError(f"Unknown pipeline options {', '.join(unknown)}: allowed are {allowed}.")
        mode = name_options({name: value for name, value in options.items() if name in OPTION_NAMES})
        kept = {name: options[name] for name in (*READING_NAMES, "return_dict") if options.get(name) is not None}
        return {}, {**mode, **kept}, {}

    def preprocess(self, images: list[Any]) -> list[Any]:
        """Load pictures; a list among them is a document."""
        return [
            [load_image(page) for page in image] if isinstance(image, (list, tuple)) else load_image(image)
            for image in images
        ]

    def _forward(self, images: list[Any], **options: Any) -> list[GotOcrAnswer]:
        options.pop("return_dict", None)
        with self.device_placement():
            return self.model.read(self.processor, images, **options)

    def postprocess(self, answers: list[GotOcrAnswer], return_dict: bool = False) -> list[list[dict[str, Any]]]:
        """Put answers into transformers' form."""
        results = []
        for answer in answers:
            result = {"generated_text": answer.text}
            if return_dict:
                result |= {name: value for name, value in asdict(answer).items() if name != "text"}
            results.append([result])
        return results


def _is_many(images: Any) -> bool:
    """Whether this is a generator or a data set, not a picture."""
    return (
        hasattr(images, "__iter__")
        and not isinstance(images, (str, bytes, Image.Image))
        and not hasattr(images, "__array__")
    )


def _own_instruction(text: Any, options: dict[str, Any]) -> str | None:
    """Tell what a text asks beyond what the options do: None where it is the mode's published instruction."""
    texts = [text] if isinstance(text, str) else list(text)
    if not all(isinstance(one, str) for one in texts) or len(set(texts)) != 1:
        raise ValueError(f"text must be one instruction for all pictures, got {text!r}.")
    published = instruction(
        Mode(**{name: options[name] for name in ("ocr_type", "crop", "multi_page") if name in options})
    )
    return None if texts[0].strip() == published.strip() else texts[0]
