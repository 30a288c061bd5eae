"""The port's configuration files, from ours."""

from typing import Any

from transformers import Qwen2Config

from ..configuration.config import GotOcrConfig
from ..processing.image_processor import GotOcrImageProcessor

# What the port's tower can be told; its neck, strides and token width follow from these.
_VISION_FIELDS = (
    "hidden_size", "output_channels", "num_hidden_layers", "num_attention_heads", "num_channels", "image_size",
    "patch_size", "hidden_act", "layer_norm_eps", "qkv_bias", "use_abs_pos", "use_rel_pos", "window_size",
    "global_attn_indexes", "mlp_dim",
)  # fmt: skip


def port_config(config: GotOcrConfig, dtype: str) -> dict[str, Any]:
    """Write a configuration as the port's `config.json` has it.

    Args:
        config: The model's configuration.
        dtype: Name of the weights' dtype.

    Returns:
        The file's fields.

    Raises:
        ValueError: If the model has sizes that the port can't express.
    """
    vision = config.vision_config
    compressor = [2 * vision.output_channels, config.hidden_size]
    if vision.compressor_channels != compressor or vision.compressor_strides != [2, 2]:
        raise ValueError(
            f"transformers' port only knows a compressor of {compressor} channels with strides [2, 2] for this model, "
            f"not {vision.compressor_channels} with {vision.compressor_strides}: it can't hold this model."
        )
    fields = config.to_dict()
    text = {name: fields[name] for name in Qwen2Config().to_dict() if name in fields}
    for name in ("architectures", "auto_map", "custom_pipelines", "transformers_version", "_name_or_path"):
        text.pop(name, None)
    rope = {"rope_theta": fields["rope_theta"]}  # where transformers 4 looks; transformers 5 reads both
    return {
        "architectures": ["GotOcr2ForConditionalGeneration"],
        "model_type": "got_ocr2",
        "image_token_index": config.im_patch_token,
        "image_seq_length": config.image_token_len,
        "tie_word_embeddings": config.tie_word_embeddings,
        "pad_token_id": config.pad_token_id,
        "torch_dtype": dtype,  # transformers 4's name, which transformers 5 reads too
        "text_config": {**text, **rope, "model_type": "qwen2", "torch_dtype": dtype},
        "vision_config": {"model_type": "got_ocr2_vision", **{name: getattr(vision, name) for name in _VISION_FIELDS}},
    }


def port_image_processor(image_processor: GotOcrImageProcessor) -> dict[str, Any]:
    """The port's `preprocessor_config.json`."""
    side = image_processor.size
    return {
        "image_processor_type": "GotOcr2ImageProcessor",
        "processor_class": "GotOcr2Processor",
        "do_resize": True,
        "size": {"height": side, "width": side},
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": image_processor.image_mean,
        "image_std": image_processor.image_std,
        "do_convert_rgb": True,
        "crop_to_patches": False,
        "min_patches": 1,
        "max_patches": image_processor.max_tiles,
    }
