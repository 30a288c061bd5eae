"""The processor: pictures and a mode to the model's inputs.

Works with :class:`GotOcrTokenizer` and with the fast tokenizer of transformers' port (tokenizer.json). A prompt is
built from the ids of its special tokens and the encoded text between them, so no text can forge a special token.

Shape legend:
    B  sequences
    L  tokens of the longest prompt
    I  images of all sequences: pictures, tiles or pages
    S  side of an image, in pixels
"""

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from transformers.image_processing_utils import BatchFeature
from transformers.processing_utils import ProcessingKwargs, ProcessorMixin

from ..configuration.config import DEFAULT_INSTRUCTIONS, GotOcrConfig
from ..configuration.remote_code import CodeSavingMixin
from .chat_template import CHAT_TEMPLATE, CHAT_TEMPLATE_FILE, guard, unguard
from .checkpoint_files import HUB_OPTIONS, check_name, find_file, load_tokenizer, read_json
from .given_prompts import (
    TextOptions,
    encode_prompt,
    encode_text,
    expand_images,
    flatten_images,
    is_prompt,
    take_text_options,
)
from .image_processor import DEFAULT_SIZE_PX, GotOcrImageProcessor
from .mode import Mode, as_mode, name_options, spread_modes
from .pictures import as_documents, load_image
from .prompt import PromptPart, instruction, prompt_parts
from .ranks import SPECIAL_TOKENS

DEFAULT_IMAGE_TOKEN_LEN = 256
PROCESSOR_FILE = "processor_config.json"
IMAGE_PROCESSOR_FILE = "preprocessor_config.json"
CONFIG_FILE = "config.json"


class GotOcrProcessorKwargs(ProcessingKwargs, total=False):  # type: ignore[call-arg]
    """Options by name: those of :meth:`GotOcrProcessor.__call__`."""

    _defaults = {}  # type: ignore[var-annotated]

    ocr_type: str
    box: Any
    color: str | Sequence[str]
    crop: bool
    multi_page: bool
    max_tiles: int | None
    instruction: str | None
    low_canvases: bool


class GotOcrProcessor(CodeSavingMixin, ProcessorMixin):
    """Make `input_ids`, `attention_mask` and `pixel_values` of pictures and a mode.

    Args:
        image_processor: Makes pixels.
        tokenizer: The checkpoint's: :class:`GotOcrTokenizer`, or the port's fast one.
        image_token_len: Place holders of one image: the model configuration's `image_token_len`.
        chat_template: Jinja template of conversations; None: the one that the model was trained on.
        default_instruction: What is asked where a call says nothing else; None: the published words.

    Raises:
        ValueError: If the tokenizer lacks a special token, or `image_token_len` is not positive.
    """

    auto_class = "AutoProcessor"
    written_first = (*CodeSavingMixin.written_first, IMAGE_PROCESSOR_FILE)
    attributes: ClassVar[list[str]] = ["image_processor", "tokenizer"]
    image_processor_class = "AutoImageProcessor"
    tokenizer_class = "AutoTokenizer"
    valid_processor_kwargs = GotOcrProcessorKwargs

    def __init__(
        self,
        image_processor: GotOcrImageProcessor,
        tokenizer: Any,
        image_token_len: int = DEFAULT_IMAGE_TOKEN_LEN,
        chat_template: str | None = None,
        default_instruction: str | None = None,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template or CHAT_TEMPLATE)
        if isinstance(image_token_len, bool) or not isinstance(image_token_len, int) or image_token_len < 1:
            raise ValueError(f"image_token_len must be a positive whole number, got {image_token_len!r}.")
        self.image_token_len = image_token_len
        self.default_instruction = default_instruction
        self._special_ids: dict[str, int] = {text: tokenizer.convert_tokens_to_ids(text) for text in SPECIAL_TOKENS}
        missing = [text for text in _PROMPT_TOKENS if self._special_ids[text] is None]
        if missing:
            raise ValueError(f"The tokenizer has no {', '.join(missing)}: it is not a GOT-OCR tokenizer.")
        if len({self._special_ids[text] for text in _PROMPT_TOKENS}) != len(_PROMPT_TOKENS):
            raise ValueError("The tokenizer gives several special tokens the same id: it is not a GOT-OCR tokenizer.")

    def __call__(
        self,
        images: Any = None,
        text: str | Sequence[str] | None = None,
        *,
        mode: Mode | Sequence[Mode] | None = None,
        low_canvases: bool = False,
        return_tensors: str | None = "pt",
        **options: Any,
    ) -> BatchFeature:
        """Prepare one picture or a batch.

        Args:
            images: One picture or a list (whatever `load_image` takes). With `multi_page` the pages of one document,
                or a list of such lists.
            text: Instead of a mode the caller's own instruction, one for all or one for each; or whole prompts, as
                `apply_chat_template` writes them, with one ``<imgpad>`` for each picture.
            mode: What to read, and how: one for all pictures, or a list with one for each.
            low_canvases: The pictures are S wide, no higher, and all of one height: they become image tokens as they
                are, the fewer the lower they are, instead of being squashed to squares.
            return_tensors: `pt` for torch, `np` for numpy, None for lists.
            **options: Instead of `mode` its fields by name: `ocr_type`, `box`, `color`, `crop`, `max_tiles`,
                `multi_page`, `instruction`; also the port's `format`, `crop_to_patches` and `max_patches`. `box` and
                `color` may be lists with one for each picture. Options of tokenizers: those of :class:`TextOptions`.

        Returns:
            `input_ids` (B, L) int64 and `attention_mask` (B, L) int64, padded on the left, and `pixel_values`
            (I, 3, S, S) float32: the images of all sequences in one run; with `low_canvases` as high as they are.

        Raises:
            TypeError: If there is no option of a name.
            ValueError: If an argument is not allowed or a picture can't be had; the message says what is allowed.
        """
        text_options, options = take_text_options(options)
        texts = [text] if isinstance(text, str) else None if text is None else list(text)
        if texts is not None and (images is None or any(map(is_prompt, texts))):
            prompts, pictures = self._take_prompts(texts, images)
        else:
            prompts, pictures = self._make_prompts(images, texts, mode, low_canvases, options)
        data = self._pad(prompts, text_options)
        if pictures:
            made = self.image_processor(pictures, return_tensors="np", low_canvases=low_canvases)
            data["pixel_values"] = made["pixel_values"]
        return BatchFeature(data, tensor_type=return_tensors)

    def _make_prompts(
        self, images: Any, texts: list[str] | None, mode: Any, low_canvases: bool, options: dict[str, Any]
    ) -> tuple[list[list[int]], list[Any]]:
        """Write the prompts of modes. Returns: ids of each, and the pictures, tiles or pages of all in one run."""
        documents = as_documents(images, _reads_pages_together(mode, options))
        # Wrong modes are refused before any picture is loaded.
        modes = spread_modes(len(documents), mode, **options)
        if texts is not None:
            if len(texts) not in (1, len(documents)):
                raise ValueError(f"text must be one, or one each for the {len(documents)} pictures, got {len(texts)}.")
            texts = texts * len(documents) if len(texts) == 1 else texts
            modes = [replace(one, instruction=words) for one, words in zip(modes, texts, strict=True)]
        modes = [self._with_default(one) for one in modes]
        prompts: list[list[int]] = []
        encoded: dict[tuple[str, int], list[int]] = {}
        pictures: list[Any] = []
        for document, one in zip(documents, modes, strict=True):
            pages = [load_image(source) for source in document]
            words = instruction(one, (pages[0].height, pages[0].width))
            if one.crop:
                pages = self.image_processor.crop_to_tiles(pages[0], one.max_tiles)
            asked = words, len(pages)
            if asked not in encoded:
                tokens = self._count_image_tokens(pages[0].height) if low_canvases else self.image_token_len
                encoded[asked] = self.encode_parts(prompt_parts(words, len(pages), tokens))
            prompts.append(encoded[asked])
            pictures += pages
        return prompts, pictures

    def _with_default(self, mode: Mode) -> Mode:
        """Ask a checkpoint of one instruction for that, unless a call says something else."""
        if self.default_instruction is None or mode.instruction is not None or mode.crop or mode.multi_page:
            return mode
        return replace(mode, instruction=self.default_instruction)

    def _take_prompts(self, texts: list[str], images: Any) -> tuple[list[list[int]], list[Any]]:
        """Encode prompts that come whole. Returns: ids of each, and the pictures of all in one run."""
        pictures = [load_image(source) for source in flatten_images(images)]
        whole = expand_images(texts, len(pictures), self.image_token_len)
        return [encode_prompt(one, self.tokenizer, self._special_ids) for one in whole], pictures

    def apply_chat_template(self, conversation: Any, chat_template: str | None = None, **kwargs: Any) -> Any:
        """Write a conversation as a prompt; a special token that is spelled in a message stays text.

        Args:
            conversation: Messages, or a batch of such lists.
            chat_template: A Jinja template; None: the checkpoint's.
            **kwargs: As :meth:`transformers.ProcessorMixin.apply_chat_template`, and the template's variables (see
                processing/chat_template.py): `ocr_type`, `color`, `box_per_mille`, `crop`, `instruction`.

        Returns:
            The prompt; with `tokenize=True` its ids, or with `return_dict=True` all inputs of the model.
        """
        if self.default_instruction is not None:
            kwargs.setdefault("instruction", self.default_instruction)
        made = super().apply_chat_template(guard(conversation), chat_template, **kwargs)
        if isinstance(made, str):
            return unguard(made)
        is_texts = isinstance(made, list) and all(isinstance(one, str) for one in made)
        return [unguard(one) for one in made] if is_texts else made

    def replace_image_token(self, image_inputs: Any = None, image_idx: int = 0, **kwargs: Any) -> str:
        """Write the place holders of a picture, as engines ask for them. Returns: ``<imgpad>``, T times."""
        return self.image_token * self.image_token_len

    def _get_num_multimodal_tokens(self, image_sizes: Any = None, **kwargs: Any) -> Any:
        """Count tokens for engines. Args: image_sizes: (height, width) of each. Returns: a `MultiModalData`."""
        from transformers.processing_utils import MultiModalData

        if image_sizes is None:
            return MultiModalData()
        count = len(image_sizes)
        return MultiModalData(num_image_tokens=[self.image_token_len] * count, num_image_patches=[1] * count)

    def _count_image_tokens(self, height: int) -> int:
        """Place holders of an image that is S wide and `height` high."""
        size, side = self.image_processor.size, math.isqrt(self.image_token_len)
        if height == size:
            return self.image_token_len
        if height * side % size:
            raise ValueError(
                f"With low_canvases a picture's height must be whole rows of image tokens, a multiple of "
                f"{size / side:g} px, got {height} px."
            )
        return int(side * (height * side // size))

    def encode_parts(self, parts: Sequence[PromptPart]) -> list[int]:
        """Encode a prompt.

        Args:
            parts: Special tokens and plain text, as the functions of processing/prompt.py write them.

        Returns:
            The ids.
        """
        ids: list[int] = []
        for part in parts:
            ids += ([self._special_ids[part.text]] if part.is_special else self.encode_text(part.text)) * part.times
        return ids

    def encode_text(self, text: str) -> list[int]:
        """Encode plain text; a special token spelled in it stays text, whatever the tokenizer.

        Args:
            text: Any text.

        Returns:
            The ids.
        """
        return encode_text(text, self.tokenizer, self._special_ids)

    def _pad(self, prompts: list[list[int]], options: TextOptions) -> dict[str, Any]:
        """Fill up. Returns: `input_ids` and `attention_mask`, both (B, L) int64, or lists without padding."""
        if not options.pads and len({len(prompt) for prompt in prompts}) > 1:
            return {"input_ids": prompts, "attention_mask": [[1] * len(prompt) for prompt in prompts]}
        length = options.length_of(prompts) if options.pads else len(prompts[0])
        input_ids = np.full((len(prompts), length), self.pad_token_id, dtype=np.int64)
        attention_mask = np.zeros((len(prompts), length), dtype=np.int64)
        for row, prompt in enumerate(prompts):
            start = length - len(prompt) if options.padding_side == "left" else 0
            input_ids[row, start : start + len(prompt)] = prompt
            attention_mask[row, start : start + len(prompt)] = 1
        data = {"input_ids": input_ids, "attention_mask": attention_mask}
        if options.return_mm_token_type_ids:
            data["mm_token_type_ids"] = (input_ids == self.image_token_id).astype(np.int64)
        return data

    @property
    def pad_token_id(self) -> int:
        """The tokenizer's pad token, or ``<|endoftext|>`` if it names none."""
        pad_token_id: int | None = self.tokenizer.pad_token_id
        return self._special_ids[SPECIAL_TOKENS[0]] if pad_token_id is None else pad_token_id

    @property
    def image_token(self) -> str:
        """The place holder of image tokens, by the name that transformers' processors use."""
        return SPECIAL_TOKENS[-1]

    @property
    def image_token_id(self) -> int:
        """Its id."""
        return self._special_ids[SPECIAL_TOKENS[-1]]

    @property
    def image_token_ids(self) -> list[int]:
        """The same in a list, as engines ask for it."""
        return [self.image_token_id]

    @property
    def model_input_names(self) -> list[str]:
        """What :meth:`__call__` makes."""
        return ["input_ids", "attention_mask", "pixel_values"]

    def post_process(self, texts: str | Sequence[str]) -> Any:
        """Finish decoded answers as the published code does: strip them.

        Args:
            texts: One text or several.

        Returns:
            The same, without white space around.
        """
        return texts.strip() if isinstance(texts, str) else [text.strip() for text in texts]

    def save_pretrained(self, save_directory: str | os.PathLike[str], push_to_hub: bool = False, **kwargs: Any) -> Any:
        """Write the processor's files, so that transformers 4 and 5 both find them.

        Args:
            save_directory: Folder; made if it isn't there.
            push_to_hub: Whether to push it too.
            **kwargs: As :meth:`transformers.ProcessorMixin.save_pretrained`.

        Returns:
            The files' paths.
        """
        # Transformers 5 nests the image processor's options in processor_config.json, where transformers 4's
        # AutoImageProcessor doesn't look. Written first, so that a push takes it along.
        os.makedirs(save_directory, exist_ok=True)
        self.image_processor.save_pretrained(save_directory)
        try:
            return super().save_pretrained(save_directory, push_to_hub=push_to_hub, **kwargs)
        finally:
            self.tokenizer.init_kwargs.pop("auto_map", None)

    def name_code(self) -> None:
        """Put this class into every `auto_map` that is saved with it."""
        super().name_code()
        known = getattr(self.image_processor, "auto_map", None) or {}
        self.image_processor.auto_map = {**known, **self.auto_map_entry()}
        self.tokenizer.init_kwargs["auto_map"] = self.auto_map_entry()

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any
    ) -> "GotOcrProcessor":
        """Load from a folder or Hub repository of any public GOT layout. No code from there is run.

        The original's folder has tokenizer files only: the image's size then comes from config.json or is 1024.

        Args:
            pretrained_model_name_or_path: The folder or Hub id.
            **kwargs: `image_token_len`, `size` and `max_tiles` win over the files; Hub options (`revision`, `token`,
                `cache_dir` ...) are handed on; others are ignored.

        Returns:
            The processor.

        Raises:
            OSError: If there is neither `qwen.tiktoken` nor `tokenizer.json`.
        """
        name = pretrained_model_name_or_path
        check_name(name)
        hub_options = {option: kwargs[option] for option in HUB_OPTIONS if kwargs.get(option) is not None}
        saved = read_json(name, PROCESSOR_FILE, hub_options) or {}
        image_options = saved.get("image_processor") or read_json(name, IMAGE_PROCESSOR_FILE, hub_options) or {}
        image_options = {**image_options, **{key: kwargs[key] for key in ("size", "max_tiles") if key in kwargs}}
        image_token_len = kwargs.get("image_token_len", saved.get("image_token_len"))
        config_dict = read_json(name, CONFIG_FILE, hub_options)
        default = DEFAULT_INSTRUCTIONS.get(str((config_dict or {}).get("model_type")))
        default = saved.get("default_instruction") or (config_dict or {}).get("default_instruction") or default
        if image_token_len is None or "size" not in image_options:
            config = GotOcrConfig.from_dict(config_dict) if config_dict else None
            image_options.setdefault("size", config.vision_config.image_size if config else DEFAULT_SIZE_PX)
            if image_token_len is None:
                image_token_len = config.image_token_len if config else DEFAULT_IMAGE_TOKEN_LEN
        tokenizer = load_tokenizer(name, **hub_options)
        template = find_file(name, CHAT_TEMPLATE_FILE, hub_options)
        chat_template = None if template is None else Path(template).read_text(encoding="utf-8")
        return cls(GotOcrImageProcessor.from_dict(image_options), tokenizer, image_token_len, chat_template, default)


_PROMPT_TOKENS = (*SPECIAL_TOKENS[:3], *SPECIAL_TOKENS[-3:])


def _reads_pages_together(mode: Mode | Sequence[Mode] | None, options: dict[str, Any]) -> bool:
    if mode is None:
        return bool(name_options(options).get("multi_page"))
    modes = mode if isinstance(mode, (list, tuple)) else [mode]
    return any(as_mode(one).multi_page for one in modes)
