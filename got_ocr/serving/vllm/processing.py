"""What vLLM asks of a processor: pictures to pixel values, and a prompt with a place holder a picture to a whole one.

A picture is an item; read in tiles (`mm_processor_kwargs={"crop": True}`) it is one item of several images. Pixel
values that are made already, (3, height, S) or (n, 3, height, S) float32, are taken as they are: the engine of
`serving.vllm.engine` sends those.

Shape legend:
    n  images of a picture: 1, or its tiles
    S  side of an image, in pixels
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from transformers.feature_extraction_utils import BatchFeature
from vllm.multimodal.inputs import MultiModalFieldConfig
from vllm.multimodal.processing import (
    BaseDummyInputsBuilder,
    BaseMultiModalProcessor,
    BaseProcessingInfo,
    PromptReplacement,
)

from ...processing.mode import Mode, name_options
from ...processing.processor import GotOcrProcessor

# What a request may ask of how its pictures are prepared, beside the port's names for it.
OPTIONS = ("crop", "crop_to_patches", "max_tiles", "max_patches", "low_canvases")


@lru_cache
def load_processor(name: str, revision: str | None) -> GotOcrProcessor:
    """Load a checkpoint's processor, once a process: ours, also for the port's folders.

    Args:
        name: A folder or Hub id.
        revision: Of the Hub repository.

    Returns:
        The processor.
    """
    return GotOcrProcessor.from_pretrained(name, revision=revision)


class GotOcrProcessingInfo(BaseProcessingInfo):  # type: ignore[misc, unused-ignore]
    """What there is to know of a checkpoint's pictures."""

    def get_hf_processor(self, **kwargs: object) -> GotOcrProcessor:
        """Load the processor. Args: kwargs: Options of a request, which mean nothing here."""
        config = self.ctx.model_config
        return load_processor(config.model, config.revision)

    def get_supported_mm_limits(self) -> Mapping[str, int | None]:
        """Tell how many pictures a prompt may hold: as many as the decoder has positions for."""
        return {"image": None}

    def get_mm_max_tokens_per_item(self, seq_len: int, mm_counts: Mapping[str, int]) -> Mapping[str, int]:
        """Tell how many tokens a picture has at most: read in as many tiles as the checkpoint itself makes of one."""
        return {"image": self.count_images(seq_len) * self.get_hf_config().image_token_len}

    def count_images(self, seq_len: int) -> int:
        """Count the images of a picture in tiles. Args: seq_len: Most tokens of a prompt. Returns: n, at most."""
        most: int = self.get_hf_processor().image_processor.max_tiles + 1
        tokens: int = self.get_hf_config().image_token_len
        return max(1, min(most, seq_len // tokens))

    def get_supported_mm_processor_kwargs(self) -> dict[str, set[str]]:
        """Tell what a request may ask of how pictures are prepared."""
        return {"image": set(OPTIONS)}


class GotOcrDummyInputs(BaseDummyInputsBuilder[GotOcrProcessingInfo]):  # type: ignore[misc, unused-ignore]
    """White pictures, by which vLLM learns how much memory reading takes."""

    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str:
        """Write no text: see :meth:`GotOcrMultiModalProcessor.get_dummy_inputs`."""
        return ""

    def get_dummy_mm_data(self, seq_len: int, mm_counts: Mapping[str, int], mm_options: Any) -> dict[str, Any]:
        """Make pictures in tiles, as their pixel values: the largest that there are."""
        vision = self.info.get_hf_config().vision_config
        images = self.info.count_images(self.info.ctx.model_config.max_model_len)
        tiles = np.ones((images, vision.num_channels, vision.image_size, vision.image_size), dtype=np.float32)
        return {"image": [tiles] * mm_counts.get("image", 0)}


class GotOcrMultiModalProcessor(BaseMultiModalProcessor[GotOcrProcessingInfo]):  # type: ignore[misc, unused-ignore]
    """Prepares a request's pictures and its prompt."""

    def get_dummy_inputs(self, seq_len: int, mm_counts: Mapping[str, int], mm_options: Any) -> Any:
        """Make a prompt of place holders; as text they would not become tokens of their own."""
        inputs = super().get_dummy_inputs(seq_len, mm_counts, mm_options)
        inputs.prompt = [self.info.get_hf_config().im_patch_token] * mm_counts.get("image", 0)
        return inputs

    def _call_hf_processor(self, hf_data: Mapping[str, Any], hf_kwargs: Mapping[str, Any]) -> BatchFeature:
        processor = self.info.get_hf_processor()
        return BatchFeature({"pixel_values": make_pixel_values(processor, hf_data["images"], hf_kwargs)})

    def _get_mm_fields_config(
        self, hf_inputs: BatchFeature, hf_processor_mm_kwargs: Mapping[str, object]
    ) -> Mapping[str, MultiModalFieldConfig]:
        return {"pixel_values": MultiModalFieldConfig.batched("image")}

    def _get_prompt_updates(
        self, mm_items: Any, hf_processor_mm_kwargs: Mapping[str, object], out_mm_kwargs: Any
    ) -> Sequence[PromptReplacement]:
        config = self.info.get_hf_config()

        def place_holders(item: int) -> list[int]:
            images, _, height, _ = out_mm_kwargs["image"][item]["pixel_values"].data.shape
            return [config.im_patch_token] * (images * config.vision_config.count_image_tokens(height))

        return [PromptReplacement(modality="image", target=[config.im_patch_token], replacement=place_holders)]


def make_pixel_values(processor: GotOcrProcessor, images: Any, options: Mapping[str, Any]) -> list[torch.Tensor]:
    """Prepare a request's pictures.

    Args:
        processor: The checkpoint's.
        images: PIL pictures, arrays (height, width, 3) of bytes, or pixel values that are made already.
        options: What the request asks, by the names of :data:`OPTIONS`; others mean nothing.

    Returns:
        Of each picture (n, 3, height, S) float32.

    Raises:
        ValueError: If a value is not allowed.
    """
    asked = {name: options[name] for name in OPTIONS if options.get(name) is not None}
    low_canvases = bool(asked.pop("low_canvases", False))
    mode = Mode(**name_options(asked))
    made = []
    for image in images:
        if is_prepared(image):
            pixels = torch.as_tensor(image, dtype=torch.float32)
            made.append(pixels if pixels.ndim == 4 else pixels.unsqueeze(0))
            continue
        parts = processor.image_processor.crop_to_tiles(image, mode.max_tiles) if mode.crop else [image]
        values = processor.image_processor(parts, return_tensors="np", low_canvases=low_canvases)["pixel_values"]
        made.append(torch.from_numpy(values))
    return made


def is_prepared(image: Any) -> bool:
    """Tell pixel values from a picture. Returns: whether it is an array of floats with channels first."""
    if isinstance(image, torch.Tensor):
        return bool(image.is_floating_point())
    return isinstance(image, np.ndarray) and image.dtype.kind == "f"
