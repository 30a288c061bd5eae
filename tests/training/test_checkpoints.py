"""Checkpoints that are whole or not there, what people see of a run, and the memory that it is said to need."""

import json
from pathlib import Path

import pytest
from PIL import Image
from transformers import TrainerState

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.training import checkpoints
from got_ocr.training.callbacks import RunLog, SampleSheet, StopAtRate, TensorBoardLog, describe
from got_ocr.training.config import TrainingConfig
from got_ocr.training.estimate import estimate_memory
from got_ocr.training.reading import EvaluationReader, Reading, character_error_rate
from got_ocr.training.settings import build, changed_fields
from tests.support.training_data import tiny_fields, write_conversations

READINGS = [Reading(0, "OCR: ", "one", "one", 0), Reading(1, "OCR: ", "seven 7", "sevem", 3)]


def make(output: Path, step: int) -> Path:
    unfinished = checkpoints.staging_folder(output) / f"checkpoint-{step}"
    (unfinished / "inner").mkdir(parents=True)
    (unfinished / "weights").write_bytes(b"w" * 100)
    (unfinished / "inner" / "state").write_bytes(b"s" * step)
    checkpoints.publish(unfinished, output / f"checkpoint-{step}")
    return output / f"checkpoint-{step}"


def test_the_newest_complete_checkpoint_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert checkpoints.find_checkpoint(tmp_path) is None
    assert checkpoints.find_checkpoint(tmp_path / "gone") is None
    first, second, third, fourth = (make(tmp_path, step) for step in (2, 10, 20, 100))
    assert checkpoints.list_checkpoints(tmp_path) == [first, second, third, fourth]
    assert checkpoints.find_checkpoint(tmp_path) == fourth
    (fourth / "inner" / "state").write_bytes(b"s" * 99)
    (third / "weights").unlink()
    with caplog.at_level("WARNING"):
        assert checkpoints.find_checkpoint(tmp_path) == second
    assert "inner/state has 99 of 100 bytes" in caplog.text
    assert "checkpoint-20 is skipped: weights is missing" in caplog.text
    with pytest.raises(ValueError, match=r"can't go on from .*checkpoint-20: weights is missing"):
        checkpoints.check_checkpoint(third)
    with pytest.raises(ValueError, match="there is no such folder"):
        checkpoints.check_checkpoint(tmp_path / "checkpoint-7")
    model = second.rename(tmp_path / "model")
    with pytest.raises(ValueError, match=r"it is no checkpoint-NUMBER of a run; a finished model goes under"):
        checkpoints.check_checkpoint(model)
    assert checkpoints.step_of(model.rename(second)) == 10
    (second / checkpoints.MANIFEST).write_text("{")
    assert checkpoints.what_is_wrong(second) == "its checkpoint.json is damaged"


def test_old_checkpoints_go_and_unfinished_ones_have_no_name(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        make(tmp_path, step)
    (checkpoints.staging_folder(tmp_path) / "checkpoint-4").mkdir()
    checkpoints.remove_oldest(tmp_path, 2)
    assert [path.name for path in checkpoints.list_checkpoints(tmp_path)] == ["checkpoint-2", "checkpoint-3"]
    checkpoints.clear_staging(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-2", "checkpoint-3"]


def test_a_checkpoint_replaces_one_of_its_name(tmp_path: Path) -> None:
    folder = make(tmp_path, 5)
    (folder / "stray").touch()
    assert checkpoints.what_is_wrong(make(tmp_path, 5)) == ""
    assert not (folder / "stray").exists()


def test_the_rate_is_errors_over_characters() -> None:
    assert character_error_rate(READINGS) == pytest.approx(3 / 10)


@pytest.fixture
def reader(tmp_path: Path, tiny_processor: GotOcrProcessor) -> EvaluationReader:
    data = write_conversations(tmp_path / "data")
    config = build(TrainingConfig, tiny_fields(data, evaluation={"path": str(data)}), "x")
    assert config.evaluation is not None
    return EvaluationReader(config.evaluation, tiny_processor)


def test_sheets_show_pictures_and_texts(tmp_path: Path, reader: EvaluationReader) -> None:
    SampleSheet(tmp_path, reader, 2).show(120, READINGS)
    with Image.open(tmp_path / "samples" / "step-000120.png") as sheet:
        colors = {color for _, color in sheet.convert("RGB").getcolors(1 << 20) or []}
    assert {(0, 100, 0), (160, 0, 0), (0, 0, 0)} <= colors  # right in green, wrong in red, truth in black


def test_tensorboard_gets_figures_texts_and_pictures(tmp_path: Path, reader: EvaluationReader) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = TensorBoardLog(tmp_path, reader, 2)
    state = TrainerState(global_step=40)
    board.on_log(None, state, None, logs={"loss": 0.5, "eval_cer": 0.25})  # type: ignore[arg-type]
    board.show(40, READINGS)
    board.on_train_end(None, state, None)  # type: ignore[arg-type]
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(one.step, one.value) for one in events.Scalars("evaluation/cer")] == [(40, 0.25)]
    assert events.Scalars("training/loss")[0].value == 0.5
    assert events.Tags()["images"] == ["sample 0", "sample 1"]
    text = events.Tensors("sample 1/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "seven 7" in text
    assert "read (3 errors):\n\n    sevem" in text


def test_log_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, state = RunLog(tmp_path), TrainerState(global_step=10, max_steps=50, is_world_process_zero=True)
    log.on_log(None, state, None, logs={"loss": 0.5, "learning_rate": 1e-4, "samples": 80, "bad_samples": 2})  # type: ignore[arg-type]
    assert json.loads((tmp_path / "log.jsonl").read_text())["loss"] == 0.5
    line = "got-ocr: step 10/50, loss 0.5000, learning rate 1.00e-04, 2 of 80 samples bad\n"
    assert capsys.readouterr().err == line
    assert describe({"step": 3, "eval_cer": 0.125, "eval_exact": 0.5}, 9) == (
        "step 3/9, character error rate 12.50%, 50% without an error"
    )


def test_samples_a_second_are_those_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds between two lines, six of which go to an evaluation and a checkpoint after the first."""
    now = 100.0
    monkeypatch.setattr("got_ocr.training.callbacks.time.monotonic", lambda: now)
    log, state = RunLog(tmp_path, quiet=True), TrainerState(global_step=10, is_world_process_zero=True)
    log.on_step_end(None, state, None)  # type: ignore[arg-type]
    log.on_log(None, state, None, logs={"loss": 0.5, "samples": 80, "bad_samples": 0})  # type: ignore[arg-type]
    now = 105.0
    log.on_evaluate(None, state, None)  # type: ignore[arg-type]
    now = 106.0
    log.on_save(None, state, None)  # type: ignore[arg-type]
    now = 110.0
    log.on_step_end(None, state, None)  # type: ignore[arg-type]
    log.on_log(None, state, None, logs={"loss": 0.5, "samples": 120, "bad_samples": 0})  # type: ignore[arg-type]
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[1])["samples_per_s"] == 10.0


def test_a_low_rate_ends_the_run() -> None:
    from transformers import TrainerControl

    control = TrainerControl()
    StopAtRate(0.1).on_evaluate(None, None, control, {"eval_cer": 0.11})  # type: ignore[arg-type]
    assert not control.should_training_stop
    StopAtRate(0.1).on_evaluate(None, None, control, {"eval_cer": 0.1})  # type: ignore[arg-type]
    assert control.should_training_stop
    assert control.should_save

    history = [{"step": 40, "eval_cer": 0.05}, {"step": 60, "loss": 1.0}, {"step": 60, "eval_cer": 0.1}]
    for step, is_complete in ((40, True), (60, True), (50, False)):
        control, state = TrainerControl(), TrainerState(global_step=step, log_history=history)
        StopAtRate(0.1).on_train_begin(None, state, control)  # type: ignore[arg-type]
        assert control.should_training_stop == is_complete


def test_memory_follows_its_formula() -> None:
    fields = {"stage": 3, "model": {"checkpoint": "a"}, "data": {"sets": {"b": {"path": "c"}}}}
    sizes = {"num_parameters": 580, "num_trained": 464, "trains_tower": False, "tokens": 100, "images": 1}

    def estimate(**run: object) -> object:
        config = build(TrainingConfig, {**fields, "run": run}, "x")
        return estimate_memory(config, GotOcrConfig(), world_size=4, **sizes)  # type: ignore[arg-type]

    memory = estimate(precision="bf16")
    assert (memory.weights, memory.gradients, memory.optimiser) == (580 * 6, 464 * (4 + 4), 464 * 8)
    assert memory.logits == 100 * 151860 * 14
    assert memory.activations == 2 * (24 * 100 * 1024 + 100 * (8 * 1024 + 3 * 2816))
    kept = estimate(precision="float32", gradient_checkpointing=False)
    assert kept.activations == 4 * 24 * 100 * (8 * 1024 + 3 * 2816)
    root = Path(__file__).resolve().parents[2] / "configuration" / "deepspeed"
    zero2, zero3 = (estimate(deepspeed=str(root / f"zero{stage}.json")) for stage in (2, 3))
    assert (zero2.weights, zero2.gradients, zero2.optimiser) == (580 * (4 // 4 + 2), 464, 464 * 2)
    assert (zero3.weights, zero3.gradients) == (580 * 6 // 4, 464)
    assert estimate(fsdp=True).weights == zero3.weights


def test_changed_fields_are_named() -> None:
    before = {"seed": 1, "run": {"fsdp": False, "tf32": True}}
    assert changed_fields(before, {"seed": 2, "run": {"fsdp": True, "tf32": True}}) == [
        "seed is 2 (was 1)",
        "run.fsdp is True (was False)",
    ]
