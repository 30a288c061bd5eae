"""Finding checkpoints that are on this machine already; no network."""

from pathlib import Path

BUILTIN_CHECKPOINT = Path(__file__).resolve().parent.parent / "assets" / "nano"
FULL_CHECKPOINTS = ("stepfun-ai/GOT-OCR2_0", "ucaslcl/GOT-OCR2_0", "stepfun-ai/GOT-OCR-2.0-hf")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


def find_cached_checkpoint() -> Path | None:
    """Find the full model in the Hugging Face cache.

    Returns:
        The folder of the first complete snapshot among `FULL_CHECKPOINTS`, or None. Never asks the network.
    """
    from huggingface_hub import try_to_load_from_cache

    for repo_id in FULL_CHECKPOINTS:
        config = try_to_load_from_cache(repo_id, "config.json")
        if not isinstance(config, str):
            continue
        folder = Path(config).parent
        if any((folder / name).exists() for name in _WEIGHTS) and _has_tokenizer(folder):
            return folder
    return None


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("qwen.tiktoken", "tokenizer.json"))
