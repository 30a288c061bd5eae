"""Measure what a generated token costs as the answer grows, and what batching gives, against transformers' port.

    python modeling/benchmarks/generation.py [--tokens 4096] [--threads 1]

Part 1 times n-gram blocking alone (size 20, as published) on a sequence of a growing answer: transformers' processor
and ours on the same ids and scores. Part 2 generates with a small random model, ours and the port on the same weights,
one sequence and four at once. Ratios are the port's figure over ours: above 1, ours is better.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch
from transformers.generation import NoRepeatNGramLogitsProcessor

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from got_ocr.modeling.generation import NoRepeatNGramProcessor  # noqa: E402
from tests.parity.peer import make_pair  # noqa: E402
from tests.parity.test_model_parity import pixels, prompt, small_config  # noqa: E402

PROMPT_LENGTH = 286
NGRAM_SIZE = 20
VOCABULARY = 151860


def time_blocking(tokens: int, rows: int) -> list[tuple[int, float, float]]:
    """Time both processors step by step. Returns: (answer length, port's and our microseconds a step), medians."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, VOCABULARY, (rows, PROMPT_LENGTH + tokens), generator=generator)
    scores = torch.randn(rows, VOCABULARY, generator=generator)
    samples: dict[str, list[float]] = {"port": [], "ours": []}
    processors = {"port": NoRepeatNGramLogitsProcessor(NGRAM_SIZE), "ours": NoRepeatNGramProcessor(NGRAM_SIZE)}
    for length in range(PROMPT_LENGTH, ids.shape[1]):
        for name, processor in processors.items():
            start = time.perf_counter()
            processor(ids[:, :length], scores)
            samples[name].append(time.perf_counter() - start)
    marks = [mark for mark in (64, 256, 1024, 4096, 8192) if mark <= tokens]
    return [
        (mark, *(1e6 * statistics.median(samples[name][mark - 33 : mark]) for name in ("port", "ours")))
        for mark in marks
    ]


def time_generation(rows: int, new_tokens: int, repeats: int = 3) -> dict[str, float]:
    """Generate with equal weights. Returns: tokens a second of port and ours, medians."""
    ours, port = make_pair(small_config())
    ids, images = prompt(ours.config).repeat(rows, 1), pixels(ours.config, images=rows)
    options = {"max_new_tokens": new_tokens, "min_new_tokens": new_tokens, "do_sample": False}
    options |= {"no_repeat_ngram_size": NGRAM_SIZE, "attention_mask": torch.ones_like(ids)}
    rates: dict[str, list[float]] = {"port": [], "ours": []}
    for repeat in range(repeats + 1):
        for name, model in (("port", port), ("ours", ours)):
            start = time.perf_counter()
            model.generate(input_ids=ids, pixel_values=images, pad_token_id=283, eos_token_id=[283, 285], **options)
            if repeat:
                rates[name].append(rows * new_tokens / (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in rates.items()}


def main() -> None:
    """Measure and print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    print(f"N-gram blocking, size {NGRAM_SIZE}, microseconds a step\n")
    print("| answer length | port, 1 row | ours | port / ours | port, 4 rows | ours | port / ours |")
    print("|---|---|---|---|---|---|---|")
    for one, four in zip(time_blocking(arguments.tokens, 1), time_blocking(arguments.tokens, 4), strict=True):
        cells = [f"{value:.0f} | {mine:.0f} | {value / mine:.1f}" for _, value, mine in (one, four)]
        print(f"| {one[0]} | {' | '.join(cells)} |")

    print("\nWhole generation, small model, tokens a second\n")
    print("| sequences | port | ours | ours / port |")
    print("|---|---|---|---|")
    for rows in (1, 4):
        rates = time_generation(rows, new_tokens=256)
        print(f"| {rows} | {rates['port']:.0f} | {rates['ours']:.0f} | {rates['ours'] / rates['port']:.2f} |")


if __name__ == "__main__":
    main()
