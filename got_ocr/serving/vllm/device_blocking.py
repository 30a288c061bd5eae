"""N-gram blocking and the end of loops in vLLM's second model runner, where tokens stay on the device.

See :mod:`sampling` for what a request may say, and :mod:`blocking` for the same in the first model runner.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from vllm.v1.worker.gpu.sample.logits_processor.interface import LogitsProcessor

from ...modeling.generation import RepetitionStop
from .device_index import LONGEST_NGRAM, DeviceNGramIndex, find_loops
from .sampling import GotOcrSampling

NO_LOGIT = -float("inf")


class GotOcrDeviceLogitsProcessor(LogitsProcessor):  # type: ignore[misc, unused-ignore]
    """Bans tokens of each request that asks for it.

    Args:
        vllm_config: vLLM's.
        req_states: Its tokens of all requests.
    """

    def __init__(self, vllm_config: Any, req_states: Any) -> None:
        config = vllm_config.model_config.hf_config
        self._config = config
        self._states = req_states
        self._asked: list[GotOcrSampling | None] = [None] * req_states.max_num_reqs
        self._new: list[int] = []
        self._stop = RepetitionStop(0)
        length = req_states.all_token_ids.gpu.shape[1]
        self._index = DeviceNGramIndex(req_states.max_num_reqs, length, req_states.device)

    @classmethod
    def validate_params(cls, sampling_params: Any) -> None:
        """Check what a request says. Raises: ValueError: If a value is not allowed."""
        asked = GotOcrSampling.of(sampling_params.extra_args)
        if asked.ngram_size is not None and asked.ngram_size > LONGEST_NGRAM:
            raise ValueError(f"no_repeat_ngram_size must be at most {LONGEST_NGRAM}, got {asked.ngram_size}.")

    def add_request(self, req_idx: int, sampling_params: Any) -> bool:
        """Learn of a request. Returns: whether its logits are changed."""
        asked = GotOcrSampling.of(sampling_params.extra_args)
        is_idle = asked.ngram_size == 0 and not asked.stop_loops and not asked.suppressed_tokens
        self._asked[req_idx] = None if is_idle else asked
        self._new.append(req_idx)
        return not is_idle

    def apply_staged_writes(self) -> None:
        """Take in the prompts of new requests, which are on the device by now."""
        for place in self._new:
            asked = self._asked[place]
            length = int(self._states.prefill_len.np[place])
            tokens = self._states.all_token_ids.gpu[place, :length]
            if asked is None:
                self._index.sizes[place] = 0
                continue
            self._index.begin(place, tokens, self._choose_size(asked, tokens))
        self._new.clear()

    def _choose_size(self, asked: GotOcrSampling, tokens: Tensor) -> Tensor:
        """Choose the size of n-grams without waiting for the device. Returns: () int64."""
        config = self._config
        several = config.image_token_len + 1
        for_one, for_several = (
            asked.choose_ngram_size(count, config.image_token_len, bool(config.slicing)) for count in (1, several)
        )
        is_several = (tokens == config.im_patch_token).sum() >= several
        return torch.where(is_several, for_several, for_one)

    def apply(self, logits: Tensor, ctx: Any) -> Tensor:
        """Ban. Args: logits: (rows, V) float32, changed; ctx: Which row is whose. Returns: them."""
        places = ctx.expanded_idx_mapping.to(torch.int64)
        if all(self._asked[place] is None for place in ctx.idx_mapping_np):
            return logits
        tokens = self._states.all_token_ids.gpu
        lengths = ctx.pos.to(torch.int64) + 1
        longest = int(ctx.seq_lens_upper_bound_np.max())
        is_banned = self._index.find_banned(tokens, places, lengths, longest)
        ban = torch.zeros(is_banned.shape, dtype=logits.dtype, device=logits.device).masked_fill_(is_banned, NO_LOGIT)
        logits.scatter_add_(1, tokens[places, :longest].to(torch.int64), ban)
        self._suppress(logits, ctx.idx_mapping_np)
        self._end_loops(logits, ctx, places, lengths)
        return logits

    def _suppress(self, logits: Tensor, places: np.ndarray) -> None:
        for row, place in enumerate(places):
            asked = self._asked[place]
            if asked is not None and asked.suppressed_tokens:
                logits[row, list(asked.suppressed_tokens)] = NO_LOGIT

    def _end_loops(self, logits: Tensor, ctx: Any, places: Tensor, lengths: Tensor) -> None:
        """Leave only the end to answers in a loop; rows are looked at as seldom as `RepetitionStop` does."""
        generated = ctx.seq_lens_upper_bound_np - self._states.prompt_len.np[ctx.idx_mapping_np]
        due = [
            row
            for row, (place, count) in enumerate(zip(ctx.idx_mapping_np, generated, strict=True))
            if (asked := self._asked[place]) is not None
            and asked.stop_loops
            and count >= self._stop.min_tokens
            and count % self._stop.check_every == 0
        ]
        if not due:
            return
        rows = torch.tensor(due, device=logits.device)
        counts = torch.tensor(generated[due], dtype=torch.int64, device=logits.device)
        is_loop = find_loops(self._states.all_token_ids.gpu, places[rows], lengths[rows], counts, self._stop)
        only_end = torch.full_like(logits[:1], NO_LOGIT)
        only_end[0, self._config.turn_end_token_id] = 0.0
        logits[rows] = torch.where(is_loop.unsqueeze(1), only_end, logits[rows])
