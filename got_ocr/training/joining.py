"""A vision tower of one checkpoint and a Qwen2 decoder of another become one model."""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM
from transformers.utils.hub import cached_file

from got_ocr.configuration.config import GotOcrConfig, GotOcrVisionConfig
from got_ocr.modeling.checkpoint import TOWER, open_checkpoint
from got_ocr.processing.tokenizer import SPECIAL_TOKENS
from got_ocr.reading.model import GotOcrForConditionalGeneration

logger = logging.getLogger(__name__)

_NOT_THE_DECODERS = (
    "_name_or_path", "architectures", "auto_map", "bos_token_id", "dtype", "eos_token_id", "model_type",
    "pad_token_id", "torch_dtype", "transformers_version", "vocab_size",
)  # fmt: skip


def token_ids(tokenizer: Any) -> dict[str, int]:
    """The fields of GotOcrConfig that a vocabulary decides.

    Args:
        tokenizer: A GOT tokenizer.

    Returns:
        `vocab_size` and the ids of special tokens.
    """
    ids = {text: tokenizer.convert_tokens_to_ids(text) for text in SPECIAL_TOKENS}
    end = ids["<|endoftext|>"]
    return {
        "vocab_size": ids[SPECIAL_TOKENS[-1]] + 1,
        "im_start_token": ids["<img>"],
        "im_end_token": ids["</img>"],
        "im_patch_token": ids["<imgpad>"],
        "turn_end_token_id": ids["<|im_end|>"],
        "pad_token_id": end,
        "bos_token_id": end,
        "eos_token_id": end,
    }


def read_tower_config(checkpoint: str) -> GotOcrVisionConfig:
    """Read the sizes of a GOT checkpoint's vision tower.

    Args:
        checkpoint: Folder or Hub id.

    Returns:
        The sizes.

    Raises:
        OSError: If there is no config.json.
    """
    fields, _ = GotOcrConfig.get_config_dict(checkpoint)
    return GotOcrConfig.from_dict(fields).vision_config


def put_tower(model: GotOcrForConditionalGeneration, checkpoint: str) -> None:
    """Copy the vision tower of a checkpoint into a model.

    Args:
        model: Gets the tower's weights.
        checkpoint: Folder or Hub id, of any published layout.

    Raises:
        ValueError: If the tower lacks tensors or has other shapes.
    """
    tower = model.model.vision_tower_high
    stored = open_checkpoint(checkpoint).read_state_dict()
    state = {name.removeprefix(TOWER): tensor for name, tensor in stored.items() if name.startswith(TOWER)}
    expected = {name: tuple(tensor.shape) for name, tensor in tower.state_dict().items()}
    wrong = [name for name, shape in expected.items() if name not in state or tuple(state[name].shape) != shape]
    if wrong:
        found = tuple(state[wrong[0]].shape) if wrong[0] in state else "missing"
        raise ValueError(
            f"{checkpoint}: its vision tower does not fit: {TOWER}{wrong[0]} is {found}, the model wants "
            f"{expected[wrong[0]]} ({len(wrong)} of {len(expected)} tensors differ)."
        )
    tower.load_state_dict({name: state[name] for name in expected})


def load_decoder(checkpoint: str, tokenizer: Any) -> Qwen2ForCausalLM:
    """Load a Qwen2 checkpoint in float32 and see that it has GOT's vocabulary.

    Args:
        checkpoint: Folder of safetensors, or Hub id.
        tokenizer: The GOT tokenizer that it will be used with.

    Returns:
        The decoder.

    Raises:
        ValueError: If it is another kind of model, or its vocabulary numbers tokens otherwise.
        OSError: If it is not there.
    """
    fields, _ = Qwen2Config.get_config_dict(checkpoint)
    if fields.get("model_type") != "qwen2":
        raise ValueError(
            f"model.decoder must be a Qwen2 checkpoint (model type 'qwen2'), but {checkpoint} is "
            f"{fields.get('model_type')!r}."
        )
    _check_vocabulary(checkpoint, tokenizer)
    return Qwen2ForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, use_safetensors=True)


def _check_vocabulary(checkpoint: str, tokenizer: Any) -> None:
    """Qwen2 and GOT have the same byte pairs under the same ids; see that it is so where a tokenizer.json is there."""
    file = cached_file(checkpoint, "tokenizer.json", _raise_exceptions_for_missing_entries=False)
    if file is None:
        logger.warning("%s has no tokenizer.json: its token ids are taken to be GOT's, unchecked.", checkpoint)
        return
    theirs = json.loads(Path(file).read_text(encoding="utf-8"))["model"]["vocab"]
    ours = tokenizer.get_vocab()
    different = [token for token, index in theirs.items() if ours.get(token) != index]
    if different:
        token = different[0]
        raise ValueError(
            f"{checkpoint} has another vocabulary than the tokenizer: {len(different)} of its {len(theirs)} tokens "
            f"have other ids, such as {token!r} ({theirs[token]}, not {ours.get(token)})."
        )


def decoder_fields(config: Qwen2Config) -> dict[str, Any]:
    """The fields of a Qwen2 configuration that shape the decoder, for GotOcrConfig."""
    return {name: value for name, value in config.to_dict().items() if name not in _NOT_THE_DECODERS}


def put_decoder(model: GotOcrForConditionalGeneration, decoder: Qwen2ForCausalLM, seed: int) -> None:
    """Copy a decoder into a model, its vocabulary cut or widened to the model's.

    Rows that the decoder has are kept, also those of special tokens that Qwen2 reserved and never trained, as in the
    published model. Rows beyond are drawn around the mean of the others.

    Args:
        model: Gets the weights.
        decoder: Of the sizes that the model's configuration was made of.
        seed: Of new rows.
    """
    state = decoder.state_dict()
    generator = torch.Generator().manual_seed(seed)
    names = ["model.embed_tokens.weight", "lm_head.weight"]
    for name in names:
        rows = state[name]
        num_new = model.config.vocab_size - rows.shape[0]
        if num_new > 0:
            noise = torch.randn(num_new, rows.shape[1], generator=generator) * model.config.initializer_range
            rows = torch.cat([rows, rows.mean(dim=0, keepdim=True) + noise])
        state[name] = rows[: model.config.vocab_size]
    if model.config.tie_word_embeddings:
        del state["lm_head.weight"]
    result = model.load_state_dict(state, strict=False)
    own = ("model.vision_tower_high.", "model.mm_projector_vary.", "lm_head.")
    lacking = [name for name in result.missing_keys if not name.startswith(own)]
    if lacking or result.unexpected_keys:
        raise ValueError(f"the decoder's tensors do not fit: {(lacking + result.unexpected_keys)[:3]}.")
