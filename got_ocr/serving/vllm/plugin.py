"""What vLLM calls when it starts, in each of its processes, several times: it learns of GOT, and loads nothing yet."""

from pathlib import Path

from ...hub.trust import MODEL_TYPES

# The published architectures: of the original, of transformers' port (and of the checkpoints made from it), and ours.
ARCHITECTURES = ("GOTQwenForCausalLM", "GotOcr2ForConditionalGeneration", "GotOcrForConditionalGeneration")
MODEL = f"{__package__}.model:GotOcrForVllm"
TOKENIZER_MODE = "got_ocr"


def register() -> None:
    """Tell vLLM of the architectures, of the tokenizer with its chat prompts, and of the defaults that pay."""
    from vllm import ModelRegistry
    from vllm.renderers.registry import RENDERER_REGISTRY
    from vllm.tokenizers.registry import TokenizerRegistry

    import got_ocr  # noqa: F401  Auto classes learn of the configurations.

    from .parent_watch import watch_parent

    watch_parent()

    for name in ARCHITECTURES:
        ModelRegistry.register_model(name, MODEL)
    if TOKENIZER_MODE not in TokenizerRegistry.tokenizers:
        TokenizerRegistry.register(TOKENIZER_MODE, f"{__package__}.tokenizer", "GotOcrVllmTokenizer")
    if TOKENIZER_MODE not in RENDERER_REGISTRY.renderers:
        RENDERER_REGISTRY.register(TOKENIZER_MODE, *RENDERER_REGISTRY.renderers["hf"])
    _register_defaults()
    _register_chat_template()


def _register_defaults() -> None:
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP

    from .defaults import GotOcrVllmDefaults

    MODELS_CONFIG_MAP.update(dict.fromkeys(ARCHITECTURES, GotOcrVllmDefaults))


def _register_chat_template() -> None:
    """Name a template for folders without one; quietly when called again, of which vLLM would warn."""
    from vllm.transformers_utils.chat_templates import get_chat_template_fallback_path
    from vllm.transformers_utils.chat_templates.registry import register_chat_template_fallback_path

    from ...hub.cache import BUILTIN_CHECKPOINT
    from ...processing.chat_template import CHAT_TEMPLATE_FILE

    path = Path(BUILTIN_CHECKPOINT) / CHAT_TEMPLATE_FILE
    for model_type in MODEL_TYPES:
        if get_chat_template_fallback_path(model_type, "") is None:
            register_chat_template_fallback_path(model_type, path)
