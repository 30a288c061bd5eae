"""A process of a distributed run that is killed, fails or stops answering ends the others, each with one line."""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from got_ocr.cli import exit_codes, main
from got_ocr.training import checkpoints
from got_ocr.training.config import TrainingConfig
from got_ocr.training.failures import LostProcessError, naming_lost_process
from got_ocr.training.settings import build, write_yaml
from got_ocr.training.trainer import GotOcrTrainer
from tests.support.processes import Forked
from tests.support.training_data import tiny_fields, write_conversations

STARTED_AGAIN = "what was saved is kept, and started again the run goes on from it.\n"
ENDED = f"another process of this run has ended: what it said, or the system's log, tells why; {STARTED_AGAIN}"


def start_two(tmp_path: Path, **run: Any) -> tuple[list[Forked], list[Path]]:
    """Start two processes that train together far longer than a test; a checkpoint every second step."""
    fields = tiny_fields(write_conversations(tmp_path / "data"), saving={"every_steps": 2, "limit": 2}, run=run)
    fields["optimisation"] |= {"batch_per_device": 4, "max_steps": 100_000}
    write_yaml(build(TrainingConfig, fields, "test"), tmp_path / "run.yaml")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    arguments = ["train", str(tmp_path / "run.yaml"), "--output", str(tmp_path / "out"), "--quiet"]
    said = [tmp_path / "said-0", tmp_path / "said-1"]
    processes = [
        Forked(arguments, path, environment={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank, path in enumerate(said)
    ]
    return processes, said


def wait_for_checkpoint(tmp_path: Path, processes: list[Forked], said: list[Path]) -> None:
    while not checkpoints.list_checkpoints(tmp_path / "out"):
        assert all(process.poll() is None for process in processes), [path.read_text() for path in said]
        time.sleep(0.02)


def check_what_is_left(tmp_path: Path) -> None:
    """The newest checkpoint is whole, nothing was made of it, and the folder may be trained in again."""
    assert checkpoints.find_checkpoint(tmp_path / "out") == checkpoints.list_checkpoints(tmp_path / "out")[-1]
    assert not (tmp_path / "out" / checkpoints.FINAL_FOLDER).exists()
    most = checkpoints.step_of(checkpoints.list_checkpoints(tmp_path / "out")[-1]) + 1
    again = ["train", str(tmp_path / "run.yaml"), "--output", str(tmp_path / "out"), "--quiet"]
    assert main([*again, "--set", f"optimisation.max_steps={most}"]) == exit_codes.OK


@pytest.mark.parametrize("lost", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_a_process_that_is_killed_ends_the_other(tmp_path: Path, lost: int) -> None:
    processes, said = start_two(tmp_path)
    wait_for_checkpoint(tmp_path, processes, said)
    processes[lost].send_signal(signal.SIGKILL)
    assert processes[lost].wait() == -signal.SIGKILL
    assert processes[1 - lost].wait() == exit_codes.PROCESS_LOST
    assert said[1 - lost].read_text() == f"got-ocr: error: {ENDED}"
    check_what_is_left(tmp_path)


def test_a_process_that_fails_says_why_and_ends_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = GotOcrTrainer.training_step

    def fail(trainer: Any, *arguments: Any, **options: Any) -> torch.Tensor:
        if os.environ["RANK"] == "1" and trainer.state.global_step == 3:
            raise ValueError("this one can't go on.")
        return step(trainer, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(GotOcrTrainer, "training_step", fail)
        processes, said = start_two(tmp_path)
    assert [process.wait() for process in processes] == [exit_codes.PROCESS_LOST, exit_codes.WRONG_USAGE]
    assert [path.read_text() for path in said] == [f"got-ocr: error: {ENDED}", "got-ocr: error: this one can't go on.\n"]
    assert not (tmp_path / "out" / checkpoints.FINAL_FOLDER).exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_process_that_does_not_answer_ends_the_other_in_time(tmp_path: Path) -> None:
    processes, said = start_two(tmp_path, timeout_s=20)
    wait_for_checkpoint(tmp_path, processes, said)
    processes[1].send_signal(signal.SIGSTOP)
    assert processes[0].wait() == exit_codes.PROCESS_LOST
    processes[1].send_signal(signal.SIGKILL)
    assert processes[1].wait() == -signal.SIGKILL
    what = "has not answered for 20 s (run.timeout_s): see what it is doing"
    assert said[0].read_text() == f"got-ocr: error: another process of this run {what}; {STARTED_AGAIN}"
    check_what_is_left(tmp_path)


def test_what_is_a_lost_process() -> None:
    for error in (
        RuntimeError("[third_party/gloo/gloo/transport/tcp/pair.cc:537] Connection closed by peer"),
        torch.distributed.DistNetworkError("failed to recv, got 0 bytes"),
        torch.distributed.DistBackendError("NCCL communicator was aborted on rank 1."),
    ):
        with pytest.raises(LostProcessError, match="has ended"), naming_lost_process("9 s"):
            raise error
    with pytest.raises(LostProcessError, match="has not answered for 9 s"), naming_lost_process("9 s"):
        raise torch.distributed.DistStoreError("wait timeout after 9000ms, keys: /default_pg/0//cpu//0/1")
    with pytest.raises(RuntimeError, match="^mat1 and mat2"), naming_lost_process("9 s"):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
