"""Defaults that pay for reading pages, set where vLLM's own are meant for chats.

- Answers are greedy, as the model was published; a request's `temperature` wins.
- N-grams are blocked and loops stopped as `model.chat` does (see :mod:`blocking`).
- No prefix caching, no cache of prepared pictures: no two pages begin alike.
- Prompts are written by :mod:`tokenizer`.

`GOT_OCR_VLLM_DEFAULTS=0` leaves caches and temperature as vLLM has them.
"""

import logging
import os
from typing import Any

from vllm.model_executor.models.config import VerifyAndUpdateConfig

logger = logging.getLogger(__name__)

SWITCH = "GOT_OCR_VLLM_DEFAULTS"
TOKENIZER_MODE = "got_ocr"
# vLLM has two model runners with an interface each for what changes logits.
LOGITS_PROCESSOR = f"{__package__}.blocking:GotOcrLogitsProcessor"
DEVICE_LOGITS_PROCESSOR = f"{__package__}.device_blocking:GotOcrDeviceLogitsProcessor"


class GotOcrVllmDefaults(VerifyAndUpdateConfig):  # type: ignore[misc, unused-ignore]
    """What vLLM calls with the configuration of an engine that is to serve GOT."""

    @staticmethod
    def verify_and_update_model_config(model_config: Any) -> None:
        """Choose tokenizer and sampling. Args: model_config: vLLM's; changed."""
        if model_config.tokenizer_mode == "auto":
            model_config.tokenizer_mode = TOKENIZER_MODE
        if is_on():
            model_config.override_generation_config = {
                "temperature": 0.0,
                **(model_config.override_generation_config or {}),
            }

    @staticmethod
    def verify_and_update_config(vllm_config: Any) -> None:
        """Choose caches and what changes logits. Args: vllm_config: vLLM's; changed."""
        model_config = vllm_config.model_config
        add_logits_processor(vllm_config)
        if vllm_config.compilation_config.cudagraph_mm_encoder and model_config.hf_config.slicing:
            logger.warning("cudagraph_mm_encoder is off: slices are of several heights, and a graph is of one.")
            vllm_config.compilation_config.cudagraph_mm_encoder = False
        if is_on():
            vllm_config.cache_config.enable_prefix_caching = False
            if model_config.multimodal_config is not None:
                model_config.multimodal_config.mm_processor_cache_gb = 0


def is_on() -> bool:
    """Tell whether caches and temperature are to be set."""
    return os.environ.get(SWITCH, "1") != "0"


def add_logits_processor(vllm_config: Any) -> None:
    """Add n-gram blocking where vLLM takes it: not with speculative decoding of its first model runner.

    Args:
        vllm_config: vLLM's; changed.
    """
    model_config = vllm_config.model_config
    chosen = DEVICE_LOGITS_PROCESSOR if vllm_config.use_v2_model_runner else LOGITS_PROCESSOR
    given = list(model_config.logits_processors or [])
    if vllm_config.speculative_config is not None:
        logger.warning("speculative decoding: n-grams are not blocked and loops not stopped.")
    elif chosen not in given:
        model_config.logits_processors = [*given, chosen]
