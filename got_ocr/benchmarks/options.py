"""What is to be measured."""

from dataclasses import dataclass

STAGES = ("pixels", "tower", "prefill", "decode", "blocking", "detokenise", "page")
# ours and the port's; the port has no quantised weights of its own.
VARIANTS = (
    "ours-float32", "ours-bfloat16", "ours-int8", "ours-int8-dynamic", "ours-int8-tower", "ours-int4",
    "ours-int8-draft", "ours-int8-dynamic-draft", "port-float32", "port-bfloat16", "port-compiled",
)  # fmt: skip
DRAFT = "-draft"  # Behind a variant's name: whole pages, with a draft of whose tokens so many are right:
DRAFT_RIGHT = 0.8
CLOCKS = ("wall", "cpu")
PUBLISHED_LAYERS = 24
PUBLISHED_TOWER_LAYERS = 12


@dataclass(frozen=True)
class BenchOptions:
    """What is to be measured, and how often.

    Attributes:
        stages: Of `STAGES`.
        variants: Of `VARIANTS`; each is measured beside the others, in turns.
        batches: Pages at once.
        answers: Tokens of a whole page's answer.
        contexts: Lengths of the answer at which a token is timed.
        steps: Tokens timed at each of these.
        repeats: Rounds; the median counts.
        device: A torch device.
        threads: Of a CPU; None: torch's own choice.
        clock: `wall`, or `cpu` for processor seconds of one thread, on a machine that others use too.
        layers: Of the decoder.
        tower_layers: Of the tower: 3, 6, 9 or 12, so that every third block is global as in the published one.

    Raises:
        ValueError: If there is no stage or variant of a name, or a number is not positive.
    """

    stages: tuple[str, ...] = ("pixels", "tower", "prefill", "decode", "blocking", "detokenise")
    variants: tuple[str, ...] = ("ours-float32", "port-float32")
    batches: tuple[int, ...] = (1,)
    answers: tuple[int, ...] = (256,)
    contexts: tuple[int, ...] = (256, 4096)
    steps: int = 8
    repeats: int = 3
    device: str = "cpu"
    threads: int | None = None
    clock: str = "wall"
    layers: int = PUBLISHED_LAYERS
    tower_layers: int = PUBLISHED_TOWER_LAYERS

    def __post_init__(self) -> None:
        for name, known in (("stages", STAGES), ("variants", VARIANTS)):
            given = getattr(self, name)
            unknown = [one for one in given if one not in known]
            if unknown or not given:
                raise ValueError(f"{name} must be of {', '.join(known)}, got {', '.join(unknown) or 'none'}.")
        for name in ("batches", "answers", "contexts"):
            if not getattr(self, name) or min(getattr(self, name)) < 1:
                raise ValueError(f"{name} must be whole numbers of at least 1, got {getattr(self, name)!r}.")
        for name in ("steps", "repeats", "layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.clock not in CLOCKS:
            raise ValueError(f"clock must be wall or cpu, got {self.clock!r}.")
        if self.clock == "cpu" and (self.threads != 1 or self.device != "cpu"):
            raise ValueError("clock cpu counts the seconds of one thread of a CPU: give threads 1 and device cpu too.")
        drafted = [name for name in self.variants if name.endswith(DRAFT)]
        if drafted and "page" in self.stages and self.batches != (1,):
            raise ValueError(f"drafts are verified for one page at a time: give batch 1, or leave out {drafted[0]}.")
        if self.tower_layers not in (3, 6, 9, 12):
            raise ValueError(f"tower_layers must be 3, 6, 9 or 12, got {self.tower_layers}.")

    @property
    def is_full_size(self) -> bool:
        """Whether the model is as large as the published one."""
        return (self.layers, self.tower_layers) == (PUBLISHED_LAYERS, PUBLISHED_TOWER_LAYERS)
