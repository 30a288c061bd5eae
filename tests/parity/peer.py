"""The peer: transformers' own port of GOT-OCR 2.0, given the same random weights as our model.

The names are mapped here by hand, apart from got_ocr's own layout code, so that an error there cannot hide.
"""

import re

import torch
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.reading.model import GotOcrForConditionalGeneration

RENAMES = [
    (r"^model\.vision_tower_high\.net_2\.", "model.multi_modal_projector.conv_upsampler1."),
    (r"^model\.vision_tower_high\.net_3\.", "model.multi_modal_projector.conv_upsampler2."),
    (r"^model\.mm_projector_vary\.", "model.multi_modal_projector.multimodal_projector."),
    (r"^model\.vision_tower_high\.patch_embed\.proj\.", "model.vision_tower.patch_embed.projection."),
    (r"^model\.vision_tower_high\.blocks\.(\d+)\.norm([12])\.", r"model.vision_tower.layers.\1.layer_norm\2."),
    (r"^model\.vision_tower_high\.blocks\.", "model.vision_tower.layers."),
    (r"^model\.vision_tower_high\.neck\.0\.", "model.vision_tower.neck.conv1."),
    (r"^model\.vision_tower_high\.neck\.1\.", "model.vision_tower.neck.layer_norm1."),
    (r"^model\.vision_tower_high\.neck\.2\.", "model.vision_tower.neck.conv2."),
    (r"^model\.vision_tower_high\.neck\.3\.", "model.vision_tower.neck.layer_norm2."),
    (r"^model\.vision_tower_high\.", "model.vision_tower."),
    (r"^model\.(embed_tokens|layers|norm)\.", r"model.language_model.\1."),
]


def peer_name(name: str) -> str:
    """The port's name of one of our tensors."""
    for pattern, replacement in RENAMES:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    return name


def randomise(model: torch.nn.Module, seed: int = 0) -> None:
    """Give every tensor weights that matter: norms off one, positions off zero, activations of ordinary size."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1 and "norm" in name and name.endswith("weight"):
                parameter.copy_(1 + 0.2 * torch.randn(parameter.shape, generator=generator))
            elif "rel_pos" in name or "pos_embed" in name or parameter.ndim == 1:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
            else:
                fan_in = parameter[0].numel()
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * fan_in**-0.5)


def make_pair(config: GotOcrConfig) -> tuple[GotOcrForConditionalGeneration, GotOcr2ForConditionalGeneration]:
    """Our model and the peer with equal random weights, float32, evaluation mode."""
    ours = GotOcrForConditionalGeneration(config).eval()
    randomise(ours)
    vision = config.vision_config
    peer_config = GotOcr2Config(
        vision_config={
            "hidden_size": vision.hidden_size,
            "output_channels": vision.output_channels,
            "num_hidden_layers": vision.num_hidden_layers,
            "num_attention_heads": vision.num_attention_heads,
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
            "window_size": vision.window_size,
            "global_attn_indexes": vision.global_attn_indexes,
            "mlp_dim": vision.mlp_dim,
        },
        text_config={
            "model_type": "qwen2",
            "vocab_size": config.vocab_size,
            "hidden_size": config.hidden_size,
            "intermediate_size": config.intermediate_size,
            "num_hidden_layers": config.num_hidden_layers,
            "num_attention_heads": config.num_attention_heads,
            "num_key_value_heads": config.num_key_value_heads,
            "rms_norm_eps": config.rms_norm_eps,
            "rope_theta": 1e6,
            "tie_word_embeddings": True,
            "max_position_embeddings": config.max_position_embeddings,
            "pad_token_id": config.pad_token_id,
        },
        image_token_index=config.im_patch_token,
        image_seq_length=config.image_token_len,
        tie_word_embeddings=True,
    )
    peer = GotOcr2ForConditionalGeneration(peer_config).eval()
    state = {peer_name(name): tensor for name, tensor in ours.state_dict().items()}
    peer.load_state_dict(state, strict=True)
    peer.tie_weights()
    return ours, peer
