"""Everything that a training run can be told, as YAML and as typed objects.

The defaults are those of the published post-training command (8192 tokens, learning rate 2e-5 with a cosine, warm-up
0.001, no weight decay, bf16, tf32, gradient checkpointing, 2 samples a device, 2 accumulation steps, 1 epoch, one
checkpoint kept). `configuration/README.md` lists every field with its unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from got_ocr.training.conversation_dataset import DataSetConfig, parse_mix
from got_ocr.training.sampling import DEFAULT_BUFFER_SIZE
from got_ocr.training.settings import SettingsError, build, read_yaml, set_field

Stage = Literal[1, 2, 3, "lora"]
Precision = Literal["float32", "bf16", "fp16"]
Schedule = Literal["cosine", "linear", "constant", "constant_with_warmup"]
Attention = Literal["sdpa", "eager", "flash_attention_2"]


def _number(default: Any, least: float, most: float | None = None) -> Any:
    bounds = {"least": least} if most is None else {"least": least, "most": most}
    return field(default=default, metadata=bounds)


@dataclass(frozen=True)
class ModelSettings:
    """Where the weights come from. Folders and Hub ids alike.

    Attributes:
        checkpoint: GOT checkpoint to go on from: for stage 3 and LoRA, and any stage that was trained before.
        config: config.json (or a folder with one) of a new model of stage 1.
        overrides: Fields of GotOcrConfig that win over `config`.
        tower: GOT checkpoint whose vision tower a new model of stage 1 or 2 takes.
        decoder: Qwen2 checkpoint whose decoder stage 2 joins to the tower.
        tokenizer: Folder with `qwen.tiktoken` for a new model; null: beside `checkpoint`, `tower` or `config`.
        attention: The decoder's attention.
    """

    checkpoint: str | None = None
    config: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    tower: str | None = None
    decoder: str | None = None
    tokenizer: str | None = None
    attention: Attention = "sdpa"


@dataclass(frozen=True)
class DataSettings:
    """What is trained on.

    Attributes:
        sets: Sets by name; the fields of each are those of :class:`DataSetConfig`.
        mix: Which of them, joined by `+` as published (`pdf-ocr+scene-ocr`); empty: all.
        max_tokens: Longest sample, image tokens included; a longer one is a bad sample, nothing is cut.
        max_images: Most pictures, tiles or pages of a sample; null: any number.
        length_grouped: Put samples of about one length into a batch; of tar shards by their members' sizes.
        packing: Put several samples into one row of `max_tokens`, each seeing itself alone.
        buffer_size: Samples that streamed tar shards are shuffled among.
        max_bad_share: Share of bad samples above which a run stops.
        max_bad_count: Number of bad samples above which a run stops; null: none.
        workers: Processes that load samples; 0: the training process itself.
    """

    sets: dict[str, DataSetConfig]
    mix: str = ""
    max_tokens: int = _number(8192, 1)
    max_images: int | None = field(default=None, metadata={"least": 1})
    length_grouped: bool = True
    packing: bool = False
    buffer_size: int = _number(DEFAULT_BUFFER_SIZE, 1)
    max_bad_share: float = _number(0.01, 0.0, 1.0)
    max_bad_count: int | None = field(default=None, metadata={"least": 0})
    workers: int = _number(4, 0)

    def __post_init__(self) -> None:
        try:
            parse_mix(self.mix, self.sets)
        except ValueError as error:
            raise SettingsError(f"data: {error}") from None
        for name, one in self.sets.items():
            if not isinstance(one.path, str):
                raise SettingsError(f"data.sets.{name}.path must be a text, got {one.path!r}.")


@dataclass(frozen=True)
class EvaluationSettings:
    """Reading during training, and the character error rate of what was read.

    Attributes:
        path: Conversation file, or folder of pictures with their text beside them.
        images: Folder that pictures' names start from; null: the file's own.
        every_steps: Optimiser steps between two evaluations; null: at the end only.
        at_start: Whether to evaluate before the first step too.
        limit: Read the first so many samples; null: all.
        max_new_tokens: Longest answer.
        batch_size: Pictures read at once.
        sheet_samples: Samples on the picture sheet and in TensorBoard.
        stop_at_cer: End the run once the rate is this low; null: never.
    """

    path: str
    images: str | None = None
    every_steps: int | None = field(default=None, metadata={"least": 1})
    at_start: bool = False
    limit: int | None = field(default=None, metadata={"least": 1})
    max_new_tokens: int = _number(4096, 1)
    batch_size: int = _number(4, 1)
    sheet_samples: int = _number(6, 0)
    stop_at_cer: float | None = field(default=None, metadata={"least": 0.0})


@dataclass(frozen=True)
class OptimisationSettings:
    """How weights move: AdamW.

    Attributes:
        learning_rate: Its peak.
        schedule: How it falls.
        warmup_share: Share of the steps over which it rises.
        weight_decay: AdamW's; never of biases and norms.
        betas: AdamW's two.
        epsilon: AdamW's.
        max_grad_norm: Gradients are cut to this norm; 0: never.
        epochs: Passes over the data.
        max_steps: Optimiser steps, instead of `epochs`; needed for streamed shards.
        batch_per_device: Samples of a process and micro-step.
        accumulation_steps: Micro-steps of an optimiser step.
    """

    learning_rate: float = _number(2e-5, 0.0)
    schedule: Schedule = "cosine"
    warmup_share: float = _number(0.001, 0.0, 1.0)
    weight_decay: float = _number(0.0, 0.0)
    betas: tuple[float, ...] = (0.9, 0.999)
    epsilon: float = _number(1e-8, 0.0)
    max_grad_norm: float = _number(1.0, 0.0)
    epochs: float = _number(1.0, 0.0)
    max_steps: int | None = field(default=None, metadata={"least": 1})
    batch_per_device: int = _number(2, 1)
    accumulation_steps: int = _number(2, 1)

    def __post_init__(self) -> None:
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise SettingsError(f"optimisation.betas must be two numbers from 0 to below 1, got {list(self.betas)}.")
        if self.epochs == 0 and self.max_steps is None:
            raise SettingsError("optimisation.epochs must be above 0, or optimisation.max_steps a number of steps.")


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters (arXiv 2106.09685), by peft.

    Attributes:
        rank: Their rank.
        alpha: Their scale is `alpha / rank`.
        dropout: In front of them.
        decoder: Decoder layers that get one: any of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj.
        vision_tower: Tower layers that get one: any of qkv, proj, lin1, lin2.
        projector: Whether the projector gets one.
        save: `merged` writes whole checkpoints (the adapter in a subfolder), `adapter` the adapter alone.
    """

    rank: int = _number(16, 1)
    alpha: float = _number(32.0, 0.0)
    dropout: float = _number(0.0, 0.0, 1.0)
    decoder: tuple[Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], ...] = (
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    )  # fmt: skip
    vision_tower: tuple[Literal["qkv", "proj", "lin1", "lin2"], ...] = ()
    projector: bool = False
    save: Literal["merged", "adapter"] = "merged"

    def __post_init__(self) -> None:
        if not (self.decoder or self.vision_tower or self.projector):
            raise SettingsError("lora trains nothing: name layers under lora.decoder or lora.vision_tower.")


@dataclass(frozen=True)
class RunSettings:
    """Where and how it is computed.

    Attributes:
        device: `auto` (a GPU if there is one), or `cpu`.
        precision: `bf16` and `fp16` compute so and keep weights in float32; `float32` computes so too.
        tf32: Whether float32 products may be rounded to TF32, on GPUs that have it.
        gradient_checkpointing: Whether activations are computed again in the backward pass instead of kept.
        deepspeed: DeepSpeed's JSON file; null: without it.
        fsdp: Whether to shard weights, gradients and optimiser over processes by FSDP.
        deterministic: Whether a GPU may only use kernels that give the same bits every time: slower, and a resumed run
            then equals one that was never stopped. On a CPU it always does.
        timeout_s: How long the processes of a run wait for one another; then all end, to be started again. The first
            one writes checkpoints meanwhile, and draws samples.
    """

    device: Literal["auto", "cpu"] = "auto"
    precision: Precision = "bf16"
    tf32: bool = True
    gradient_checkpointing: bool = True
    deepspeed: str | None = None
    fsdp: bool = False
    deterministic: bool = False
    timeout_s: int = _number(600, 1)

    def __post_init__(self) -> None:
        if self.deepspeed and self.fsdp:
            raise SettingsError("run.deepspeed and run.fsdp shard the same things: choose one.")


@dataclass(frozen=True)
class SavingSettings:
    """Checkpoints.

    Attributes:
        every_steps: Optimiser steps between two.
        limit: How many are kept: the newest.
        final_dtype: Of the weights in the folder `model` at the end.
    """

    every_steps: int = _number(500, 1)
    limit: int = _number(1, 1)
    final_dtype: Literal["float32", "bfloat16", "float16"] = "float32"


@dataclass(frozen=True)
class LoggingSettings:
    """What is logged.

    Attributes:
        every_steps: Optimiser steps between two lines.
        tensorboard: Whether to write for TensorBoard too.
    """

    every_steps: int = _number(10, 1)
    tensorboard: bool = True


@dataclass(frozen=True)
class TrainingConfig:
    """A training run.

    Attributes:
        stage: 1 tower and a small decoder, 2 everything, 3 the decoder, or `lora`.
        model: Where weights come from.
        data: What is trained on.
        output: Folder of checkpoints, logs and the final model.
        seed: Of new weights, dropout and the order of samples.
        train_vision_tower: Whether the tower is trained; null: as the stage says.
        train_projector: Whether the projector is trained; null: as the stage says.
        train_decoder: Whether the decoder is trained; null: as the stage says.
        lora: Adapters, for stage `lora`.
        optimisation: How weights move.
        evaluation: Character error rate during training; null: none.
        run: Where and how it is computed.
        saving: Checkpoints.
        logging: Logs.
    """

    stage: Stage
    model: ModelSettings
    data: DataSettings
    output: str | None = None
    seed: int = _number(42, 0)
    train_vision_tower: bool | None = None
    train_projector: bool | None = None
    train_decoder: bool | None = None
    lora: LoraSettings | None = None
    optimisation: OptimisationSettings = field(default_factory=OptimisationSettings)
    evaluation: EvaluationSettings | None = None
    run: RunSettings = field(default_factory=RunSettings)
    saving: SavingSettings = field(default_factory=SavingSettings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)

    def __post_init__(self) -> None:
        self._check_lora()
        self._check_model()

    def _check_lora(self) -> None:
        switches = ("train_vision_tower", "train_projector", "train_decoder")
        if self.stage != "lora":
            if self.lora is not None:
                raise SettingsError(f"lora is for stage 'lora', but stage is {self.stage}.")
            return
        given = [name for name in switches if getattr(self, name) is not None]
        if given:
            raise SettingsError(f"{given[0]} is not for stage 'lora': name layers under lora instead.")
        if self.run.deepspeed or self.run.fsdp:
            raise SettingsError("stage 'lora' runs on one or several devices without run.deepspeed and run.fsdp.")

    def _check_model(self) -> None:
        model, stage = self.model, self.stage
        if model.checkpoint is not None:
            others = [name for name in ("config", "overrides", "tower", "decoder") if getattr(model, name)]
            if others:
                raise SettingsError(f"model.checkpoint is a whole model: leave out model.{others[0]}.")
        elif stage == 1:
            if model.config is None and not model.overrides:
                raise SettingsError("stage 1 needs model.checkpoint, or model.config and/or model.overrides.")
            if model.decoder is not None:
                raise SettingsError("model.decoder is for stage 2; stage 1 makes a decoder by model.config.")
        elif stage == 2:
            if model.tower is None or model.decoder is None:
                raise SettingsError("stage 2 needs model.checkpoint, or both model.tower and model.decoder.")
            if model.config is not None or model.overrides:
                raise SettingsError("stage 2 takes its sizes from model.tower and model.decoder: leave out the rest.")
        else:
            raise SettingsError(f"stage {stage} needs model.checkpoint.")

    @classmethod
    def read(cls, path: Path, assignments: Sequence[str] = ()) -> "TrainingConfig":
        """Read a YAML file.

        Args:
            path: The file.
            assignments: `section.name=value`, which win over it.

        Returns:
            The configuration.

        Raises:
            SettingsError: If a field is unknown, missing, ill-typed or out of range, or fields don't go together.
        """
        fields = read_yaml(path)
        for assignment in assignments:
            set_field(fields, assignment)
        return build(cls, fields, str(path))
