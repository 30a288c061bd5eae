"""What ends a run with one clear line, and leaves what was there before as it was."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from got_ocr.cli import exit_codes, main
from got_ocr.training import checkpoints
from got_ocr.training.bad_samples import BadSamplePolicy, TooManyBadSamplesError
from got_ocr.training.config import TrainingConfig
from got_ocr.training.failures import check_finite_weights, check_learned, is_full_disk, only_trainer
from got_ocr.training.settings import build, write_yaml
from tests.support.training_data import tiny_fields, write_conversations

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_conversations(tmp_path / "data")


def short_fields(data: Path, **fields: Any) -> dict[str, Any]:
    fields = tiny_fields(data, logging={"every_steps": 1, "tensorboard": False}, **fields)
    fields["optimisation"] = {**fields["optimisation"], "batch_per_device": 4, "max_steps": 2}
    return fields


def arguments(tmp_path: Path, fields: dict[str, Any], output: str = "run") -> list[str]:
    write_yaml(build(TrainingConfig, fields, "test"), tmp_path / "run.yaml")
    return ["train", str(tmp_path / "run.yaml"), "--output", str(tmp_path / output)]


class TestNothingLearned:
    @pytest.mark.parametrize("every_steps", [1, 1000])
    def test_a_run_whose_pictures_are_all_missing_writes_no_model(
        self, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], every_steps: int
    ) -> None:
        for picture in data.parent.glob("*.png"):
            picture.unlink()
        fields = short_fields(data, saving={"every_steps": every_steps})
        assert main(arguments(tmp_path, fields)) == exit_codes.WRONG_USAGE
        out, err = capsys.readouterr()
        assert out == ""
        assert "error: nothing was learned: all 8 samples are bad (" in err or "all 4 samples are bad (" in err
        assert "bad_samples.jsonl names them, the last is " in err and ".png" in err
        assert not (tmp_path / "run" / "model").exists()
        assert not checkpoints.list_checkpoints(tmp_path / "run")

    def test_one_of_eight_may_be_missing_but_not_most(
        self, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (data.parent / "3.png").unlink()
        assert main([*arguments(tmp_path, short_fields(data), "one"), "--quiet"]) == exit_codes.OK
        for number in (0, 1, 2, 4, 5):
            (data.parent / f"{number}.png").unlink()
        assert main([*arguments(tmp_path, short_fields(data), "most"), "--quiet"]) == exit_codes.WRONG_USAGE
        assert "6 of 8 samples are bad (75.00%), but max_share is 1.00%" in capsys.readouterr().err
        assert not (tmp_path / "most" / "model").exists()
        fields = short_fields(data)
        fields["data"]["max_bad_share"] = 1.0
        assert main([*arguments(tmp_path, fields, "borne"), "--quiet"]) == exit_codes.OK

    def test_no_sample_at_all_is_nothing_either(self) -> None:
        check_learned(3, 2, "")
        with pytest.raises(ValueError, match="nothing was learned: there was no sample; no model is written"):
            check_learned(0, 0, "")

    def test_the_end_counts_however_few_samples_there_were(self) -> None:
        policy = BadSamplePolicy(max_share=0.1)
        policy.check(5, 4, "x")
        policy.check(5, 1, "x", at_end=True)
        with pytest.raises(TooManyBadSamplesError, match="2 of 5 samples are bad"):
            policy.check(5, 2, "x", at_end=True)


class TestNumbersThatAreNone:
    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_damaged_weights_are_refused_before_training(
        self, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], value: float
    ) -> None:
        assert main([*arguments(tmp_path, short_fields(data)), "--quiet"]) == exit_codes.OK
        file = tmp_path / "run" / "model" / "model.safetensors"
        tensors = load_file(file)
        name = sorted(tensors)[3]
        tensors[name].view(-1)[0] = value
        save_file(tensors, file, metadata={"format": "pt"})
        fields = short_fields(data) | {"stage": 3, "model": {"checkpoint": str(tmp_path / "run" / "model")}}
        assert main([*arguments(tmp_path, fields, "again"), "--quiet"]) == exit_codes.WRONG_USAGE
        err = capsys.readouterr().err
        assert f"{tmp_path / 'run' / 'model'}: 1 of " in err and "are NaN or infinite: download or convert" in err
        assert not (tmp_path / "again" / "model").exists()

    def test_a_loss_that_explodes_ends_the_run_and_names_the_learning_rate(
        self, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        fields = short_fields(data)
        fields["optimisation"] |= {"learning_rate": 1e30, "max_steps": 8, "warmup_share": 0.0}
        assert main([*arguments(tmp_path, fields), "--quiet"]) == exit_codes.WRONG_USAGE
        err = capsys.readouterr().err
        assert "the loss of step 2 is nan: the learning rate (1e+30) is too high" in err
        assert not (tmp_path / "run" / "model").exists()

    def test_the_tensor_is_named_whatever_its_type(self) -> None:
        fine = {"a": torch.ones(3, dtype=torch.bfloat16), "ids": torch.arange(3)}
        check_finite_weights(fine, "x", "y")
        with pytest.raises(ValueError, match="here: 2 of 3 numbers of b are NaN or infinite: do this"):
            check_finite_weights({**fine, "b": torch.tensor([1.0, math.nan, -math.inf]).half()}, "here", "do this")


def limited(arguments: list[str], most_bytes: int) -> subprocess.CompletedProcess[str]:
    """Run the command where no file may grow beyond a size, which a program sees as it sees a full disk."""
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most_bytes}, {most_bytes}))\n"
        "from got_ocr.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


class TestFiles:
    def test_a_full_disk_is_said_in_one_line_and_leaves_nothing_half(self, tmp_path: Path, data: Path) -> None:
        command = [*arguments(tmp_path, short_fields(data, saving={"every_steps": 1, "limit": 2})), "--quiet"]
        for most_bytes in (20_000, 600_000):  # the weights, or the optimiser's state, don't fit
            done = limited(command, most_bytes)
            assert done.returncode == exit_codes.OUTPUT_FAILED, done.stderr
            assert f"{tmp_path / 'run'}: there is no room left for a checkpoint: free some" in done.stderr
            assert not (tmp_path / "run" / "model").exists()
            assert not checkpoints.list_checkpoints(tmp_path / "run")
        assert main(command) == exit_codes.OK
        assert not checkpoints.what_is_wrong(tmp_path / "run" / "model")

    def test_what_says_that_a_disk_is_full(self) -> None:
        assert is_full_disk(OSError(28, "No space left on device"))
        assert is_full_disk(RuntimeError("[enforce fail at inline_container.cc:858] . unexpected pos 64 vs 0"))
        outer = RuntimeError("it failed")
        outer.__cause__ = OSError(27, "File too large")
        assert is_full_disk(outer)
        assert not is_full_disk(OSError(13, "Permission denied")) and not is_full_disk(ValueError("file too large"))

    def test_a_second_trainer_is_refused_and_told_who_is_there(
        self, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = arguments(tmp_path, short_fields(data))
        with only_trainer(tmp_path / "run"):
            assert main(command) == exit_codes.WRONG_USAGE
        said = capsys.readouterr().err
        assert f"run is being trained in by process {os.getpid()} on " in said
        assert "wait until it is done, or name another --output" in said
        assert main([*command, "--quiet"]) == exit_codes.OK

    def test_a_complete_run_again_does_not_touch_its_model(self, tmp_path: Path, data: Path) -> None:
        command = [*arguments(tmp_path, short_fields(data)), "--quiet"]
        assert main(command) == exit_codes.OK
        model = tmp_path / "run" / "model"
        before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in model.rglob("*")}
        assert main(command) == exit_codes.OK
        assert before == {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in model.rglob("*")}
        # Another precision of the final weights, or damage, is a reason to write it anew.
        assert main([*command, "--set", "saving.final_dtype=bfloat16"]) == exit_codes.OK
        assert load_file(model / "model.safetensors").popitem()[1].dtype == torch.bfloat16
        (model / "config.json").write_text("{}")
        assert main([*command, "--set", "saving.final_dtype=bfloat16"]) == exit_codes.OK
        assert json.loads((model / "config.json").read_text())

    def test_one_flipped_bit_is_found(self, tmp_path: Path) -> None:
        unfinished = checkpoints.staging_folder(tmp_path) / "checkpoint-3"
        unfinished.mkdir(parents=True)
        (unfinished / "weights").write_bytes(bytes(100))
        checkpoints.publish(unfinished, tmp_path / "checkpoint-3", step=3)
        assert checkpoints.read_facts(tmp_path / "checkpoint-3") == {"step": 3}
        assert checkpoints.what_is_wrong(tmp_path / "checkpoint-3") == ""
        (tmp_path / "checkpoint-3" / "weights").write_bytes(bytes(50) + b"\x10" + bytes(49))
        assert checkpoints.what_is_wrong(tmp_path / "checkpoint-3").startswith("weights has changed since it was")
        assert checkpoints.find_checkpoint(tmp_path) is None

    def test_lists_of_sizes_alone_are_still_read(self, tmp_path: Path) -> None:
        (tmp_path / "checkpoint-3").mkdir()
        (tmp_path / "checkpoint-3" / "weights").write_bytes(bytes(100))
        (tmp_path / "checkpoint-3" / checkpoints.MANIFEST).write_text('{"files": {"weights": 100}}')
        assert checkpoints.find_checkpoint(tmp_path) == tmp_path / "checkpoint-3"

    def test_a_kill_while_a_model_is_replaced_leaves_one_of_the_two(self, tmp_path: Path) -> None:
        """Between the two renames there is no `model`; the next start gives the old one its name back."""
        staging = checkpoints.staging_folder(tmp_path)
        (staging / "replaced-model").mkdir(parents=True)
        (staging / "replaced-model" / "old").touch()
        (staging / "model").mkdir()
        checkpoints.clear_staging(tmp_path)
        assert (tmp_path / "model" / "old").exists() and not staging.exists()
        (staging / "replaced-model").mkdir(parents=True)  # the new one has its name already
        checkpoints.clear_staging(tmp_path)
        assert (tmp_path / "model" / "old").exists() and not staging.exists()
