"""N-gram blocking and the end of loops in vLLM's first model runner: each request has its own index of n-grams.

A token costs one entry and one look-up, however long the answer is; vLLM's own processors of this kind compare the
end of the answer with all of it at every step.
"""

from typing import Any

import torch
from torch import Tensor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates
from vllm.v1.sample.logits_processor.interface import LogitsProcessor

from ...modeling.generation import NGramTable, RepetitionStop
from .request_state import RequestState
from .sampling import GotOcrSampling


class GotOcrLogitsProcessor(LogitsProcessor):  # type: ignore[misc, unused-ignore]
    """Bans tokens of each request that asks for it; see :mod:`sampling` for what a request may say.

    Args:
        vllm_config: vLLM's.
        device: Where logits are.
        is_pin_memory: Means nothing here.
    """

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        config = vllm_config.model_config.hf_config
        self._image_token_id = config.im_patch_token
        self._image_token_len = config.image_token_len
        self._made_for_slices = bool(config.slicing)
        self._stop_id = config.turn_end_token_id
        self._requests: dict[int, RequestState] = {}

    @classmethod
    def validate_params(cls, sampling_params: Any) -> None:
        """Check what a request says. Raises: ValueError: If a value is not allowed."""
        GotOcrSampling.of(sampling_params.extra_args)

    def is_argmax_invariant(self) -> bool:
        """Tell whether greedy answers stay what they are: they don't."""
        return False

    def update_state(self, batch_update: Any) -> None:
        """Learn which requests came, went and moved."""
        process_dict_updates(self._requests, batch_update, self._make_state)

    def _make_state(self, params: Any, prompt: list[int] | None, output: list[int]) -> RequestState | None:
        asked = GotOcrSampling.of(params.extra_args)
        prompt = prompt or []
        ngram_size = asked.choose_ngram_size(
            prompt.count(self._image_token_id), self._image_token_len, self._made_for_slices
        )
        if not (ngram_size or asked.stop_loops or asked.suppressed_tokens):
            return None
        return RequestState(
            prompt,
            output,
            NGramTable(ngram_size) if ngram_size else None,
            RepetitionStop(len(prompt)) if asked.stop_loops else None,
            asked.suppressed_tokens,
        )

    def apply(self, logits: Tensor) -> Tensor:
        """Ban. Args: logits: (requests, V) float, changed. Returns: them."""
        rows: list[int] = []
        tokens: list[int] = []
        ended: list[int] = []
        for row, request in self._requests.items():
            banned = request.find_banned()
            if request.is_loop():
                ended.append(row)
            rows += [row] * len(banned)
            tokens += banned
        if rows:
            logits[rows, tokens] = -float("inf")
        if ended:
            logits[ended] = -float("inf")
            logits[ended, [self._stop_id] * len(ended)] = 0.0
        return logits
