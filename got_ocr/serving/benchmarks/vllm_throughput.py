"""How much faster vLLM reads many pictures than `generate` does one by one, and than our own batches.

    python -m got_ocr.serving.benchmarks.vllm_throughput [--slices 64] [--rounds 2] [--threads 1]

The pictures are slices of the sample page as the built-in model is shown them; all three generate greedily, float32,
in turns in one run. Seconds of the clock and of processors, all processes together: only the latter mean something on
a machine that is busy. Needs vLLM.
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


def cut_slices(page: Path, slicing: SlicingOptions, canvas_px: int, count: int) -> list[Image.Image]:
    """Cut a page, and repeat its slices until there are enough. Returns: so many slices."""
    with Image.open(page) as image:
        slices = slice_page(image.convert("RGB"), slicing, canvas_px).slices
    return [slices[number % len(slices)] for number in range(count)]


def read_in_batches(
    engine: Engine, processor: GotOcrProcessor, slices: Sequence[Image.Image], size: int, calls: int = 1
) -> list[GotOcrAnswer]:
    """Read slices, those of one height together. Returns: an answer each, in their order."""
    places = sorted(range(len(slices)), key=lambda place: slices[place].height)
    groups: list[list[int]] = []
    for place in places:
        if not groups or len(groups[-1]) == size or slices[groups[-1][0]].height != slices[place].height:
            groups.append([])
        groups[-1].append(place)

    def read(group: list[int]) -> list[GotOcrAnswer]:
        inputs = processor([slices[place] for place in group], low_canvases=True)
        return engine.generate(inputs, GENERATION)

    with ThreadPoolExecutor(calls) as threads:
        answers = [answer for part in threads.map(read, groups) for answer in part]
    return [answer for _, answer in sorted(zip(places, answers, strict=True), key=lambda pair: pair[0])]


def processor_seconds() -> float:
    """Add up what this process and those that it started have computed. Returns: seconds."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=64, help="pictures to read (default: 64)")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each (default: 2)")
    parser.add_argument("--threads", type=int, default=1, help="of torch here and in vLLM (default: 1)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    model, processor = load_model(ModelChoice(str(BUILTIN_CHECKPOINT), ""), "cpu")
    slicing = SlicingOptions.from_dict(model.config.slicing)
    slices = cut_slices(PAGE, slicing, model.config.vision_config.image_size, arguments.slices)
    ours = AnswerGenerator(model, processor)
    engine = VllmEngine(str(BUILTIN_CHECKPOINT), "float32", {"max_num_seqs": BATCH})
    ways: dict[str, Callable[[], list[GotOcrAnswer]]] = {
        "generate, one by one": lambda: read_in_batches(ours, processor, slices, 1),
        f"generate, batches of {BATCH}": lambda: read_in_batches(ours, processor, slices, BATCH),
        "vLLM": lambda: read_in_batches(engine, processor, slices, BATCH, engine.calls_at_once),
    }
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    texts: dict[str, list[str]] = {}
    tokens = 0
    for one in (ours, engine):
        read_in_batches(one, processor, slices[:4], BATCH)  # The first call of each is slow.
    for _ in range(arguments.rounds):
        for name, read in ways.items():
            start, computed = time.perf_counter(), processor_seconds()
            answers = read()
            seconds[name].append((time.perf_counter() - start, processor_seconds() - computed))
            texts[name] = [answer.text for answer in answers]
            tokens = sum(answer.num_tokens for answer in answers)
    first = next(iter(ways))
    fewest = {name: [min(column) for column in zip(*pairs, strict=True)] for name, pairs in seconds.items()}
    print(f"{len(slices)} slices, {tokens} tokens, {arguments.threads} thread(s), best of {arguments.rounds}")
    for name, (clock_s, computed_s) in fewest.items():
        equal = sum(one == other for one, other in zip(texts[name], texts[first], strict=True))
        print(
            f"{name:24} {clock_s:7.2f} s by the clock ({fewest[first][0] / clock_s:5.2f}x)  "
            f"{computed_s:7.2f} s of processors ({fewest[first][1] / computed_s:5.2f}x, "
            f"{tokens / computed_s:5.0f} tokens/s)  {equal} of {len(slices)} texts equal"
        )
    engine.close()


if __name__ == "__main__":
    main()
