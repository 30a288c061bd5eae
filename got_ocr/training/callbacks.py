"""What people see of a run: lines on stderr, a log file, TensorBoard, and sheets of pictures with what was read."""

import json
import logging
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from got_ocr.training.reading import EvaluationReader, Reading

logger = logging.getLogger(__name__)

LOG_FILE = "log.jsonl"
SHEET_FOLDER = "samples"
TENSORBOARD_FOLDER = "tensorboard"
SHEET_PICTURE_PX = 320
SHEET_TEXT_PX = 520
_FONT_PX = 14
_LINE_PX = 18


class RunLog(TrainerCallback):
    """Writes every logged figure as a line of `log.jsonl`, and says it on stderr.

    Args:
        output: The run's folder.
        quiet: Whether to say nothing.
    """

    def __init__(self, output: Path, quiet: bool = False) -> None:
        self.file = output / LOG_FILE
        self.quiet = quiet
        self._before: tuple[float, float] | None = None
        self._step_ended = 0.0

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Look at the clock."""
        self._step_ended = time.monotonic()

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take the time since the step's end out of samples/s."""
        now = time.monotonic()
        if self._before is not None:
            self._before = (self._before[0] + now - self._step_ended, self._before[1])
        self._step_ended = now

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take the time since the step's or evaluation's end out of samples/s."""
        self.on_evaluate(args, state, control)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        """Write one line."""
        if not state.is_world_process_zero or not logs:
            return
        now = time.monotonic()
        record = {"step": state.global_step, **logs}
        if "loss" in logs and self._before is not None:
            seconds, samples = now - self._before[0], logs["samples"] - self._before[1]
            record["samples_per_s"] = round(samples / max(seconds, 1e-9), 2)
        if "loss" in logs:
            self._before = (now, logs["samples"])
        with open(self.file, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")
        if not self.quiet:
            sys.stderr.write(f"got-ocr: {describe(record, state.max_steps)}\n")
            sys.stderr.flush()


def describe(record: dict[str, Any], max_steps: int) -> str:
    """Put logged figures into words.

    Args:
        record: The figures.
        max_steps: Steps of the whole run.

    Returns:
        One line.
    """
    words = [f"step {record['step']}/{max_steps}"]
    if "epoch" in record:
        words.append(f"epoch {record['epoch']:.2f}")
    if "loss" in record:
        words.append(f"loss {record['loss']:.4f}")
    if "learning_rate" in record:
        words.append(f"learning rate {record['learning_rate']:.2e}")
    if "eval_cer" in record:
        words.append(f"character error rate {record['eval_cer']:.2%}, {record['eval_exact']:.0%} without an error")
    if "samples_per_s" in record:
        words.append(f"{record['samples_per_s']:.2f} samples/s")
    if "train_runtime" in record:
        words.append(f"done in {record['train_runtime']:.0f} s")
    if record.get("bad_samples"):
        words.append(f"{record['bad_samples']:.0f} of {record['samples']:.0f} samples bad")
    return ", ".join(words)


class TensorBoardLog(TrainerCallback):
    """Writes figures, and after each evaluation pictures with their truth and what was read, for TensorBoard.

    Args:
        output: The run's folder.
        reader: Has the evaluation set's pictures, if there is one.
        num_samples: How many of them are shown.

    Raises:
        ModuleNotFoundError: If tensorboard is not installed.
    """

    def __init__(self, output: Path, reader: EvaluationReader | None, num_samples: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "logging.tensorboard needs tensorboard: pip install tensorboard, or switch it off by "
                "--set logging.tensorboard=false."
            ) from error
        self.folder = output / TENSORBOARD_FOLDER
        self.reader = reader
        self.num_samples = num_samples
        self._make_writer = SummaryWriter
        self._writer: Any = None

    def _open(self, step: int) -> Any:
        if self._writer is None:
            # What a killed run wrote beyond the checkpoint that this one goes on from is taken back.
            self._writer = self._make_writer(str(self.folder), purge_step=step + 1 if step else None)
        return self._writer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the file."""
        if state.is_world_process_zero:
            self._open(state.global_step)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        """Write figures."""
        if not state.is_world_process_zero or not logs:
            return
        writer = self._open(state.global_step)
        for name, value in logs.items():
            if isinstance(value, (int, float)):
                place = f"evaluation/{name[5:]}" if name.startswith("eval_") else f"training/{name}"
                writer.add_scalar(place, value, state.global_step)
        writer.flush()

    def show(self, step: int, readings: list[Reading]) -> None:
        """Write what was read.

        Args:
            step: The optimiser step.
            readings: Of the evaluation set.
        """
        import numpy as np

        writer = self._open(step)
        for one in readings[: self.num_samples]:
            name = f"sample {one.index}"
            text = f"question:\n\n    {_indent(one.question)}\n\ntruth:\n\n    {_indent(one.truth)}"
            writer.add_text(name, f"{text}\n\nread ({one.errors} errors):\n\n    {_indent(one.prediction)}", step)
            if self.reader is not None:
                picture = self.reader.load(self.reader.conversations[one.index])[0]
                picture.thumbnail((2 * SHEET_PICTURE_PX, 2 * SHEET_PICTURE_PX))
                writer.add_image(name, np.asarray(picture), step, dataformats="HWC")
        writer.flush()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Bring the file to disk."""
        if self._writer is not None:
            self._writer.flush()


def _indent(text: str) -> str:
    return text.replace("\n", "\n    ")


class SampleSheet:
    """Draws some samples of the evaluation set, truth and reading beside each, after each evaluation.

    Args:
        output: The run's folder; sheets are `samples/step-000120.png` in it.
        reader: Has the pictures.
        num_samples: How many are drawn.
    """

    def __init__(self, output: Path, reader: EvaluationReader, num_samples: int) -> None:
        self.folder = output / SHEET_FOLDER
        self.reader = reader
        self.num_samples = num_samples

    def show(self, step: int, readings: list[Reading]) -> None:
        """Write a sheet.

        Args:
            step: The optimiser step.
            readings: Of the evaluation set.
        """
        rows = [
            draw_row(self.reader.load(self.reader.conversations[one.index])[0], one)
            for one in readings[: self.num_samples]
        ]
        if not rows:
            return
        sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
        top = 0
        for row in rows:
            sheet.paste(row, (0, top))
            top += row.height
        self.folder.mkdir(parents=True, exist_ok=True)
        sheet.save(self.folder / f"step-{step:06d}.png")


def draw_row(picture: Image.Image, reading: Reading) -> Image.Image:
    """Draw a picture with its truth and what was read.

    Args:
        picture: RGB; not changed.
        reading: What was read of it.

    Returns:
        RGB.
    """
    picture = picture.copy()
    picture.thumbnail((SHEET_PICTURE_PX, SHEET_PICTURE_PX))
    blocks = [(f"truth, sample {reading.index}", "#666666"), (reading.truth, "black")]
    blocks += [(f"read, {reading.errors} errors", "#666666")]
    blocks += [(reading.prediction, "#006400" if reading.errors == 0 else "#a00000")]
    lines = [(line, color) for text, color in blocks for line in _wrap(text)]
    height = max(picture.height, len(lines) * _LINE_PX) + 16
    row = Image.new("RGB", (SHEET_PICTURE_PX + SHEET_TEXT_PX + 24, height), "white")
    row.paste(picture, (8, 8))
    draw, font = ImageDraw.Draw(row), ImageFont.load_default(_FONT_PX)
    for number, (line, color) in enumerate(lines):
        draw.text((SHEET_PICTURE_PX + 16, 8 + number * _LINE_PX), line, fill=color, font=font)
    draw.line((0, height - 1, row.width, height - 1), fill="#cccccc")
    return row


def _wrap(text: str, width: int = 64, limit: int = 24) -> list[str]:
    lines = [piece for line in text.split("\n") for piece in (textwrap.wrap(line, width) or [""])]
    return lines if len(lines) <= limit else [*lines[: limit - 1], "..."]


class StopAtRate(TrainerCallback):
    """Ends the run once the character error rate is low enough.

    Args:
        rate: How low.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Train no further where the checkpoint that is gone on from was low enough."""
        last = [one for one in state.log_history if one["step"] == state.global_step]
        rates = [one["eval_cer"] for one in last if "eval_cer" in one]
        if rates and rates[-1] <= self.rate:
            control.should_training_stop = True

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any = None, **kwargs: Any
    ) -> None:
        """Look at the rate; the run's last checkpoint is saved first."""
        if metrics and metrics["eval_cer"] <= self.rate:
            control.should_training_stop = True
            control.should_save = True
