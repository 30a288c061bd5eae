"""From prepared batches to answers: greedy generation that goes on with the rows that are left."""

import copy
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache
from transformers.feature_extraction_utils import BatchFeature
from transformers.generation import LogitsProcessorList, StoppingCriteriaList

from ..configuration.config import GotOcrConfig
from ..layout.time_limit import is_out_of_time
from ..modeling.drafts import DraftCandidates, verify_drafts
from ..modeling.finite import check_finite, explain_non_finite
from ..modeling.generation import FewRowsLeft, RepetitionStop, TokenProbabilityRecorder, make_cache
from ..modeling.language_model import GotOcrLanguageModel
from ..processing.processor import GotOcrProcessor
from .answer import GotOcrAnswer
from .drafting import spell_draft
from .engine import limit_new_tokens
from .generating import Generation, make_answer
from .streaming import CallbackStreamer, StopEvent, StopInTime

SAMPLING_OPTIONS = ("temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff")
SCORED_AT_ONCE = 64  # Positions whose logits are in memory at a time.
ROWS_LEFT_SHARE = 0.5  # Once no more of a batch than this is unfinished, the rest goes on as a smaller batch.


class AnswerGenerator:
    """The engine that computes in torch.

    Args:
        model: The network.
        processor: The checkpoint's.
    """

    def __init__(self, model: GotOcrLanguageModel, processor: GotOcrProcessor) -> None:
        self.model = model
        self.processor = processor
        self.config: GotOcrConfig = model.config
        self.calls_at_once = 1

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.model.device

    def generate(self, inputs: BatchFeature, generation: Generation) -> list[GotOcrAnswer]:
        """Generate for one prepared batch and take each answer apart.

        Args:
            inputs: What the processor made.
            generation: How.

        Returns:
            One answer a row.

        Raises:
            ValueError: If the decoder has no room behind the prompt, or the network computes NaN.
        """
        inputs = inputs.to(self.model.device)
        if not generation.drafts:
            return self._generate_batch(inputs, generation)
        # Rows agree with their drafts for different lengths, so each goes its own way.
        rows = self._split_rows(inputs)
        drafts = generation.drafts * (len(rows) if len(generation.drafts) == 1 else 1)
        return [
            self._generate_batch(row, replace(generation, drafts=(draft,)))[0]
            for row, draft in zip(rows, drafts, strict=True)
        ]

    def _split_rows(self, inputs: Any) -> list[Any]:
        """Make a batch of each row, without padding and with its own images."""
        rows = []
        images = 0
        for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True):
            row = {"input_ids": ids[None, mask == 1], "attention_mask": mask[None, mask == 1]}
            if inputs.get("pixel_values") is not None:
                pixel_values = inputs["pixel_values"]
                tokens = self.config.vision_config.count_image_tokens(pixel_values.shape[2])
                count = int((ids == self.config.im_patch_token).sum()) // tokens
                row["pixel_values"] = pixel_values[images : images + count]
                images += count
            rows.append(row)
        return rows

    def _generate_batch(self, inputs: Any, generation: Generation) -> list[GotOcrAnswer]:
        """Generate for one batch. Returns: one answer a row."""
        prompt_length = inputs["input_ids"].shape[1]
        repetition = RepetitionStop(prompt_length)
        limit = limit_new_tokens(self.config, prompt_length, generation.max_new_tokens)
        generate = self._generate_freely if generation.options else self._generate_rows
        rows, log_probabilities = generate(inputs, replace(generation, max_new_tokens=limit), repetition)
        return [
            self._make_answer(tokens, logs, generation.keep_tokens)
            for tokens, logs in zip(rows, log_probabilities, strict=True)
        ]

    def _make_answer(self, tokens: list[int], log_probabilities: Tensor, keep_tokens: bool) -> GotOcrAnswer:
        decode = partial(self.processor.tokenizer.decode, skip_special_tokens=True)
        answer = make_answer(tokens, log_probabilities.tolist(), self.config.stop_token_ids, decode, keep_tokens)
        check_finite(log_probabilities[: answer.num_tokens], self.model, self.model.dtype)
        return answer

    def _generate_rows(
        self, inputs: Any, generation: Generation, repetition: RepetitionStop
    ) -> tuple[list[list[int]], list[Tensor]]:
        """Generate for one batch, going on with the rows that are left when most have ended.

        Returns:
            Each row's new tokens, filled up with the pad token or not, and their log probabilities, on the CPU.
        """
        streamer = None
        if generation.on_text is not None:
            streamer = CallbackStreamer(self.processor.tokenizer, generation.on_text)
        stop_ids = torch.tensor(self.config.stop_token_ids, device=self.model.device)
        cache = self._prompt_cache(inputs["input_ids"], inputs["attention_mask"])
        left = torch.arange(len(inputs["input_ids"]))
        tokens: list[list[int]] = [[] for _ in left]
        log_probabilities: list[Tensor] = [torch.zeros(0) for _ in left]
        while len(left):
            few = 0 if _in_company() else int(len(left) * ROWS_LEFT_SHARE)
            recorder = TokenProbabilityRecorder()
            criteria = _stopping_criteria(repetition, generation)
            if few:
                criteria.append(FewRowsLeft(stop_ids, few))
            length = inputs["input_ids"].shape[1]
            try:
                sequences = self.model.generate(
                    **inputs,
                    cache=cache,
                    use_cache=True,
                    do_sample=False,
                    num_beams=1,
                    max_new_tokens=generation.max_new_tokens - (length - repetition.prompt_length),
                    no_repeat_ngram_size=generation.ngram_size,
                    suppress_tokens=list(generation.suppressed_tokens) or None,
                    logits_processor=LogitsProcessorList([recorder]),
                    stopping_criteria=criteria,
                    streamer=streamer,
                    **self._draft_options(generation, length, streamer),
                )
            except FloatingPointError as error:
                raise explain_non_finite(self.model, self.model.dtype) from error
            new = sequences[:, length:]
            recorded = torch.stack(recorder.log_probabilities, dim=1).cpu()
            for place, row in enumerate(left.tolist()):
                tokens[row] += new[place].tolist()
                log_probabilities[row] = torch.cat([log_probabilities[row], recorded[place, : new.shape[1]]])
            stopped = torch.isin(sequences[:, -1], stop_ids) | repetition(sequences, new)
            unfinished = (~stopped).nonzero().flatten()
            is_cut = sequences.shape[1] - repetition.prompt_length >= generation.max_new_tokens
            if (
                is_cut
                or len(unfinished) > few
                or (generation.stop_event is not None and generation.stop_event.is_set())
                or (not _in_company() and is_out_of_time())
            ):
                break
            left = left[unfinished.cpu()]
            cache.batch_select_indices(unfinished)
            mask = inputs["attention_mask"][unfinished]
            inputs = {
                "input_ids": sequences[unfinished],
                "attention_mask": torch.nn.functional.pad(mask, (0, new.shape[1]), value=1),
            }
        return tokens, log_probabilities

    def _draft_options(self, generation: Generation, prompt_length: int, streamer: Any) -> dict[str, Any]:
        """What `generate` needs to verify a draft; nothing where there is none."""
        if not generation.drafts:
            return {}
        drafts = spell_draft(generation.drafts[0], self.processor)
        candidates = DraftCandidates(drafts, prompt_length, generation.draft_tokens)
        return {"custom_generate": verify_drafts(candidates, streamer)}

    def _generate_freely(
        self, inputs: Any, generation: Generation, repetition: RepetitionStop
    ) -> tuple[list[list[int]], list[Tensor]]:
        """Generate for one batch with beams, by sampling, or as the caller wants. Returns: as `_generate_rows`."""
        options = dict(generation.options)
        base = options.get("generation_config")
        if base is None:
            # Who gives a temperature or the like means to sample; 0 means not to.
            wants_sampling = any(options.get(name) for name in SAMPLING_OPTIONS)
            options.setdefault("do_sample", bool(wants_sampling))
            if not options["do_sample"]:
                options = {name: value for name, value in options.items() if name not in SAMPLING_OPTIONS}
            options.setdefault("no_repeat_ngram_size", generation.ngram_size)
        limit = min(generation.max_new_tokens, getattr(base, "max_new_tokens", None) or generation.max_new_tokens)
        criteria = _stopping_criteria(repetition, generation)
        if generation.on_text is not None:
            options["streamer"] = CallbackStreamer(self.processor.tokenizer, generation.on_text)
        options |= self._draft_options(generation, repetition.prompt_length, options.get("streamer"))
        if "stop_strings" in options:
            options["tokenizer"] = self.processor.tokenizer
        cache = make_cache(self.config.num_hidden_layers)
        if base is None:
            options["max_new_tokens"] = limit
        else:
            options["generation_config"] = copy.deepcopy(base)
            options["generation_config"].max_new_tokens = limit
        try:
            sequences = self.model.generate(**inputs, cache=cache, stopping_criteria=criteria, **options)
        except RuntimeError as error:
            if "probability tensor" not in str(error):
                raise
            # What torch says when it is to draw by probabilities that are none.
            raise explain_non_finite(self.model, self.model.dtype) from error
        new = sequences[:, repetition.prompt_length :]
        return new.tolist(), list(self._score(inputs, sequences, new))

    @torch.no_grad()
    def _score(self, inputs: Any, sequences: Tensor, new: Tensor) -> Tensor:
        """Tell how probable tokens are to the model, whatever picked them. Returns: (B, new) float32, on the CPU."""
        length = new.shape[1]
        mask = torch.nn.functional.pad(inputs["attention_mask"], (0, length), value=1)
        hidden = self.model.model(
            input_ids=sequences[:, :-1],
            attention_mask=mask[:, :-1],
            pixel_values=inputs.get("pixel_values"),
            use_cache=False,
        ).last_hidden_state[:, -length:]
        scores = []
        for start in range(0, length, SCORED_AT_ONCE):
            logits = self.model.lm_head(hidden[:, start : start + SCORED_AT_ONCE]).float()
            picked = logits.gather(2, new[:, start : start + SCORED_AT_ONCE, None]).squeeze(2)
            scores.append(picked - logits.logsumexp(-1))
        return torch.cat(scores, dim=1).cpu()

    @torch.no_grad()
    def _prompt_cache(self, input_ids: Tensor, attention_mask: Tensor) -> Cache:
        """Make the cache for a batch, filled with what all rows have in common before their first image."""
        cache = make_cache(self.config.num_hidden_layers)
        is_common = (input_ids == input_ids[:1]) & (input_ids != self.config.im_patch_token) & (attention_mask == 1)
        length = int(is_common.all(dim=0).long().cumprod(dim=0).sum())
        if len(input_ids) > 1 and 0 < length < input_ids.shape[1] and not _in_company():
            self.model.model(input_ids=input_ids[:1, :length], cache=cache, use_cache=True)
            cache.batch_repeat_interleave(len(input_ids))
        return cache


def _stopping_criteria(repetition: RepetitionStop, generation: Generation) -> StoppingCriteriaList:
    """What ends every batch."""
    criteria = StoppingCriteriaList([repetition])
    if generation.stop_event is not None:
        criteria.append(StopEvent(generation.stop_event))
    if not _in_company():  # There clocks differ, and all must stop at the same token.
        criteria.append(StopInTime())
    return criteria


def _in_company() -> bool:
    """Whether other processes may hold parts of the model, so that all must call `generate` equally often."""
    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())
