"""SIGKILL at twenty random points of eval, train and synth: what is there is whole, and the next run ends the same.

Reading and `--searchable` are killed in test_stops.py. How long a run takes is measured first, so that the points lie
all over it on any machine.
"""

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from got_ocr.training import checkpoints
from tests.cli import test_eval_commands as evaluating
from tests.cli import test_synth_command as synthesising
from tests.cli import test_train_command as training
from tests.cli.test_eval_commands import pages, stand_in  # noqa: F401 - fixtures
from tests.cli.test_synth_command import corpus  # noqa: F401
from tests.support.processes import Forked
from tests.support.training_data import write_conversations

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
NUM_KILLS = 20


def kill_and_compare(
    tmp_path: Path,
    start: Callable[[Path], Any],
    check_parts: Callable[[Path], None],
    check_equal: Callable[[Path, Path], None],
) -> None:
    """Run once to the end, then again and again with kills, each run going on in its folder till it ends.

    Args:
        tmp_path: For the runs' folders.
        start: Starts a run in a folder; gives its process, which has `pid`, `poll` and `wait`.
        check_parts: Looks at what a kill left.
        check_equal: Compares two folders of runs that ended.
    """
    chance = random.Random(20)
    begin = time.monotonic()
    assert start(tmp_path / "whole").wait() == 0
    whole_s = time.monotonic() - begin
    hit = number = 0
    while hit < NUM_KILLS:
        number += 1
        folder = tmp_path / f"killed-{number}"
        code = -signal.SIGKILL
        while code == -signal.SIGKILL:
            process = start(folder)
            if hit < NUM_KILLS:
                time.sleep(chance.random() * 1.1 * whole_s)
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
            code = process.wait()
            hit += code == -signal.SIGKILL
            check_parts(folder)
        assert code == 0
        check_equal(tmp_path / "whole", folder)


@pytest.mark.usefixtures("stand_in")
def test_twenty_kills_of_eval(tmp_path: Path, pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("STAND_IN_SLEEP_S", "0.1")

    def check_parts(folder: Path) -> None:
        for name in ("report.json", "results.json"):
            if (folder / name).exists():
                json.loads((folder / name).read_text())

    def check_equal(whole: Path, killed: Path) -> None:
        assert evaluating.reports(killed) == evaluating.reports(whole)
        assert evaluating.lines(killed) == 8

    kill_and_compare(
        tmp_path,
        lambda folder: Forked(evaluating.evaluate(pages, folder, "--batch-size", "1")),
        check_parts,
        check_equal,
    )


def test_twenty_kills_of_train(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    data = write_conversations(tmp_path / "data")
    config = training.write_config(tmp_path / "run.yaml", training.stopping_fields(data))

    def check_parts(folder: Path) -> None:
        if (folder / "model").exists():
            training.weights(folder)
        # What a checkpoint's list of files names is there; one that is not whole is passed over, never the last good.
        for path in checkpoints.list_checkpoints(folder) if folder.exists() else ():
            assert (path / "model.safetensors").stat().st_size > 0

    def check_equal(whole: Path, killed: Path) -> None:
        expected, got = training.weights(whole), training.weights(killed)
        assert expected.keys() == got.keys()
        assert all(torch.equal(expected[name], got[name]) for name in expected)
        assert training.losses(killed) == training.losses(whole)
        assert not checkpoints.staging_folder(killed).exists()

    kill_and_compare(
        tmp_path,
        lambda folder: Forked(["train", str(config), "--output", str(folder), "--quiet"]),
        check_parts,
        check_equal,
    )


@pytest.mark.parametrize("form", synthesising.FORMS)
def test_twenty_kills_of_synth(tmp_path: Path, corpus: Path, form: str) -> None:  # noqa: F811
    options = ["words+several", "--count", 14, "--seed", 3, *synthesising.FORMS[form], "--corpus", corpus]

    def check_equal(whole: Path, killed: Path) -> None:
        assert synthesising.tree(killed) == synthesising.tree(whole)

    kill_and_compare(
        tmp_path,
        lambda folder: synthesising.start(*options, "--out", folder, "--workers", 2, FAKE_SLEEP_S="0.05"),
        lambda folder: None,
        check_equal,
    )
