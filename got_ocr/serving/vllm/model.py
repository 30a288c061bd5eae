"""GOT as a model of vLLM: our tower and projector, vLLM's own Qwen2 decoder.

The decoder is split over devices by vLLM (tensor and pipeline parallel) and takes its quantizations and adapters
(LoRA). The tower, 80 of 560 million parameters in the published model, stands whole on each device;
`--mm-encoder-tp-mode data` shares the pictures out between them.

Shape legend:
    n  images of a picture: 1, or its tiles
    S  side of an image, in pixels
    T  image tokens of an image
    D  width of the decoder
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Qwen2Config
from vllm.config import VllmConfig
from vllm.model_executor.models.interfaces import (
    SupportsEncoderCudaGraph,
    SupportsLoRA,
    SupportsMultiModal,
    SupportsPP,
)
from vllm.model_executor.models.module_mapping import MultiModelKeys
from vllm.model_executor.models.utils import (
    AutoWeightsLoader,
    WeightsMapper,
    init_vllm_registered_model,
    maybe_prefix,
)
from vllm.model_executor.models.vision import run_dp_sharded_vision_model
from vllm.multimodal import MULTIMODAL_REGISTRY

from ...configuration.config import GotOcrConfig
from ...modeling.checkpoint import HEAD, to_got_tensors
from ...modeling.vision import GotOcrVisionTower
from ...processing.prompt import IMAGE_END, IMAGE_PAD, IMAGE_START
from .processing import GotOcrDummyInputs, GotOcrMultiModalProcessor, GotOcrProcessingInfo

DECODER = "Qwen2ForCausalLM"


class GotOcrVisionEncoder(nn.Module):
    """Tower and projector: pictures to what stands in the decoder's input.

    Args:
        config: The checkpoint's.
    """

    def __init__(self, config: GotOcrConfig) -> None:
        super().__init__()
        self.vision_tower_high = GotOcrVisionTower(config.vision_config)
        self.mm_projector_vary = nn.Linear(config.vision_config.compressor_channels[1], config.hidden_size)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Encode. Args: pixel_values: (images, 3, height, S) float. Returns: (images, T, D)."""
        pixel_values = pixel_values.to(self.mm_projector_vary.weight.dtype)
        return self.mm_projector_vary(self.vision_tower_high(pixel_values))


@MULTIMODAL_REGISTRY.register_processor(
    GotOcrMultiModalProcessor, info=GotOcrProcessingInfo, dummy_inputs=GotOcrDummyInputs
)
class GotOcrForVllm(  # type: ignore[misc, unused-ignore]
    nn.Module, SupportsMultiModal, SupportsPP, SupportsLoRA, SupportsEncoderCudaGraph
):
    """The whole model.

    Args:
        vllm_config: vLLM's.
        prefix: Of the module's name.
    """

    supports_encoder_tp_data = True
    packed_modules_mapping = {
        "qkv_proj": ["q_proj", "k_proj", "v_proj"],
        "gate_up_proj": ["gate_proj", "up_proj"],
    }
    # From the original's names, and for adapters (LoRA) also from those of the port's decoder.
    hf_to_vllm_mapper = WeightsMapper(
        orig_to_new_prefix={
            "model.vision_tower_high.": "encoder.vision_tower_high.",
            "model.mm_projector_vary.": "encoder.mm_projector_vary.",
            "model.language_model.": "language_model.model.",
            "model.": "language_model.model.",
            "lm_head.": "language_model.lm_head.",
        }
    )

    @classmethod
    def get_placeholder_str(cls, modality: str, i: int) -> str | None:
        """Write what stands for a picture, for chat templates that take texts alone."""
        return f"{IMAGE_START}{IMAGE_PAD}{IMAGE_END}\n"

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        config: GotOcrConfig = vllm_config.model_config.hf_config
        self.config = config
        self.max_model_len = vllm_config.model_config.max_model_len
        multimodal = vllm_config.model_config.multimodal_config
        self.shares_pictures_out = getattr(multimodal, "mm_encoder_tp_mode", None) == "data"
        with self._mark_tower_model(vllm_config, "image"):
            self.encoder = GotOcrVisionEncoder(config)
        with self._mark_language_model(vllm_config):
            self.language_model = init_vllm_registered_model(
                vllm_config=vllm_config,
                hf_config=make_decoder_config(config),
                prefix=maybe_prefix(prefix, "language_model"),
                architectures=[DECODER],
            )
        self.make_empty_intermediate_tensors = self.language_model.make_empty_intermediate_tensors

    def embed_multimodal(self, **kwargs: Any) -> list[Tensor]:
        """Encode pictures.

        Args:
            **kwargs: `pixel_values`: of each picture (n, 3, height, S), stacked where they are of one shape.

        Returns:
            Of each picture (n * T, D).
        """
        pixel_values = kwargs.get("pixel_values")
        return [] if pixel_values is None else self._encode(list(pixel_values))

    def _encode(self, pictures: list[Tensor]) -> list[Tensor]:
        """Encode pictures, those of one height together."""
        encoded: list[Tensor] = [torch.empty(0)] * len(pictures)
        for height in {picture.shape[-2] for picture in pictures}:
            places = [place for place, picture in enumerate(pictures) if picture.shape[-2] == height]
            counts = [len(pictures[place]) for place in places]
            images = torch.cat([pictures[place] for place in places])
            parts = self._encode_images(images).split(counts)
            for place, part in zip(places, parts, strict=True):
                encoded[place] = part.flatten(0, 1)
        return encoded

    def _encode_images(self, images: Tensor) -> Tensor:
        if self.shares_pictures_out:
            shared: Tensor = run_dp_sharded_vision_model(images, self.encoder)
            return shared
        tokens: Tensor = self.encoder(images)
        return tokens

    def forward(
        self,
        input_ids: Tensor | None,
        positions: Tensor,
        intermediate_tensors: Any = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run the decoder; see vLLM's models."""
        if intermediate_tensors is not None:
            inputs_embeds = None
        return self.language_model.model(input_ids, positions, intermediate_tensors, inputs_embeds=inputs_embeds)

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """Predict. Args: hidden_states: (tokens, D). Returns: (tokens, V), or None on a rank that has none."""
        logits: Tensor | None = self.language_model.compute_logits(hidden_states)
        return logits

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """Load a checkpoint of any published layout. Args: weights: As stored. Returns: names of what was loaded."""
        got = to_got_tensors(weights)
        if self.config.tie_word_embeddings:  # The original stores a copy of the tied head.
            got = ((name, tensor) for name, tensor in got if name != HEAD)
        loaded: set[str] = AutoWeightsLoader(self).load_weights(got, mapper=self.hf_to_vllm_mapper)
        return loaded

    def get_mm_mapping(self) -> MultiModelKeys:
        """Tell which module is what, for adapters."""
        return MultiModelKeys.from_string_field(
            language_model="language_model",
            connector="encoder.mm_projector_vary",
            tower_model="encoder.vision_tower_high",
        )

    def get_num_mm_encoder_tokens(self, num_image_tokens: int) -> int:
        """Count a picture's patches by its image tokens."""
        vision = self.config.vision_config
        return int(num_image_tokens * vision.grid_size**2 // vision.num_image_tokens)

    def get_num_mm_connector_tokens(self, num_vision_tokens: int) -> int:
        """Count a picture's image tokens by its patches."""
        vision = self.config.vision_config
        return int(num_vision_tokens * vision.num_image_tokens // vision.grid_size**2)

    # The encoder's CUDA graphs: all images have one shape, so a graph is a number of images.

    def get_encoder_cudagraph_config(self) -> Any:
        """Tell what a graph's input and output are."""
        from vllm.v1.worker.encoder_cudagraph_defs import EncoderCudaGraphConfig

        return EncoderCudaGraphConfig(
            modalities=["image"], buffer_keys=["pixel_values"], out_hidden_size=self.config.hidden_size
        )

    def get_encoder_cudagraph_budget_range(self, vllm_config: VllmConfig) -> tuple[int, int]:
        """Tell the fewest and most image tokens that graphs are made for."""
        most = min(vllm_config.scheduler_config.max_num_batched_tokens, self.max_model_len)
        return self.config.image_token_len, max(self.config.image_token_len, most)

    def get_encoder_cudagraph_item_specs(self, mm_kwargs: dict[str, Any]) -> list[Any]:
        """Tell the size of each picture."""
        from vllm.v1.worker.encoder_cudagraph_defs import EncoderItemSpec

        patches = self.config.vision_config.grid_size**2
        counts = [len(picture) for picture in mm_kwargs["pixel_values"]]
        return [EncoderItemSpec(count * patches, count * self.config.image_token_len) for count in counts]

    def select_encoder_cudagraph_items(self, mm_kwargs: dict[str, Any], indices: list[int]) -> dict[str, Any]:
        """Take some pictures."""
        return {"pixel_values": [mm_kwargs["pixel_values"][index] for index in indices]}

    def prepare_encoder_cudagraph_capture_inputs(
        self,
        token_budget: int,
        max_batch_size: int,
        max_frames_per_batch: int,
        device: torch.device,
        dtype: torch.dtype,
        path: str = "default",
        axis_keys: Any = None,
    ) -> Any:
        """Make the input of a graph for as many images as give `token_budget` tokens."""
        from vllm.v1.worker.encoder_cudagraph_defs import EncoderCudaGraphCaptureInputs

        vision = self.config.vision_config
        shape = (
            token_budget // self.config.image_token_len,
            vision.num_channels,
            vision.image_size,
            vision.image_size,
        )
        return EncoderCudaGraphCaptureInputs({"pixel_values": torch.randn(shape, device=device, dtype=dtype)})

    def prepare_encoder_cudagraph_replay_buffers(
        self, mm_kwargs: dict[str, Any], max_batch_size: int, max_frames_per_batch: int, path: str = "default"
    ) -> Any:
        """Make what is copied into a graph's input."""
        from vllm.v1.worker.encoder_cudagraph_defs import EncoderCudaGraphReplayBuffers

        return EncoderCudaGraphReplayBuffers({"pixel_values": _join(mm_kwargs)})

    def encoder_cudagraph_forward(self, inputs: dict[str, Tensor], path: str = "default") -> Tensor:
        """Encode a graph's input. Returns: (tokens, D)."""
        tokens: Tensor = self.encoder(inputs["pixel_values"])
        return tokens.flatten(0, 1)

    def encoder_eager_forward(self, mm_kwargs: dict[str, Any], path: str = "default") -> Tensor:
        """Encode what fits no graph. Returns: (tokens, D)."""
        return torch.cat(self._encode(list(mm_kwargs["pixel_values"])))


def _join(mm_kwargs: dict[str, Any]) -> Tensor:
    """All images of some pictures, (images, 3, S, S)."""
    return torch.cat(list(mm_kwargs["pixel_values"]))


def make_decoder_config(config: GotOcrConfig) -> Qwen2Config:
    """Make the configuration of the decoder alone.

    Args:
        config: The checkpoint's.

    Returns:
        The fields of Qwen2 among it.
    """
    fields = Qwen2Config().to_dict()
    decoder = Qwen2Config(**{name: value for name, value in config.to_dict().items() if name in fields})
    decoder.architectures = [DECODER]
    return decoder
