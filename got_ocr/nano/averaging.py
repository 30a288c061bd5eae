"""Average the weights of two states of one training, the later one trained on from the earlier.

    python -m got_ocr.nano.averaging EARLIER LATER.pt --config configuration/training/nano.yaml
        --corpus-cache runs/nano/corpus.txt --output runs/nano/averaged.pt

After each of two cycles of the learning rate the weights lie at the rim of one basin; a point between them reads
better than either (stochastic weight averaging, Izmailov and others, arXiv 1803.05407; model soups, Wortsman and
others, arXiv 2203.05482). Which point is measured on slices of prose that neither training nor the evaluation's tiers
draw: held-out paragraphs, the training's fonts, a seed of its own; half of them plain text, half with formulas, if
the training has any.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from got_ocr.nano.batches import Batch
from got_ocr.nano.config import NanoTrainingConfig
from got_ocr.nano.trainer import NanoTrainer, build_batch_source, grey_weights, weights_of

SEED = 987_654
TOWER = ".vision_tower_high."  # in the names of its weights
SHARES = (0.0, 0.2, 0.35, 0.5, 0.6, 0.7, 0.85, 1.0)


def average_weights(
    earlier: Mapping[str, Tensor], later: Mapping[str, Tensor], share: float, tower_share: float | None = None
) -> dict[str, Tensor]:
    """Mix two state dictionaries.

    Args:
        earlier: weights by name.
        later: weights by the same names, of the same shapes.
        share: of the later ones, 0 to 1.
        tower_share: of the later ones in the vision tower; None: the same.

    Returns:
        The weighted means.

    Raises:
        ValueError: names or shapes differ, or the share is out of range.
    """
    in_tower = share if tower_share is None else tower_share
    for value in (share, in_tower):
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"share {value:g}: the later weights' share must be 0 to 1")
    shapes = [{name: tuple(weight.shape) for name, weight in one.items()} for one in (earlier, later)]
    if shapes[0] != shapes[1]:
        names = sorted(
            name for name in shapes[0].keys() | shapes[1].keys() if shapes[0].get(name) != shapes[1].get(name)
        )
        raise ValueError(f"the two states are not of one model: {', '.join(names[:3])} differ")
    return {
        name: torch.lerp(weight, later[name], in_tower if TOWER in name else share) for name, weight in earlier.items()
    }


@dataclass(frozen=True)
class Measured:
    """How an average reads.

    Attributes:
        share: of the later weights.
        losses: of plain text and, where the training has any, of text with formulas: mean cross-entropy of a
            character, given the right ones before it, in nats.
        wrong: of the same, the share of characters that are not the most probable.
    """

    share: float
    losses: tuple[float, ...]
    wrong: tuple[float, ...]

    @property
    def loss(self) -> float:
        """Mean of the losses."""
        return sum(self.losses) / len(self.losses)


@torch.no_grad()
def measure(
    trainer: NanoTrainer,
    states: Sequence[dict[str, Any]],
    share: float,
    batches: Sequence[Sequence[Batch]],
    tower_share: float | None = None,
) -> Measured:
    """Read held-out slices with an average.

    Args:
        trainer: its model and dense heads are overwritten.
        states: the earlier and the later one.
        share: of the later weights.
        batches: what to read, one kind after the other.
        tower_share: see `average_weights`.

    Returns:
        The means over each kind's batches.
    """
    trainer.model.load_state_dict(average_weights(weights_of(states[0]), weights_of(states[1]), share, tower_share))
    trainer.heads.load_state_dict(average_weights(states[0]["heads"], states[1]["heads"], share))
    losses, wrong = [], []
    for kind in batches:
        found = [trainer.losses(batch, decoder=True) for batch in kind]
        losses.append(sum(float(one["text"]) for one in found) / len(found))
        wrong.append(1.0 - sum(float(one["text_accuracy"]) for one in found) / len(found))
    return Measured(share, tuple(losses), tuple(wrong))


def load_states(earlier: Path, later: Path) -> list[dict[str, Any]]:
    """Read two states.

    Args:
        earlier: a state.pt, or the folder of an exported checkpoint, which has no dense heads; the later one's do.
        later: a state.pt.

    Returns:
        Both.
    """
    state = torch.load(later, weights_only=True, mmap=True)
    if earlier.is_dir():
        return [{"model": grey_weights(earlier), "heads": state["heads"]}, state]
    return [torch.load(earlier, weights_only=True, mmap=True), state]


def main() -> int:
    """Run the command.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m got_ocr.nano.averaging", description="Average two states of the nano training."
    )
    parser.add_argument(
        "earlier", type=Path, help="a state.pt of the run, or the exported checkpoint that it started from"
    )
    parser.add_argument("later", type=Path, help="a later one, trained on from it")
    parser.add_argument(
        "--config", type=Path, default=Path("configuration/training/nano.yaml"), help="of the training"
    )
    parser.add_argument("--corpus-cache", type=Path, required=True, help="the run's corpus.txt")
    parser.add_argument("--batches", type=int, default=50, help="of held-out slices to measure on (50)")
    parser.add_argument("--share", type=float, help="of the later weights; without it several are tried")
    parser.add_argument("--tower-share", type=float, help="of the later weights in the vision tower (the same)")
    parser.add_argument("--output", type=Path, required=True, help="file of the averaged state")
    options = parser.parse_args()
    config = replace(NanoTrainingConfig.read(options.config), device="cpu")
    model_config, source = build_batch_source(config, options.corpus_cache, held_out=True, seed=SEED)
    canvases = [canvas for canvas in config.stages[-1].canvases if canvas.slices]
    kinds = [0.0, 1.0] if source.pictures.formula_lines else [0.0]
    batches = [[source.batch(step, 0, canvases, 1.0, formats) for step in range(options.batches)] for formats in kinds]
    states = load_states(options.earlier, options.later)
    trainer = NanoTrainer(config, model_config, source, options.output.parent)
    sys.stdout.write(
        "| share of the later weights | loss a character (plain, format) | characters wrong |\n|---|---|---|\n"
    )
    results = []
    for share in SHARES if options.share is None else (options.share,):
        results.append(measure(trainer, states, share, batches, options.tower_share))
        losses = ", ".join(f"{loss:.4f}" for loss in results[-1].losses)
        wrong = ", ".join(f"{100 * share:.2f} %" for share in results[-1].wrong)
        sys.stdout.write(f"| {share:.2f} | {losses} | {wrong} |\n")
        sys.stdout.flush()
    best = min(results, key=lambda one: one.loss)
    weights = average_weights(weights_of(states[0]), weights_of(states[1]), best.share, options.tower_share)
    torch.save({"model": weights, "heads": states[1]["heads"], "step": states[1]["step"]}, options.output)
    sys.stderr.write(f"{options.output}: {best.share:g} of {options.later}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
