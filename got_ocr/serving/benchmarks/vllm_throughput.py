"""How much faster vLLM reads many pictures than `generate` does one by one, and than our own batches.

    python -m got_ocr.serving.benchmarks.vllm_throughput [--requests 48] [--clients 1 4 16] [--rounds 2] [--threads 1]

A request is a slice of the sample page, of several heights, as the built-in model is shown them, every third one asked
for Markdown. So many clients send one each at a time; batches of 64 go to vLLM in four calls, as `--engine vllm` sends
them. All generate greedily, float32, in turns in one run. Seconds of the clock and of processors, all processes
together: only the latter mean something on a machine that is busy. Needs vLLM.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import torch
from PIL import Image

from ...configuration.slicing import SlicingOptions
from ...hub.cache import BUILTIN_CHECKPOINT
from ...hub.model_choice import ModelChoice, load_model
from ...processing.mode import Mode
from ...processing.processor import GotOcrProcessor
from ...reading.answer import GotOcrAnswer
from ...reading.decoding import AnswerGenerator
from ...reading.engine import Engine
from ...reading.generating import Generation
from ...slices.slicing import slice_page
from ..vllm.engine import VllmEngine

PAGE = Path(__file__).resolve().parents[3] / "examples" / "images" / "sample_page.png"
GENERATION = Generation(144)  # The longest answer for a slice, as reading has it.
BATCH = 64  # As reading does at most.
MODES = (Mode("format"), Mode(), Mode())

Request = tuple[Image.Image, Mode]


def make_requests(page: Path, slicing: SlicingOptions, canvas_px: int, count: int) -> list[Request]:
    """Cut a page, and repeat its slices until there are enough. Returns: so many requests."""
    with Image.open(page) as image:
        slices = slice_page(image.convert("RGB"), slicing, canvas_px).slices
    return [(slices[number % len(slices)], MODES[number % len(MODES)]) for number in range(count)]


def read(
    engine: Engine, processor: GotOcrProcessor, requests: Sequence[Request], size: int = 1, calls: int = 1
) -> list[GotOcrAnswer]:
    """Read requests, those of one height together.

    Args:
        engine: What generates.
        processor: The checkpoint's.
        requests: What to read.
        size: Most requests of a call.
        calls: Side by side.

    Returns:
        An answer each, in their order.
    """
    order: Sequence[int] = range(len(requests))
    if size > 1:
        order = sorted(order, key=lambda place: requests[place][0].height)
    groups: list[list[int]] = []
    for place in order:
        is_other = not groups or requests[groups[-1][0]][0].height != requests[place][0].height
        if is_other or len(groups[-1]) == size:
            groups.append([])
        groups[-1].append(place)

    def read_group(group: list[int]) -> list[GotOcrAnswer]:
        pictures, modes = zip(*(requests[place] for place in group), strict=True)
        inputs = processor(list(pictures), mode=modes, low_canvases=True)
        return engine.generate(inputs, GENERATION)

    with ThreadPoolExecutor(calls) as threads:
        answers = [answer for part in threads.map(read_group, groups) for answer in part]
    return [answer for _, answer in sorted(zip(order, answers, strict=True), key=lambda pair: pair[0])]


def processor_seconds() -> float:
    """Add up what this process and those that it started have computed. Returns: seconds."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def report(
    seen: dict[str, list[tuple[float, float]]], answers: dict[str, list[GotOcrAnswer]], num_threads: int
) -> None:
    """Print the best turn of each way against the first way's."""
    first = next(iter(seen))
    expected = [answer.text for answer in answers[first]]
    tokens = sum(answer.num_tokens for answer in answers[first])
    fewest = {name: [min(column) for column in zip(*pairs, strict=True)] for name, pairs in seen.items()}
    print(f"{len(expected)} requests, {tokens} tokens, {num_threads} thread(s), best of {len(seen[first])}")
    for name, (clock_s, computed_s) in fewest.items():
        equal = sum(answer.text == text for answer, text in zip(answers[name], expected, strict=True))
        print(
            f"{name:24} {clock_s:7.2f} s by the clock ({fewest[first][0] / clock_s:5.2f}x, "
            f"{tokens / clock_s:5.0f} tokens/s)  {computed_s:7.2f} s of processors "
            f"({fewest[first][1] / computed_s:5.2f}x)  {equal} of {len(expected)} texts equal"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=48, help="requests to answer (default: 48)")
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 4, 16], help="at a time (default: 1 4 16)")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each (default: 2)")
    parser.add_argument("--threads", type=int, default=1, help="of torch here and in vLLM (default: 1)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    model, processor = load_model(ModelChoice(str(BUILTIN_CHECKPOINT), ""), "cpu")
    slicing = SlicingOptions.from_dict(model.config.slicing)
    requests = make_requests(PAGE, slicing, model.config.vision_config.image_size, arguments.requests)
    ours = AnswerGenerator(model, processor)
    engine = VllmEngine(str(BUILTIN_CHECKPOINT), "float32", {"max_num_seqs": BATCH})
    ways: dict[str, Callable[[], list[GotOcrAnswer]]] = {
        "generate, one by one": lambda: read(ours, processor, requests)
    }
    for count in arguments.clients:
        ways[f"vLLM, {count} client(s)"] = lambda count=count: read(engine, processor, requests, 1, count)  # type: ignore[misc]
    ways[f"vLLM, batches of {BATCH}"] = lambda: read(engine, processor, requests, BATCH, engine.calls_at_once)
    ways[f"generate, batches of {BATCH}"] = lambda: read(ours, processor, requests, BATCH)
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    answers: dict[str, list[GotOcrAnswer]] = {}
    for one in (ours, engine):
        read(one, processor, requests[:4])  # The first call of each is slow.
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            start, computed = time.perf_counter(), processor_seconds()
            answers[name] = way()
            seen[name].append((time.perf_counter() - start, processor_seconds() - computed))
    report(seen, answers, arguments.threads)
    engine.close()


if __name__ == "__main__":
    main()
