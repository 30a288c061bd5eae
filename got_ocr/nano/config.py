"""What a run of the built-in checkpoint's training is told: `configuration/training/nano.yaml` as typed objects.

Read by the same reader as `got-ocr train`'s configurations, so a field that is unknown, missing, ill-typed or out of
range is an error that names it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from got_ocr.training.settings import SettingsError, build, read_yaml

FORMAT_SHARE = 0.14  # of the batches, by default


def _number(least: float, most: float | None = None, **options: Any) -> Any:
    bounds = {"least": least} if most is None else {"least": least, "most": most}
    return field(metadata=bounds, **options)


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """A shape of training picture.

    Attributes:
        height: in px, a multiple of an image token's 32.
        rows: most lines of text; half of the pictures have as many, the others 1 to this many.
        batch: pictures a process and step.
        weight: how often, beside the stage's other canvases.
        slices: whether the pictures are laid out as the reading path lays out pieces of a page; then a strip is the
            top of the canvas, else it lies anywhere.
        formulas: whether slices that are to be read with format have formulas.
    """

    height: int = _number(32)
    rows: int = _number(1)
    batch: int = _number(1)
    weight: float = _number(0.0)
    slices: bool = False
    formulas: bool = False


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the run.

    Attributes:
        name: for the log.
        share: of the run's steps.
        decoder: whether the decoder is trained too, or the tower alone.
        canvases: what is drawn.
        formats: share of the batches that are to be read with format.
    """

    name: str
    share: float = _number(0.0, 1.0)
    decoder: bool
    canvases: tuple[Canvas, ...]
    formats: float = _number(0.0, 1.0, default=FORMAT_SHARE)


@dataclass(frozen=True, kw_only=True)
class NanoTrainingConfig:
    """A run, from scratch or from a checkpoint.

    Attributes:
        model: config.json of the model, with a one-channel tower.
        vocabulary: rank file of the characters.
        seed: of the first weights and of every picture.
        processes: one thread each; gradients are averaged.
        steps: of the whole run.
        warmup_steps: over which the learning rates rise.
        decay_share: of the steps, at the end, over which the learning rates fall linearly to zero.
        variety_share: of the steps, until all fonts and the full augmentation are drawn.
        muon_lr: of the matrices of blocks and layers.
        adamw_lr: of all other weights.
        adamw_betas: AdamW's two.
        weight_decay: Muon's; AdamW's weights have none.
        clip_norm: gradients are cut to this norm.
        dense_weights: of the dense losses, at the first and the last step.
        checkpoint_every_s: seconds between two saved states.
        log_every_steps: steps between two lines of the log.
        size_px: smallest and largest em size.
        prose_share: of the texts that are running prose.
        dictionary_share: of those that are single words; the rest is digits and symbols.
        augmentation_strength: 0 for clean pictures, 1 for a good share of degraded ones, 2 for nearly every one.
        empty_share: of the pictures, without text.
        stages: parts of the run, one after the other.
        families: fonts to draw with.
        held_out_families: fonts that only the benchmark draws with.
        device: `cpu` or `cuda`, one GPU a process.
        loader_processes: that draw pictures ahead, of each process.
        corpus: text files of one's own to read prose from.
        start_from: folder of an exported checkpoint to train on; empty for new weights.
        start_heads: state.pt of a former run, whose dense heads are taken; empty for new ones, which a run that starts
            from a checkpoint lets in over its warm-up.
        average_decay: of a moving average of the weights, which ships instead of the last ones: .999 for about the
            last 1000 steps; 0 for none.
        document_share: of the slices without formulas, lines of receipts, forms and tables.
        plain_formula_share: of the slices to be read as plain text, those that show formulas all the same.
    """

    model: str
    vocabulary: str
    seed: int = _number(0)
    processes: int = _number(1)
    steps: int = _number(1)
    warmup_steps: int = _number(1)
    decay_share: float = _number(0.0, 1.0)
    variety_share: float = _number(0.0, 1.0)
    muon_lr: float = _number(0.0)
    adamw_lr: float = _number(0.0)
    adamw_betas: tuple[float, float]
    weight_decay: float = _number(0.0)
    clip_norm: float = _number(0.0)
    dense_weights: tuple[float, float]
    checkpoint_every_s: float = _number(0.0)
    log_every_steps: int = _number(1)
    size_px: tuple[float, float]
    prose_share: float = _number(0.0, 1.0)
    dictionary_share: float = _number(0.0, 1.0)
    augmentation_strength: float = _number(0.0, 2.0)
    empty_share: float = _number(0.0, 1.0)
    stages: tuple[Stage, ...]
    families: tuple[str, ...]
    held_out_families: tuple[str, ...]
    device: Literal["cpu", "cuda"] = "cpu"
    loader_processes: int = _number(0, default=0)
    corpus: tuple[str, ...] = ()
    start_from: str = ""
    start_heads: str = ""
    average_decay: float = _number(0.0, 0.999999, default=0.0)
    document_share: float = _number(0.0, 1.0, default=0.0)
    plain_formula_share: float = _number(0.0, 1.0, default=0.0)

    def __post_init__(self) -> None:
        total = sum(stage.share for stage in self.stages)
        if abs(total - 1.0) > 1e-6:
            raise SettingsError(f"the stages' shares add up to {total:g}, they must add up to 1.")

    @classmethod
    def read(cls, path: Path) -> "NanoTrainingConfig":
        """Read and check a YAML file.

        Args:
            path: the file.

        Returns:
            The configuration.

        Raises:
            SettingsError: a field is unknown, missing, ill-typed or out of range, or the stages' shares don't add up
                to 1.
            FileNotFoundError: there is no such file.
        """
        return build(cls, read_yaml(path), str(path))
