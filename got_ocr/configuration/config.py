"""Configuration of GOT-OCR 2.0: a flat Qwen2 decoder configuration with a nested vision tower.

The original checkpoints' ``config.json`` (model type ``GOT``) is a valid configuration as it is: it holds the
decoder's fields only, and the tower's sizes are the defaults below. Transformers' port of the model (model type
``got_ocr2``) nests the decoder under ``text_config``; :meth:`GotOcrConfig.from_dict` reads that form too.

Defaults are those of ``stepfun-ai/GOT-OCR2_0`` (arXiv 2409.01704).
"""

import math
from collections.abc import Sequence
from typing import Any

from transformers import Qwen2Config
from transformers.configuration_utils import PretrainedConfig

from .remote_code import announce_model

# Checkpoints of this architecture that were trained on one instruction alone, by their model type.
DEFAULT_INSTRUCTIONS = {"pp_chart2table": "Chart to table"}
MOST_LAYERS = 10_000  # of a decoder or tower: a thousand times what any checkpoint has
DEFAULT_ROPE_THETA = 1_000_000.0  # Qwen2's; the port's config.json leaves it out.


def check_layers(name: str, count: int) -> None:
    """Refuse a number of layers that no machine holds, before a list of so many is made.

    Args:
        name: Of the field.
        count: Its value.

    Raises:
        ValueError: If it is no whole number from 0 to MOST_LAYERS.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST_LAYERS:
        raise ValueError(f"{name} must be a whole number from 0 to {MOST_LAYERS}, got {count!r}.")


class GotOcrVisionConfig(PretrainedConfig):
    """Sizes of the vision tower: ViTDet (arXiv 2203.16527) as in Segment Anything, then two strided convolutions.

    Args:
        image_size: Height and width of the input, in pixels; a multiple of `patch_size`.
        patch_size: Side of a patch, in pixels.
        num_channels: Channels of the input (3: RGB).
        hidden_size: Width of the transformer blocks; a multiple of `num_attention_heads`.
        num_hidden_layers: Number of transformer blocks.
        num_attention_heads: Heads of each block.
        mlp_dim: Inner width of each block's MLP.
        hidden_act: The MLP's activation.
        layer_norm_eps: Epsilon of every LayerNorm of the tower.
        window_size: Side of an attention window, in patches.
        global_attn_indexes: Blocks that attend over the whole image instead of a window.
        qkv_bias: Whether queries, keys and values have a bias.
        use_abs_pos: Whether a learned absolute position embedding is added to the patches.
        use_rel_pos: Whether attention has decomposed relative positions (arXiv 2112.01526).
        output_channels: Channels of the neck.
        compressor_channels: Channels of the two strided convolutions; the second is the width of an image token.
        compressor_strides: Their strides.
        initializer_range: Standard deviation of initial weights.

    Raises:
        ValueError: If the sizes do not divide each other or a global block does not exist.
    """

    model_type = "GOT_vision"
    base_config_key = "vision_config"

    def __init__(
        self,
        image_size: int = 1024,
        patch_size: int = 16,
        num_channels: int = 3,
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        mlp_dim: int = 3072,
        hidden_act: str = "gelu",
        layer_norm_eps: float = 1e-6,
        window_size: int = 14,
        global_attn_indexes: Sequence[int] = (2, 5, 8, 11),
        qkv_bias: bool = True,
        use_abs_pos: bool = True,
        use_rel_pos: bool = True,
        output_channels: int = 256,
        compressor_channels: Sequence[int] = (512, 1024),
        compressor_strides: Sequence[int] = (2, 2),
        initializer_range: float = 0.02,
        **kwargs: Any,
    ) -> None:
        self.image_size = image_size
        self.patch_size = patch_size
        self.num_channels = num_channels
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.mlp_dim = mlp_dim
        self.hidden_act = hidden_act
        self.layer_norm_eps = layer_norm_eps
        self.window_size = window_size
        self.global_attn_indexes = list(global_attn_indexes)
        self.qkv_bias = qkv_bias
        self.use_abs_pos = use_abs_pos
        self.use_rel_pos = use_rel_pos
        self.output_channels = output_channels
        self.compressor_channels = list(compressor_channels)
        self.compressor_strides = list(compressor_strides)
        self.initializer_range = initializer_range
        super().__init__(**kwargs)
        self._check_sizes()

    def _check_sizes(self) -> None:
        check_layers("vision_config.num_hidden_layers", self.num_hidden_layers)
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size must be a multiple of patch_size, got {self.image_size} and {self.patch_size}."
            )
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size must be a multiple of num_attention_heads, got {self.hidden_size} "
                f"and {self.num_attention_heads}."
            )
        if any(not 0 <= index < self.num_hidden_layers for index in self.global_attn_indexes):
            raise ValueError(
                f"global_attn_indexes must lie in 0..{self.num_hidden_layers - 1} (num_hidden_layers is "
                f"{self.num_hidden_layers}), got {self.global_attn_indexes}."
            )
        if len(self.compressor_channels) != 2 or len(self.compressor_strides) != 2:
            raise ValueError(
                "compressor_channels and compressor_strides must have two numbers each, got "
                f"{self.compressor_channels} and {self.compressor_strides}."
            )

    @property
    def grid_size(self) -> int:
        """Patches along each side of the image."""
        return self.image_size // self.patch_size

    @property
    def num_image_tokens(self) -> int:
        """Image tokens that one image becomes: 256 for the published model."""
        return self.count_image_tokens(self.image_size)

    def count_image_tokens(self, height: int) -> int:
        """Count the tokens of an image that is `image_size` wide.

        Args:
            height: One of `input_heights`.

        Returns:
            The image tokens that it becomes.
        """
        rows, columns = height // self.patch_size, self.grid_size
        for stride in self.compressor_strides:  # 3 x 3 convolutions with padding 1
            rows, columns = (rows - 1) // stride + 1, (columns - 1) // stride + 1
        return rows * columns

    @property
    def input_heights(self) -> list[int]:
        """Heights of an image that the tower takes, in pixels, the last of them `image_size`.

        Lower images are the top of the whole one: whole windows and image tokens. Tables of relative positions are
        made for one size, so with these there are none.
        """
        if self.use_rel_pos:
            return [self.image_size]
        step = self.patch_size * math.lcm(self.window_size or 1, math.prod(self.compressor_strides))
        return [*range(step, self.image_size, step), self.image_size]


class GotOcrConfig(Qwen2Config):
    """Configuration of the whole model.

    Every field of :class:`transformers.Qwen2Config` holds for the decoder, with the published model's sizes as
    defaults; the fields below are GOT's own.

    Args:
        vision_config: The tower's configuration, or its fields as a dictionary.
        image_token_len: Image tokens that one image becomes; derived from `vision_config` when left out.
        im_start_token: Id of ``<img>``.
        im_end_token: Id of ``</img>``.
        im_patch_token: Id of ``<imgpad>``, the place holder that an image token replaces.
        turn_end_token_id: Id of ``<|im_end|>``, which closes an answer. The original config.json leaves it out.
        slicing: How to cut pictures for a checkpoint that reads a few lines of one size instead of whole pages: fields
            of :class:`SlicingOptions` (slices/slicing.py); None, as in the published model, reads whole pictures.
        default_instruction: What the checkpoint is asked where a call says nothing else; None: the published words.
        rope_theta: Base of the rotary embedding (`rope_parameters` of transformers 5 wins over it).

    Raises:
        ValueError: If `image_token_len` is not what the tower gives.
    """

    model_type = "GOT"
    sub_configs = {"vision_config": GotOcrVisionConfig}

    def __init__(
        self,
        vision_config: GotOcrVisionConfig | dict[str, Any] | None = None,
        image_token_len: int | None = None,
        im_start_token: int = 151857,
        im_end_token: int = 151858,
        im_patch_token: int = 151859,
        turn_end_token_id: int = 151645,
        slicing: dict[str, Any] | None = None,
        default_instruction: str | None = None,
        vocab_size: int = 151860,
        hidden_size: int = 1024,
        intermediate_size: int = 2816,
        num_hidden_layers: int = 24,
        num_attention_heads: int = 16,
        num_key_value_heads: int | None = None,
        max_position_embeddings: int = 32768,
        rms_norm_eps: float = 1e-6,
        tie_word_embeddings: bool = True,
        rope_theta: float = DEFAULT_ROPE_THETA,
        rope_parameters: dict[str, Any] | None = None,
        pad_token_id: int | None = 151643,
        bos_token_id: int | None = 151643,
        eos_token_id: int | list[int] | None = 151643,
        **kwargs: Any,
    ) -> None:
        if not isinstance(vision_config, GotOcrVisionConfig):
            vision_config = GotOcrVisionConfig(**(vision_config or {}))
        if image_token_len is None:
            image_token_len = vision_config.num_image_tokens
        if image_token_len != vision_config.num_image_tokens:
            raise ValueError(
                f"image_token_len is {image_token_len}, but the tower of vision_config gives "
                f"{vision_config.num_image_tokens} tokens an image: leave image_token_len out or fix vision_config."
            )
        check_layers("num_hidden_layers", num_hidden_layers)
        self.vision_config = vision_config
        self.image_token_len = image_token_len
        self.im_start_token = im_start_token
        self.im_end_token = im_end_token
        self.im_patch_token = im_patch_token
        self.turn_end_token_id = turn_end_token_id
        self.slicing = slicing
        self.default_instruction = default_instruction
        if rope_parameters is not None:
            rope_theta = rope_parameters.get("rope_theta", rope_theta)
            kwargs["rope_parameters"] = rope_parameters
        announce_model()  # Here, since code that a server loads from a folder has no other moment before its look-up.
        super().__init__(
            vocab_size=vocab_size,
            hidden_size=hidden_size,
            intermediate_size=intermediate_size,
            num_hidden_layers=num_hidden_layers,
            num_attention_heads=num_attention_heads,
            num_key_value_heads=num_key_value_heads,
            max_position_embeddings=max_position_embeddings,
            rms_norm_eps=rms_norm_eps,
            tie_word_embeddings=tie_word_embeddings,
            rope_theta=rope_theta,
            pad_token_id=pad_token_id,
            bos_token_id=bos_token_id,
            eos_token_id=eos_token_id,
            **kwargs,
        )

    @property
    def image_token_id(self) -> int:
        """`im_patch_token` by the name that transformers' vision-language models use."""
        return self.im_patch_token

    @property
    def stop_token_ids(self) -> list[int]:
        """Ids at which an answer ends: ``<|endoftext|>`` and ``<|im_end|>``."""
        eos = self.eos_token_id
        declared = eos if isinstance(eos, list) else [] if eos is None else [eos]
        return sorted({*declared, self.turn_end_token_id})

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> "GotOcrConfig":
        """Build a configuration from the fields of config.json: the original's flat form or the port's nested one."""
        default = DEFAULT_INSTRUCTIONS.get(str(config_dict.get("model_type")))
        if "text_config" in config_dict:
            config_dict = flatten_port_config(config_dict)
        if default is not None and not config_dict.get("default_instruction"):
            config_dict = {**config_dict, "default_instruction": default}
        config: GotOcrConfig = super().from_dict(config_dict, **kwargs)
        return config

    def to_dict(self) -> dict[str, Any]:
        """Serialise; `rope_theta` stays at the top level, where the original's readers and transformers 4 look."""
        output: dict[str, Any] = super().to_dict()
        rope_parameters = output.get("rope_parameters")
        if rope_parameters:
            output["rope_theta"] = rope_parameters["rope_theta"]
        return output


def flatten_port_config(config_dict: dict[str, Any]) -> dict[str, Any]:
    """Turn a nested `got_ocr2` configuration of transformers' port into the original's flat form.

    Args:
        config_dict: The port's config.json as a dictionary; not changed.

    Returns:
        A dictionary of :class:`GotOcrConfig` fields.
    """
    text = dict(config_dict["text_config"])
    vision = dict(config_dict.get("vision_config") or {})
    for nested in (text, vision):
        nested.pop("model_type", None)
        nested.pop("architectures", None)
    output_channels = vision.get("output_channels", 256)
    hidden_size = text.get("hidden_size", 1024)
    vision.setdefault("compressor_channels", [2 * output_channels, hidden_size])
    # The port's own default of 1e-10 does not train; its checkpoints carry every weight, so nothing else changes.
    vision.pop("initializer_range", None)
    im_patch_token = config_dict.get("image_token_index", 151859)
    kept = ("architectures", "dtype", "torch_dtype", "tie_word_embeddings")
    top = {key: config_dict[key] for key in kept if key in config_dict}
    for key in ("pad_token_id", "bos_token_id", "eos_token_id"):
        if text.get(key) is None:
            text.pop(key, None)
    return {
        **text,
        **top,
        "vision_config": vision,
        # The special tokens stand in a fixed order (see processing/tokenizer.py), so one id gives the others.
        "im_patch_token": im_patch_token,
        "im_end_token": im_patch_token - 1,
        "im_start_token": im_patch_token - 2,
        "turn_end_token_id": im_patch_token - 214,
    }
