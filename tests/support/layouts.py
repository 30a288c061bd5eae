"""Write the published checkpoint layouts, by rules spelled here again, not taken from the code under test."""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

LAYOUTS = ("got", "transformers", "transformers-4.49", "mlx")
_TOWER = "model.vision_tower_high."
_PORT_NAMES = {
    "blocks.": "layers.",
    "norm1.": "layer_norm1.",
    "norm2.": "layer_norm2.",
    "patch_embed.proj.": "patch_embed.projection.",
    "neck.0.": "neck.conv1.",
    "neck.1.": "neck.layer_norm1.",
    "neck.2.": "neck.conv2.",
    "neck.3.": "neck.layer_norm2.",
}
_MLX_NAMES = {"neck.0.": "conv1.", "neck.1.": "norm1.", "neck.2.": "conv2.", "neck.3.": "norm2."}


def published_tensors(model, layout: str) -> dict[str, Tensor]:
    """The model's tensors as a checkpoint of that layout has them."""
    tensors = {}
    for name, tensor in model.state_dict().items():
        tensor = tensor.clone()
        if layout == "got":
            tensors[name] = tensor
        elif name == "lm_head.weight":
            if layout == "transformers-4.49":
                tensors["language_model.lm_head.weight"] = tensor
        elif not name.startswith(_TOWER) and "mm_projector" not in name:
            prefix = "model.language_model." if layout == "transformers" else "language_model.model."
            tensors[prefix + name.removeprefix("model.")] = tensor
        elif layout == "mlx":
            if name.startswith("model.mm_projector_vary."):
                name = name.replace("model.mm_projector_vary.", "multi_modal_projector.")
            else:
                name = "vision_tower." + _replace(name.removeprefix(_TOWER), _MLX_NAMES)
                if tensor.ndim == 4 and not name.endswith("pos_embed"):
                    tensor = tensor.permute(0, 2, 3, 1).contiguous()
            tensors[name] = tensor
        else:
            prefix = "model." if layout == "transformers" else ""
            if name.startswith("model.mm_projector_vary."):
                name = name.replace("model.mm_projector_vary.", "multi_modal_projector.multimodal_projector.")
            elif match := re.match(rf"{_TOWER}net_([23])\.", name):
                name = f"multi_modal_projector.conv_upsampler{int(match[1]) - 1}.weight"
            else:
                name = "vision_tower." + _replace(name.removeprefix(_TOWER), _PORT_NAMES)
            tensors[prefix + name] = tensor
    return tensors


def _replace(name: str, table: dict[str, str]) -> str:
    for old, new in table.items():
        name = name.replace(old, new)
    return name


def published_config(config, layout: str) -> dict:
    """config.json as a checkpoint of that layout has it."""
    flat = {key: value for key, value in config.to_dict().items() if key != "vision_config"}
    vision = config.vision_config.to_dict()
    if layout == "got":
        return {
            **flat,
            "vision_config": vision,
            "architectures": ["GOTQwenForCausalLM"],
            "auto_map": {
                "AutoConfig": "modeling_GOT.GOTConfig",
                "AutoModel": "modeling_GOT.GOTQwenForCausalLM",
            },
        }
    compressor = vision.pop("compressor_channels")
    assert compressor == [2 * vision["output_channels"], config.hidden_size], "the port knows no other sizes"
    return {
        "model_type": "got_ocr2",
        "architectures": ["GotOcr2ForConditionalGeneration"],
        "image_token_index": config.im_patch_token,
        "image_seq_length": config.image_token_len,
        "text_config": {**flat, "model_type": "qwen2"},
        "vision_config": {**vision, "model_type": "got_ocr2_vision" if layout == "transformers" else ""},
        "pad_token_id": config.pad_token_id,
    }


def write_checkpoint(model, folder: Path, layout: str, shards: int = 1) -> Path:
    """Write weights and config.json of a published layout, without tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(published_config(model.config, layout)))
    tensors = published_tensors(model, layout)
    metadata = {"format": "mlx" if layout == "mlx" else "pt"}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata)
        return folder
    weight_map = {}
    for index in range(shards):
        file = f"model-{index + 1:05d}-of-{shards:05d}.safetensors"
        part = dict(list(tensors.items())[index::shards])
        save_file(part, folder / file, metadata)
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def assert_same_weights(left, right) -> None:
    """Equal names, dtypes and bits."""
    left, right = (x if isinstance(x, dict) else x.state_dict() for x in (left, right))
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype, name
        assert torch.equal(left[name], right[name]), name
