"""A process of a distributed run that is killed, fails or stops answering ends the others, each with one line."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from got_ocr.cli import exit_codes
from got_ocr.training import checkpoints
from got_ocr.training.config import TrainingConfig
from got_ocr.training.failures import LostProcessError, naming_lost_process
from got_ocr.training.settings import build, write_yaml
from got_ocr.training.trainer import GotOcrTrainer
from tests.support.processes import Forked
from tests.support.training_data import tiny_fields, write_conversations

ROOT = Path(__file__).resolve().parents[2]
STARTED_AGAIN = "what was saved is kept, and started again the run goes on from it.\n"
ENDED = f"another process of this run has ended: what it said, or the system's log, tells why; {STARTED_AGAIN}"


def play(folder: str, what: str, lost: int, **run: Any) -> None:
    """Train on two processes without an end, lose one of them, and train on alone.

    To be run in a process of its own: the others are forks of it, which can't compute where it has computed itself.
    What came of it is printed as JSON: exit codes, what was said, and what was left.
    """
    output = Path(folder) / "out"
    fields = tiny_fields(write_conversations(Path(folder) / "data"), saving={"every_steps": 2, "limit": 2}, run=run)
    fields["optimisation"] |= {"batch_per_device": 4, "max_steps": 100_000}
    write_yaml(build(TrainingConfig, fields, "test"), Path(folder) / "run.yaml")
    if what == "fails":
        fail_after(4, lost)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    arguments = ["train", f"{folder}/run.yaml", "--output", str(output), "--quiet"]
    said = [Path(folder) / f"said-{rank}" for rank in (0, 1)]
    processes = [
        Forked(arguments, path, environment={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank, path in enumerate(said)
    ]
    if what != "fails":
        while not checkpoints.list_checkpoints(output):
            assert all(process.poll() is None for process in processes), [path.read_text() for path in said]
            time.sleep(0.02)
        processes[lost].send_signal(signal.SIGKILL if what == "is killed" else signal.SIGSTOP)
    codes = {1 - lost: processes[1 - lost].wait()}
    if what == "stops":
        processes[lost].send_signal(signal.SIGKILL)
    codes[lost] = processes[lost].wait()
    found, has_model = checkpoints.find_checkpoint(output), (output / checkpoints.FINAL_FOLDER).exists()
    newest = checkpoints.list_checkpoints(output)[-1]
    again = [*arguments, "--set", f"optimisation.max_steps={checkpoints.step_of(newest) + 1}"]
    outcome = {
        "codes": [codes[0], codes[1]],
        "said": [path.read_text() for path in said],
        "newest is whole": found == newest,
        "has a model": has_model,
        "goes on": Forked(again, Path(folder) / "said-again").wait(),
    }
    print(json.dumps(outcome))


def fail_after(num_steps: int, lost: int) -> None:
    """Let one process of a run raise behind its checkpoints."""
    step = GotOcrTrainer.training_step

    def training_step(trainer: Any, *arguments: Any, **options: Any) -> torch.Tensor:
        if os.environ.get("RANK") == str(lost) and trainer.state.global_step == num_steps:
            raise ValueError("this one can't go on.")
        return step(trainer, *arguments, **options)

    GotOcrTrainer.training_step = training_step  # type: ignore[method-assign]


def lose(folder: Path, what: str, lost: int, **run: Any) -> list[Any]:
    """Play it. Returns: exit code and words of the process that is lost, and of the other."""
    code = f"from {__name__} import play; play({str(folder)!r}, {what!r}, {lost}, **{run!r})"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    outcome = json.loads(done.stdout)
    assert outcome["newest is whole"] and not outcome["has a model"]
    assert outcome["goes on"] == exit_codes.OK
    return [(outcome["codes"][rank], outcome["said"][rank]) for rank in (lost, 1 - lost)]


@pytest.mark.parametrize("lost", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_a_process_that_is_killed_ends_the_other(tmp_path: Path, lost: int) -> None:
    killed, other = lose(tmp_path, "is killed", lost)
    assert killed[0] == -signal.SIGKILL
    assert other == (exit_codes.PROCESS_LOST, f"got-ocr: error: {ENDED}")


@pytest.mark.parametrize("lost", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_a_process_that_fails_says_why_and_ends_the_other(tmp_path: Path, lost: int) -> None:
    failed, other = lose(tmp_path, "fails", lost)
    assert failed == (exit_codes.WRONG_USAGE, "got-ocr: error: this one can't go on.\n")
    assert other == (exit_codes.PROCESS_LOST, f"got-ocr: error: {ENDED}")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_process_that_does_not_answer_ends_the_other_in_time(tmp_path: Path) -> None:
    _, other = lose(tmp_path, "stops", 1, timeout_s=60)
    what = "has not answered for 60 s (run.timeout_s): see what it is doing"
    assert other == (exit_codes.PROCESS_LOST, f"got-ocr: error: another process of this run {what}; {STARTED_AGAIN}")


class _Killed(torch.utils.data.Dataset[int]):
    """Samples whose loading the system ends, as it does where memory is short."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return index


def test_a_process_that_loads_samples_may_be_killed_too() -> None:
    loader = torch.utils.data.DataLoader(_Killed(), num_workers=1)
    said = r"most often for want of memory: lower data\.workers;"
    with pytest.raises(LostProcessError, match=said), naming_lost_process("9 s"):
        next(iter(loader))


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
    with pytest.raises(RuntimeError, match="mat1 and mat2"), naming_lost_process("9 s"):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
