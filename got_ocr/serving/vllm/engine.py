"""Read with vLLM behind `Reader`: whole pages of every checkpoint, those that read slices included.

vLLM runs in processes of its own; batches of several threads go on there side by side.
"""

import asyncio
import itertools
import os
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from transformers.feature_extraction_utils import BatchFeature

from ...configuration.config import GotOcrConfig
from ...layout.time_limit import is_out_of_time
from ...processing.processor import GotOcrProcessor
from ...processing.tokenizer import StreamDecoder
from ...reading.answer import GotOcrAnswer
from ...reading.engine import limit_new_tokens
from ...reading.generating import Generation, make_answer
from .event_loop import EventLoopThread, RunningEngine
from .parent_watch import announce_parent
from .sampling import GotOcrSampling

# vLLM's names of transformers' options; the others it does not have.
OPTIONS = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "no_repeat_ngram_size", "do_sample")
CALLS_AT_ONCE = 4  # While a call's answers are put together, those of others are generated.
GREEDY = 0.0  # vLLM's temperature for the most probable token


@dataclass(frozen=True)
class Row:
    """A prompt of a batch.

    Attributes:
        prompt: Its ids, with one place holder an image.
        images: Pixel values, each (3, height, S) float32.
        length: Its tokens, with all of its place holders.
    """

    prompt: list[int]
    images: list[np.ndarray]
    length: int


class VllmEngine:
    """An engine of vLLM; may be used by several threads at once.

    Args:
        location: The checkpoint: a folder or Hub id.
        dtype: Number format of the weights, as vLLM names it; `auto`: as the checkpoint is stored, float32 on a CPU.
        options: Further arguments of vLLM's engine by name: `max_num_seqs`, `gpu_memory_utilization`,
            `tensor_parallel_size` ...

    Raises:
        ImportError: If vLLM is not installed.
    """

    def __init__(self, location: str, dtype: str = "auto", options: Mapping[str, Any] | None = None) -> None:
        # Said before vLLM is imported: it reports who uses it for what, unless it is told not to.
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        self._numbers = itertools.count()
        loop = EventLoopThread("got-ocr-vllm")
        try:
            loop.run(_import_vllm())
            self.processor = GotOcrProcessor.from_pretrained(location)
            announce_parent()
            self._running = RunningEngine(loop.run(_start(location, dtype, options or {})), loop)
        except BaseException:
            loop.stop()
            raise
        # At the latest when the process ends: before vLLM's own finalizers, since the youngest goes first.
        self._finalizer = weakref.finalize(self, self._running.end)
        self.config: GotOcrConfig = self._llm.model_config.hf_config
        self.calls_at_once = CALLS_AT_ONCE
        self._max_length: int = self._llm.model_config.max_model_len

    @property
    def _llm(self) -> Any:
        return self._running.llm

    @property
    def device(self) -> str:
        """Where vLLM computes."""
        return str(self._llm.vllm_config.device_config.device_type)

    def generate(self, inputs: BatchFeature, generation: Generation) -> list[GotOcrAnswer]:
        """Generate for one prepared batch; see :meth:`got_ocr.reading.engine.Engine.generate`.

        Args:
            inputs: What the processor made.
            generation: How.

        Returns:
            One answer a row.

        Raises:
            ValueError: If a prompt is too long, vLLM does not have an option, or the engine is closed.
        """
        if not self._finalizer.alive:
            raise ValueError("This engine is closed: make another one.")
        rows = split_rows(inputs, self.config)
        longest = max(row.length for row in rows)
        limit = min(limit_new_tokens(self.config, longest, generation.max_new_tokens), self._max_length - longest)
        if limit < 1:
            raise ValueError(
                f"The prompt has {longest} tokens, but vLLM was started for {self._max_length} (max_model_len)."
            )
        parameters = make_sampling_parameters(generation, limit)
        return self._running.loop.run(self._generate_all(rows, parameters, generation))

    async def _generate_all(self, rows: Sequence[Row], parameters: Any, generation: Generation) -> list[GotOcrAnswer]:
        tasks = [asyncio.ensure_future(self._generate(row, parameters, generation)) for row in rows]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _generate(self, row: Row, parameters: Any, generation: Generation) -> GotOcrAnswer:
        prompt: dict[str, Any] = {"prompt_token_ids": row.prompt}
        if row.images:
            prompt["multi_modal_data"] = {"image": row.images}
        (ready,) = await self._llm.renderer.render_cmpl_async([prompt])
        tokenizer = self.processor.tokenizer
        decoder = StreamDecoder(tokenizer) if generation.on_text is not None else None
        tokens: list[int] = []
        logs: list[float] = []
        outputs = self._llm.generate(ready, parameters, f"got-ocr-{next(self._numbers)}")
        try:
            async for output in outputs:
                (new,) = output.outputs
                tokens += new.token_ids
                logs += [entry[token].logprob for token, entry in zip(new.token_ids, new.logprobs, strict=True)]
                if decoder is not None and generation.on_text is not None:
                    _hand_on(decoder.push(*new.token_ids), generation)
                is_stopped = generation.stop_event is not None and generation.stop_event.is_set()
                if not output.finished and (is_stopped or is_out_of_time()):
                    break
        finally:
            await outputs.aclose()
        if decoder is not None:
            _hand_on(decoder.end(), generation)
        decode = partial(tokenizer.decode, skip_special_tokens=True)
        return make_answer(tokens, logs, self.config.stop_token_ids, decode, generation.keep_tokens)

    def close(self) -> None:
        """End vLLM's processes; so does the engine's end, or that of the process."""
        self._finalizer()


def _choose_dtype(dtype: str, location: str) -> str:
    """Choose as reading by torch does; vLLM would make half precision of float32."""
    from vllm.platforms import current_platform

    is_float32 = current_platform.is_cpu() or str(GotOcrConfig.from_pretrained(location).dtype).endswith("float32")
    return "float32" if dtype == "auto" and is_float32 else dtype


def _spare_compiling(settings: dict[str, Any]) -> None:
    """Leave out compiling on a CPU, where it takes minutes and most jobs less. Args: settings: Changed."""
    from vllm.platforms import current_platform

    if current_platform.is_cpu() and settings.setdefault("enforce_eager", True):
        os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")


async def _import_vllm() -> None:
    """Import vLLM, in the thread of the event loop.

    Of packages that are not installed vLLM keeps the exceptions, and they keep each frame that waited for the import:
    in the caller's thread that would be its engine and all else that it has at hand, for ever.
    """
    import vllm.engine.arg_utils
    import vllm.v1.engine.async_llm  # noqa: F401


async def _start(location: str, dtype: str, options: Mapping[str, Any]) -> Any:
    """Start vLLM's engine."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    # Probabilities of what was picked, after n-grams are blocked, as our own generation records them.
    settings: dict[str, Any] = {"logprobs_mode": "processed_logprobs", **options}
    settings.setdefault("dtype", _choose_dtype(dtype, location))
    _spare_compiling(settings)
    arguments = AsyncEngineArgs(model=location, enable_log_requests=False, disable_log_stats=True, **settings)
    return AsyncLLM.from_engine_args(arguments)


def _hand_on(text: str, generation: Generation) -> None:
    if text and generation.on_text is not None:
        generation.on_text(text)


def split_rows(inputs: BatchFeature, config: GotOcrConfig) -> list[Row]:
    """Take a batch apart.

    Args:
        inputs: `input_ids` and `attention_mask` (B, L), `pixel_values` (I, 3, height, S) of all rows in one run.
        config: The checkpoint's.

    Returns:
        Its rows.
    """
    pixel_values = inputs.get("pixel_values")
    images = [] if pixel_values is None else list(np.asarray(pixel_values, dtype=np.float32))
    tokens = config.vision_config.count_image_tokens(images[0].shape[1]) if images else 1
    rows: list[Row] = []
    done = 0
    for ids, mask in zip(inputs["input_ids"].tolist(), inputs["attention_mask"].tolist(), strict=True):
        whole = [token for token, is_there in zip(ids, mask, strict=True) if is_there]
        prompt: list[int] = []
        seen = 0
        for token in whole:
            is_image = token == config.im_patch_token
            if not is_image or seen % tokens == 0:
                prompt.append(token)
            seen += is_image
        count = seen // tokens if images else 0
        rows.append(Row(prompt, images[done : done + count], len(whole)))
        done += count
    return rows


def check_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse what vLLM does not have.

    Args:
        options: Of transformers' generation by name; None counts as not given.

    Returns:
        Those that were given.

    Raises:
        ValueError: If there is one that vLLM does not have.
    """
    given = {name: value for name, value in options.items() if value is not None}
    unknown = sorted(given.keys() - set(OPTIONS))
    if unknown:
        raise ValueError(
            f"vLLM has no {', '.join(unknown)}: leave it out, or read without --engine vllm; of transformers' options "
            f"it has {', '.join(OPTIONS)}."
        )
    return given


def make_sampling_parameters(generation: Generation, max_tokens: int) -> Any:
    """Say to vLLM how to generate.

    Args:
        generation: How.
        max_tokens: Longest answer.

    Returns:
        vLLM's `SamplingParams`.

    Raises:
        ValueError: If there is an option that vLLM does not have.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    options = check_options(generation.options)
    samples = options.pop("do_sample", any(options.get(name) for name in ("temperature", "top_k", "top_p", "min_p")))
    ngram_size = options.pop("no_repeat_ngram_size", generation.ngram_size)
    penalty = options.pop("repetition_penalty", 1.0)
    if not samples:
        options = {"temperature": GREEDY}
    asked = GotOcrSampling(ngram_size, True, generation.suppressed_tokens)
    return SamplingParams(
        max_tokens=max_tokens,
        logprobs=0,
        detokenize=False,
        output_kind=RequestOutputKind.DELTA,
        repetition_penalty=penalty,
        extra_args=asked.to_extra_args(),
        **options,
    )
