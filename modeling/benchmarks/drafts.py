"""Measure what drafts save: speed of an answer by the share of right draft tokens and by the tokens verified at once.

    python modeling/benchmarks/drafts.py [--at-once 4 8 16] [--shares 0 20 40 60 80 100] [--quantize int8]

The decoder has the published sizes and random weights, made in memory. Measured is what a step costs with so many
tokens at once, in CPU seconds of one thread, interleaved. Counted is what steps an answer of 1024 tokens takes, by the
same guesses that reading makes, with a draft of which each token is right by chance. A short answer is generated with
and without a draft and compared token by token. Results: JSON, a Markdown table and, with matplotlib, a picture.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from got_ocr.configuration.config import GotOcrConfig  # noqa: E402
from got_ocr.modeling.drafts import DraftCandidates, verify_drafts  # noqa: E402
from got_ocr.modeling.generation import make_cache  # noqa: E402
from got_ocr.reading.model import GotOcrForConditionalGeneration  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results"
ANSWER_TOKENS = 1024
CONTEXT_TOKENS = 286 + ANSWER_TOKENS // 2  # A page's prompt and half its answer.
PLAIN_TOKENS = 151_000  # Ids below are no special tokens.
SEEDS = range(5)
NGRAM_SIZE = 2  # Random weights fall into loops, which a look at the answer so far would draft rightly.


def make_model(layers: int) -> GotOcrForConditionalGeneration:
    """Make the published decoder, with a tower of one small block: it is not run."""
    tower = {"num_hidden_layers": 1, "global_attn_indexes": [0], "hidden_size": 96, "mlp_dim": 96}
    torch.manual_seed(0)
    config = GotOcrConfig(vision_config=tower, num_hidden_layers=layers, max_position_embeddings=8192)
    return GotOcrForConditionalGeneration(config).eval()


def generate(model: Any, prompt: torch.Tensor, tokens: int, candidates: DraftCandidates | None) -> list[int]:
    """Generate. Returns: the answer."""
    drafted = {} if candidates is None else {"custom_generate": verify_drafts(candidates)}
    sequences = model.generate(
        prompt,
        cache=make_cache(model.config.num_hidden_layers),
        do_sample=False,
        min_new_tokens=tokens,
        max_new_tokens=tokens,
        no_repeat_ngram_size=NGRAM_SIZE,
        **drafted,
    )
    return list(sequences[0, prompt.shape[1] :].tolist())


def spoil(answer: list[int], share: float, seed: int) -> list[int]:
    """Keep each token with a probability, and put another in its place else."""
    drawer = random.Random(seed)
    return [token if drawer.random() < share else drawer.randrange(PLAIN_TOKENS) for token in answer]


def measure_steps(model: Any, sizes: list[int], repeats: int) -> dict[int, float]:
    """Measure a step behind a page's prompt and half an answer. Returns: by tokens at once the least CPU seconds."""
    cache = make_cache(model.config.num_hidden_layers)
    ids = torch.randint(0, PLAIN_TOKENS, (1, CONTEXT_TOKENS), generator=torch.Generator().manual_seed(2))
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    with torch.no_grad():
        model(input_ids=ids, cache=cache, logits_to_keep=1)
        for _ in range(repeats + 1):
            for size in sizes:
                start = time.process_time()
                model(input_ids=ids[:, :size], cache=cache, logits_to_keep=size)
                seconds[size].append(time.process_time() - start)
                cache.crop(-size)
    return {size: min(found[1:]) for size, found in seconds.items()}


def count_steps(share: float, at_once: int, tokens: int, seed: int) -> Counter[int]:
    """Count the steps of an answer whose draft is right by chance. Returns: how many had so many tokens at once."""
    drawer = random.Random(1000 + seed)
    answer = [drawer.randrange(PLAIN_TOKENS) for _ in range(tokens)]
    candidates = DraftCandidates([spoil(answer, share, seed)], 0, at_once - 1)
    done, added, steps = 0, [], Counter[int]()
    while done < tokens:
        guess = candidates.guess(added)
        steps[len(guess) + 1] += 1
        right = 0
        while right < len(guess) and done + right < tokens and guess[right] == answer[done + right]:
            right += 1
        added = answer[done : done + right + 1]
        done += len(added)
    return steps


def interpolate(measured: dict[int, float], size: int) -> float:
    """Tell what a step costs that was not measured, by those next to it."""
    below = max(one for one in measured if one <= size)
    above = min(one for one in measured if one >= size)
    share = (size - below) / (above - below) if above > below else 0.0
    return measured[below] + share * (measured[above] - measured[below])


def measure(model: Any, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Put steps and their costs together. Returns: a row for every share with every number of tokens at once."""
    sizes = sorted({1, 2, *arguments.at_once})
    measured = measure_steps(model, sizes, arguments.repeats)
    costs = {size: interpolate(measured, size) for size in range(1, sizes[-1] + 1)}
    rows: list[dict[str, Any]] = []
    for share in arguments.shares:
        for at_once in arguments.at_once:
            steps = sum((count_steps(share / 100, at_once, ANSWER_TOKENS, seed) for seed in SEEDS), Counter[int]())
            seconds = sum(costs[size] * count for size, count in steps.items())
            tokens = ANSWER_TOKENS * len(SEEDS)
            rows.append(
                {
                    "right_percent": share,
                    "at_once": at_once,
                    "tokens_a_step": round(tokens / steps.total(), 3),
                    "token_ms": round(costs[1] * 1000, 1),
                    "step_ms": round(costs[at_once] * 1000, 1),
                    "speed_up": round(costs[1] * tokens / seconds, 3),
                }
            )
    return rows


def check(model: Any, tokens: int) -> bool:
    """Generate with and without a draft. Returns: whether the answers are equal."""
    prompt = torch.randint(0, PLAIN_TOKENS, (1, 16), generator=torch.Generator().manual_seed(1))
    answer = generate(model, prompt, tokens, None)
    candidates = DraftCandidates([spoil(answer, 0.8, 3)], prompt.shape[1], 7)
    return generate(model, prompt, tokens, candidates) == answer


def as_table(report: dict[str, Any]) -> str:
    """Write the speed-ups as a Markdown table, a row a share."""
    rows = report["rows"]
    sizes = sorted({row["at_once"] for row in rows})
    costs = ", ".join(f"{size}: {next(row['step_ms'] for row in rows if row['at_once'] == size)}" for size in sizes)
    lines = [
        f"{report['device']}, one thread, {report['format']}, {report['layers']} layers; load "
        f"{report['load_before'][0]:.1f} before and {report['load_after'][0]:.1f} after. CPU ms of a step by "
        f"tokens at once: 1: {rows[0]['token_ms']}, {costs}. {report['checked_tokens']} tokens generated with and "
        f"without a draft: {'equal' if report['equal'] else 'NOT equal'}.",
        "",
        "| right tokens, % | " + " | ".join(f"{size} at once" for size in sizes) + " | tokens a step |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for share in sorted({row["right_percent"] for row in rows}):
        mine = {row["at_once"]: row for row in rows if row["right_percent"] == share}
        cells = [f"{mine[size]['speed_up']:.2f}" for size in sizes if size in mine]
        steps = ", ".join(f"{mine[size]['tokens_a_step']:.1f}" for size in sizes if size in mine)
        lines.append(f"| {share} | " + " | ".join(cells) + f" | {steps} |")
    return "\n".join(lines) + "\n"


def draw(report: dict[str, Any], path: Path) -> None:
    """Draw speed-up by share, a line for each number of tokens at once."""
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3.4), layout="constrained")
    for size in sorted({row["at_once"] for row in report["rows"]}):
        mine = [row for row in report["rows"] if row["at_once"] == size]
        axes.plot([row["right_percent"] for row in mine], [row["speed_up"] for row in mine], "o-", label=f"{size}")
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set(xlabel="right draft tokens, %", ylabel="speed-up", title=f"Drafts, {report['format']}")
    axes.legend(title="tokens at once")
    figure.savefig(path, dpi=110)


def name_device() -> str:
    """Name the processor."""
    found = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return found[0].partition(":")[2].strip() if found else "CPU"


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at-once", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--shares", type=int, nargs="+", default=[0, 20, 40, 60, 80, 100])
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--check", type=int, default=12, help="tokens generated with and without a draft")
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--quantize", choices=("int8", "int4"), help="weights of the decoder and the head")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model: Any = make_model(arguments.layers)
    if arguments.quantize:
        from got_ocr.modeling.quantization import GotOcrQuantizationConfig
        from got_ocr.modeling.quantizer import quantize_state_dict

        options = GotOcrQuantizationConfig(int(arguments.quantize.removeprefix("int")))
        weights = {name: one for name, one in model.state_dict().items() if name != "lm_head.weight"}
        config = model.config
        config.quantization_config = options.to_dict()
        quantised = quantize_state_dict(weights, options, is_tied=True)
        model = GotOcrForConditionalGeneration.from_pretrained(
            None, config=config, state_dict=quantised, dtype=torch.float32
        ).eval()
    report: dict[str, Any] = {
        "device": name_device(),
        "format": arguments.quantize or "float32",
        "layers": arguments.layers,
        "checked_tokens": arguments.check,
        "load_before": os.getloadavg(),
    }
    report["rows"] = measure(model, arguments)
    report["equal"] = check(model, arguments.check)
    report["load_after"] = os.getloadavg()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"drafts-{report['format']}"
    path.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(as_table(report), encoding="utf-8")
    draw(report, path.with_suffix(".png"))
    print(as_table(report))


if __name__ == "__main__":
    main()
