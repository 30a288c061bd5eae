"""Measure all that was asked for, the variants in turns, beside the limits of the machine."""

import gc
import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..modeling.precision import relative_error
from .machine import Clock, Peak, Watch, describe_machine, measure_limits, median
from .models import Models
from .options import BenchOptions
from .stages import PAGE_STAGE, Case, make_cases

logger = logging.getLogger(__name__)
REFERENCES = ("port-float32", "ours-float32", "port-bfloat16")  # What answers are compared with: the first that ran.


def run_bench(
    options: BenchOptions, on_progress: Callable[[str], None] = lambda _: None, models: Models | None = None
) -> dict[str, Any]:
    """Measure.

    Args:
        options: What.
        on_progress: Told what is being done.
        models: In the place of those that the options describe.

    Returns:
        The report: `machine`, `limits`, `disturbance`, `options`, and `results`, one entry a case.
    """
    device = torch.device(options.device)
    clock = Clock(device, options.clock)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    models = models or Models(options)
    results: list[dict[str, Any]] = []
    start = time.perf_counter()
    with Watch() as watch, torch.inference_mode():
        on_progress("limits of the machine")
        limits = measure_limits(clock)
        for cases in make_cases(options, models):
            first = cases[0]
            on_progress(f"{first.stage}, batch {first.batch}" + (f", {first.size} tokens" if first.size else ""))
            results += _measure_group(cases, options.repeats, clock)
            gc.collect()
    return {
        "machine": describe_machine(device),
        "limits": limits,
        "disturbance": {
            "others_share": watch.others_share,
            "is_disturbed": watch.is_disturbed,
            "load_before": list(watch.load_before),
            "load_after": list(watch.load_after),
        },
        "seconds": time.perf_counter() - start,
        "is_full_size": options.is_full_size,
        "parameters": sum(count_weights(models)),
        "tower_parameters": count_weights(models)[0],
        "options": asdict(options),
        "results": results,
    }


def count_weights(models: Models) -> tuple[int, int]:
    """Count weights. Returns: those of the tower with its projector, and those of decoder and embedding."""
    from ..reading.model import GotOcrForConditionalGeneration

    with torch.device("meta"):
        model = GotOcrForConditionalGeneration(type(models.config).from_dict(models.config.to_dict()))
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    tower = sum(size for name, size in sizes.items() if "vision_tower_high" in name or "mm_projector" in name)
    return tower, sum(sizes.values()) - tower


def _measure_group(cases: list[Case], repeats: int, clock: Clock) -> list[dict[str, Any]]:
    """Time cases in turns, after one call of each that does not count. Returns: one entry a case.

    Whole pages take so long that the first counts too: what is set up then is part of a page.
    """
    seconds: dict[str, list[float]] = {case.variant: [] for case in cases}
    peaks: dict[str, float | None] = {}
    outputs: dict[str, Any] = {}
    is_page = cases[0].stage == PAGE_STAGE
    for turn in range(repeats if is_page else repeats + 1):
        for case in cases:
            prepared = case.prepare()
            if turn == 0:
                with Peak(clock.device) as peak:
                    took = clock.time_once(partial(_keep, outputs, case, prepared))
                peaks[case.variant] = peak.grown_mb
                if is_page:
                    seconds[case.variant].append(took)
                if case.check is not None:
                    outputs[case.variant] = case.check()
            else:
                seconds[case.variant].append(clock.time_once(partial(case.run, prepared)))
            del prepared
    reference = next((name for name in REFERENCES if name in outputs), None)
    return [
        {
            "stage": case.stage,
            "variant": case.variant,
            "batch": case.batch,
            "size": case.size,
            "unit": case.unit,
            "seconds": median(seconds[case.variant]),
            "all_seconds": seconds[case.variant],
            "rate": case.count / median(seconds[case.variant]),
            "peak_mb": peaks[case.variant],
            **_compare(outputs[case.variant], outputs.get(reference or ""), case.stage),
        }
        for case in cases
    ]


def _keep(outputs: dict[str, Any], case: Case, prepared: Any) -> None:
    outputs[case.variant] = case.run(prepared)


def _compare(found: Any, right: Any, stage: str) -> dict[str, float]:
    """Compare what a variant computed with the reference. Returns: nothing where there is nothing to compare."""
    if not isinstance(found, Tensor) or not isinstance(right, Tensor) or stage == "blocking":
        return {}
    if found.dtype == torch.int64:
        return {"agreement": float((found == right).float().mean())} if stage == PAGE_STAGE else {}
    compared = {
        "relative_error": relative_error(found, right),
        "largest_error": float((found.float() - right.float()).abs().max()),
    }
    if stage == "prefill":
        compared["agreement"] = float((found.argmax(-1) == right.argmax(-1)).float().mean())
    return compared
