"""`got-ocr train` as people run it: killed and resumed, on two processes, planned, and told wrong things."""

import importlib.util
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoProcessor, TrainingArguments

from got_ocr.cli import exit_codes, main
from got_ocr.training import checkpoints
from got_ocr.training.config import TrainingConfig
from got_ocr.training.run import use_one_gpu
from got_ocr.training.settings import build, write_yaml
from tests.support.training_data import tiny_fields, write_conversations

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])}


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Sums in the order of the subprocesses."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_conversations(tmp_path / "data")


def write_config(path: Path, fields: dict[str, Any]) -> Path:
    write_yaml(build(TrainingConfig, fields, "test"), path)
    return path


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def losses(run: Path) -> list[tuple[int, float]]:
    records = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [(record["step"], record["loss"]) for record in records if "loss" in record]


def stopping_fields(data: Path) -> dict[str, Any]:
    """Two steps an epoch, a checkpoint every three, dropout: whatever is not restored shows in the weights."""
    fields = tiny_fields(data, saving={"every_steps": 3, "limit": 2}, logging={"every_steps": 1, "tensorboard": False})
    fields["model"]["overrides"] = {**fields["model"]["overrides"], "attention_dropout": 0.2}
    fields["optimisation"] |= {"batch_per_device": 2, "accumulation_steps": 2, "max_steps": 20}
    return fields


def test_a_killed_run_ends_with_the_same_bits(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path / "run.yaml", stopping_fields(data))
    assert main(["train", str(config), "--output", str(tmp_path / "whole"), "--quiet"]) == exit_codes.OK

    killed = tmp_path / "killed"
    arguments = ["train", str(config), "--output", str(killed), "--quiet"]
    process = multiprocessing.get_context("fork").Process(target=main, args=(arguments,))
    process.start()
    while not (killed / "checkpoint-6").exists():
        assert process.is_alive()
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (killed / "model").exists()
    older, newest = checkpoints.list_checkpoints(killed)[-2:]

    # Every checkpoint is a model that loads at once ...
    AutoModel.from_pretrained(older)
    assert AutoProcessor.from_pretrained(older).image_token_len == 4
    # ... and one that lost its end on the way is passed over, and said so.
    with open(newest / "model.safetensors", "r+b") as file:
        file.truncate(1000)
    capsys.readouterr()
    assert main(["train", str(config), "--output", str(killed)]) == exit_codes.OK
    said = capsys.readouterr().err
    assert f"{newest} is skipped: model.safetensors has 1000 of" in said
    assert f"going on from {older}" in said
    expected, got = weights(tmp_path / "whole"), weights(killed)
    assert expected.keys() == got.keys()
    assert all(torch.equal(expected[name], got[name]) for name in expected)
    assert losses(killed) == losses(tmp_path / "whole")
    assert [path.name for path in checkpoints.list_checkpoints(killed)] == ["checkpoint-18", "checkpoint-20"]
    assert not checkpoints.staging_folder(killed).exists()


def test_a_complete_run_is_left_as_it_is(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three steps of two an epoch: Trainer alone would train the second epoch to its end, with new weights."""
    fields = tiny_fields(data, logging={"every_steps": 1, "tensorboard": False})
    fields["optimisation"] |= {"batch_per_device": 4, "max_steps": 3}
    arguments = ["train", str(write_config(tmp_path / "run.yaml", fields)), "--output", str(tmp_path / "run")]
    assert main([*arguments, "--quiet"]) == exit_codes.OK
    before = weights(tmp_path / "run")
    loss = losses(tmp_path / "run")[-1][1]
    capsys.readouterr()
    assert main(arguments) == exit_codes.OK
    out, err = capsys.readouterr()
    assert "this run is complete since step 3, so nothing was trained: to go on, raise optimisation.max_steps" in err
    assert out == f"{tmp_path / 'run' / 'model'}: loss {loss:.4f}\n"
    after = weights(tmp_path / "run")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [path.name for path in checkpoints.list_checkpoints(tmp_path / "run")] == ["checkpoint-3"]
    assert main([*arguments, "--quiet", "--set", "optimisation.max_steps=5"]) == exit_codes.OK
    assert [step for step, _ in losses(tmp_path / "run")] == [1, 2, 3, 4, 5]


TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2")
# Without --cpu, with which it starts one process whatever --num_processes says; run.device is cpu in any case.
ACCELERATE = ("accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
              "--main_process_port", "0", "--mixed_precision", "no", "--dynamo_backend", "no")  # fmt: skip


def torchrun(
    config: Path,
    output: Path,
    *assignments: str,
    path: str = "",
    launcher: tuple[str, ...] = TORCHRUN,
    program: str = "got_ocr",
) -> None:
    command = [sys.executable, "-m", *launcher]
    command += ["-m", program, "train", str(config), "--output", str(output), "--quiet"]
    for assignment in assignments:
        command += ["--set", assignment]
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, [ENVIRONMENT["PYTHONPATH"], path]))}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]


def distributed_fields(data: Path) -> dict[str, Any]:
    """Four steps with all weights moving visibly; sums are in another order on two processes, so no AdamW at zero."""
    fields = tiny_fields(data, saving={"every_steps": 2}, evaluation={"path": str(data), "max_new_tokens": 4})
    fields["optimisation"] |= {"max_steps": 4, "learning_rate": 1e-3, "epsilon": 1e-3}
    return fields


def check_same_as_alone(tmp_path: Path, fields: dict[str, Any], two: Path, tolerance: float) -> None:
    """Two processes with half the batch each move weights as one with the whole."""
    config = write_config(tmp_path / "one.yaml", fields)
    assert main(["train", str(config), "--output", str(tmp_path / "one"), "--quiet"]) == exit_codes.OK
    expected, got = weights(tmp_path / "one"), weights(two)
    assert expected.keys() == got.keys()
    for name in expected:
        assert torch.allclose(expected[name], got[name], atol=tolerance), name
    readings = [json.loads((run / "log.jsonl").read_text().splitlines()[-1]) for run in (tmp_path / "one", two)]
    assert readings[0]["samples"] == readings[1]["samples"] == 32
    assert readings[0]["eval_cer"] == pytest.approx(readings[1]["eval_cer"], abs=0.2)


def test_two_processes_move_weights_as_one(tmp_path: Path, data: Path) -> None:
    fields = distributed_fields(data)
    config = write_config(tmp_path / "two.yaml", fields)
    torchrun(config, tmp_path / "two", "optimisation.batch_per_device=4")
    check_same_as_alone(tmp_path, fields, tmp_path / "two", 1e-5)
    AutoModel.from_pretrained(tmp_path / "two" / "checkpoint-4")


@pytest.mark.slow
def test_accelerate_launch_moves_weights_as_one(tmp_path: Path, data: Path) -> None:
    fields = distributed_fields(data)
    config = write_config(tmp_path / "two.yaml", fields)
    torchrun(config, tmp_path / "two", "optimisation.batch_per_device=4", launcher=ACCELERATE)
    check_same_as_alone(tmp_path, fields, tmp_path / "two", 1e-5)


@pytest.mark.slow
def test_fsdp_moves_weights_as_one_and_resumes(tmp_path: Path, data: Path) -> None:
    fields = distributed_fields(data)
    config = write_config(tmp_path / "two.yaml", fields)
    half = ("optimisation.batch_per_device=4", "run.fsdp=true")
    torchrun(config, tmp_path / "two", *half)
    check_same_as_alone(tmp_path, fields, tmp_path / "two", 1e-5)
    whole = weights(tmp_path / "two")
    AutoModel.from_pretrained(tmp_path / "two" / "checkpoint-4")
    torchrun(config, tmp_path / "again", *half, "saving.limit=2")
    for path in ("checkpoint-4", "model"):
        (tmp_path / "again" / path).rename(tmp_path / f"gone-{path}")
    torchrun(config, tmp_path / "again", *half)
    again = weights(tmp_path / "again")
    assert all(torch.equal(whole[name], again[name]) for name in whole)


# DeepSpeed compiles an operation of its own for processes on one machine's CPU, which takes minutes. Without it they
# speak over gloo, as they do where it can't be compiled.
WITHOUT_SHARED_MEMORY = """
import sys
import deepspeed.ops
from got_ocr.cli import main
deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="DeepSpeed is not installed")
@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_moves_weights_as_one(tmp_path: Path, data: Path, stage: int) -> None:
    fields = distributed_fields(data)
    config = write_config(tmp_path / "two.yaml", fields)
    json_file = ROOT / "configuration" / "deepspeed" / f"zero{stage}.json"
    (tmp_path / "without_shared_memory.py").write_text(WITHOUT_SHARED_MEMORY)
    assignments = ("optimisation.batch_per_device=4", f"run.deepspeed={json_file}")
    torchrun(config, tmp_path / "two", *assignments, path=str(tmp_path), program="without_shared_memory")
    check_same_as_alone(tmp_path, fields, tmp_path / "two", 1e-4)


def test_dry_run_tells_what_would_happen(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fields = tiny_fields(data, train_vision_tower=False)
    fields["optimisation"] |= {"batch_per_device": 2, "accumulation_steps": 2, "epochs": 3.0, "max_steps": None}
    fields["data"] |= {"sets": {**fields["data"]["sets"], "later": {"path": "not-there-yet.json"}}, "mix": "eight"}
    fields["evaluation"] = {"path": str(data)}
    config = write_config(tmp_path / "run.yaml", fields)
    assert main(["train", str(config), "--dry-run", "--processes", "2"]) == exit_codes.OK
    out = capsys.readouterr().out
    assert "stage 1\n" in out
    tower = next(line for line in out.splitlines() if "vision_tower" in line).split()
    assert tower[1] == "0" and int(tower[3].replace(",", "")) > 10_000
    assert "  eight: 8 samples, 8 used, 8 an epoch\n" in out
    assert "3 optimiser steps of 8 samples (2 a device x 2 accumulated x 2 processes), 1 an epoch" in out
    assert "  character error rate of 8 samples at the end\n" in out
    assert "GiB a device (weights 0.00, gradients 0.00" in out
    assert "optimiser    8 bytes a trained parameter" in out
    assert "<img><imgpad>*4</img>\nOCR: <|im_end|><|im_start|>assistant\n[[one<|im_end|>]]" in out
    assert list(tmp_path.iterdir()) == [data.parent, config] or not (tmp_path / "runs").exists()


def test_too_many_bad_samples_stop_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_conversations(tmp_path / "data")
    (data.parent / "3.png").write_bytes(b"no picture")
    fields = tiny_fields(data)
    fields["data"]["max_bad_count"] = 2
    fields["optimisation"] |= {"max_steps": 10}
    config = write_config(tmp_path / "run.yaml", fields)
    assert main(["train", str(config), "--output", str(tmp_path / "run"), "--quiet"]) == exit_codes.WRONG_USAGE
    error = capsys.readouterr().err
    assert error.startswith("got-ocr: error: 3 of 24 samples are bad (12.50%), but max_count is 2: ")
    assert "3.png" in error
    named = [json.loads(line) for line in (tmp_path / "run" / "bad_samples.jsonl").read_text().splitlines()]
    assert [(one["line"], Path(one["name"]).name) for one in named] == [(1, "3.png")]
    assert not (tmp_path / "run" / "model").exists()


def test_mistakes_get_one_line(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed", None)  # as if it were not installed
    config = write_config(tmp_path / "run.yaml", tiny_fields(data))
    for arguments, said in [
        ([str(tmp_path / "gone.yaml")], "there is no configuration"),
        ([str(config)], "there is no folder to train in: give --output DIR"),
        ([str(config), "--set", "stage=5"], "stage must be one of 1, 2, 3, 'lora', got 5"),
        ([str(config), "--output", str(tmp_path / "x"), "--processes", "2"], "--processes is for --dry-run"),
        ([str(config), "--output", str(tmp_path / "x"), "--resume", str(tmp_path / "no")], "can't go on from"),
        (
            [str(config), "--output", str(tmp_path / "x"), "--set", "data.sets.eight.path=gone.json"],
            "gone.json: there is no such file or folder (data.sets.eight.path)",
        ),
        ([str(config), "--dry-run", "--set", "run.deepspeed=zero9.json"], "no such file or folder (run.deepspeed)"),
        (
            [str(config), "--output", str(tmp_path / "x"), "--set", "run.deepspeed=zero2.json"],
            "run.deepspeed needs DeepSpeed: pip install deepspeed, or go without it by --set run.deepsp",
        ),
        (
            [str(config), "--output", str(tmp_path / "x"), "--set", "run.fsdp=true"],
            "run.fsdp shards over several processes, but there is one: start the run by torchrun",
        ),
    ]:
        assert main(["train", *arguments]) != exit_codes.OK
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert said in lines[0]


def test_one_process_takes_one_gpu(caplog: pytest.LogCaptureFixture) -> None:
    args = TrainingArguments(use_cpu=True, report_to=[])
    assert use_one_gpu(args).n_gpu == 0 and not caplog.text
    args._n_gpu = 4  # as on a machine of four
    with caplog.at_level("WARNING"):
        assert use_one_gpu(args).n_gpu == 1
    assert "one of 4 GPUs is used: for all of them, torchrun --nproc-per-node 4 -m got_ocr train" in caplog.text


def test_never_refuses_a_folder_with_checkpoints(tmp_path: Path, data: Path) -> None:
    (tmp_path / "run" / "checkpoint-3").mkdir(parents=True)
    config = write_config(tmp_path / "run.yaml", tiny_fields(data))
    assert (
        main(["train", str(config), "--output", str(tmp_path / "run"), "--resume", "never"]) == exit_codes.WRONG_USAGE
    )


def test_the_built_in_models_configuration_goes_to_its_own_trainer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []
    monkeypatch.setattr("got_ocr.nano.train.main", lambda: seen.append(sys.argv[1:]) or 0)
    monkeypatch.setattr(sys, "argv", ["got-ocr"])
    nano = ROOT / "configuration" / "training" / "nano.yaml"
    output = tmp_path / "nano"
    assert main(["train", str(nano), "--output", str(output)]) == exit_codes.OK
    output.mkdir()
    (output / "state.pt").touch()
    assert main(["train", str(nano), "--output", str(output)]) == exit_codes.OK
    common = ["--config", str(nano), "--output", str(output)]
    assert seen == [common, [*common, "--resume"]]
    assert main(["train", str(nano), "--output", str(output), "--resume", "never"]) == exit_codes.WRONG_USAGE
    assert f"{output} holds a run already: name another --output" in capsys.readouterr().err
    assert main(["train", str(nano), "--set", "steps=1"]) == exit_codes.WRONG_USAGE
    assert "knows no --set" in capsys.readouterr().err


def test_the_small_configurations_that_ship_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a folder of pictures with their text beside them; the second goes on from the first one's result."""
    folder = tmp_path / "lines"
    for entry in json.loads(write_conversations(folder).read_text()):
        (folder / entry["image"]).with_suffix(".txt").write_text(entry["conversations"][1]["value"])
    (folder / "conversations.json").unlink()
    monkeypatch.chdir(ROOT)
    shared = ["optimisation.max_steps=2", f"data.sets.mine.path={folder}", f"evaluation.path={folder}"]
    shared += ["evaluation.max_new_tokens=3", "saving.final_dtype=bfloat16"]
    for name, more in [("tiny", []), ("tiny-lora", [f"model.checkpoint={tmp_path / 'tiny' / 'model'}"])]:
        arguments = ["train", f"configuration/training/{name}.yaml", "--output", str(tmp_path / name), "--quiet"]
        for assignment in [*shared, *more]:
            arguments += ["--set", assignment]
        assert main(arguments) == exit_codes.OK, capsys.readouterr().err
        out, err = capsys.readouterr()
        assert out.startswith(f"{tmp_path / name / 'model'}: loss ")
        assert err == ""
        assert {tensor.dtype for tensor in weights(tmp_path / name).values()} == {torch.bfloat16}
        assert list((tmp_path / name / "tensorboard").iterdir())
        assert AutoModel.from_pretrained(tmp_path / name / "model", dtype="auto").dtype == torch.bfloat16


def test_shards_are_streamed(tmp_path: Path) -> None:
    """Twice through two shards of four samples each, without a word on how many there are."""
    data = write_conversations(tmp_path / "data")
    for number, entry in enumerate(json.loads(data.read_text())):
        with tarfile.open(tmp_path / f"part-{number // 4}.tar", "a") as shard:
            shard.add(data.parent / entry["image"], f"{number}.png")
            text = json.dumps(entry).encode()
            member = tarfile.TarInfo(f"{number}.json")
            member.size = len(text)
            shard.addfile(member, io.BytesIO(text))
    fields = tiny_fields(data, logging={"every_steps": 1, "tensorboard": False})
    fields["data"] |= {"sets": {"eight": {"path": str(tmp_path / "part-*.tar")}}}
    fields["optimisation"] |= {"batch_per_device": 4, "max_steps": None, "epochs": 2.0}
    config = write_config(tmp_path / "run.yaml", fields)
    assert main(["train", str(config), "--output", str(tmp_path / "run"), "--quiet"]) == exit_codes.OK
    assert [step for step, _ in losses(tmp_path / "run")] == [1, 2, 3, 4]
    assert json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])["samples"] == 16
