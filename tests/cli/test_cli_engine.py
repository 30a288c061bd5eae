"""`--engine`: what computes in the place of torch, as far as no such engine is needed to see it."""

import argparse
import weakref
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from got_ocr.cli import engines, exit_codes
from got_ocr.hub.errors import ModelError
from got_ocr.hub.model_choice import ModelChoice, load_exported


@pytest.fixture
def without_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)


@pytest.fixture
def with_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: object())


@pytest.mark.parametrize("command", [["page.png"], ["serve"]])
def test_an_engine_that_is_not_installed_is_said_at_once(run: Any, without_vllm: None, command: list[str]) -> None:
    code, out, err = run(*command, "--engine", "vllm")
    assert (code, out) == (exit_codes.PART_MISSING, "")
    assert err.count("\n") == 1 and "--engine vllm needs vLLM, which is not installed" in err
    assert "pip install 'vllm>=0.32,<0.34'" in err


def test_a_device_that_vllm_does_not_choose_is_refused(run: Any, with_vllm: None) -> None:
    code, _, err = run("page.png", "--engine", "vllm", "--device", "cuda:1")
    assert code == exit_codes.WRONG_USAGE
    assert "--device cuda:1 does not go with --engine vllm" in err and "CUDA_VISIBLE_DEVICES" in err


def test_pages_go_to_an_engine_side_by_side_and_come_in_order(
    run: Any, model: Any, with_vllm: None, tmp_path: Path
) -> None:
    model.calls_at_once = 3
    folder = tmp_path / "pages"
    folder.mkdir()
    for number in range(40):
        Image.new("RGB", (20 + number, 30), "white").save(folder / f"{number:02d}.png")
    code, out, _ = run(folder, "--engine", "vllm", "--quiet")
    assert code == exit_codes.OK
    assert out.split() == [f"{20 + number}x30" for number in range(40)]
    assert sorted(call["num_images"] for call in model.calls) == [8, 16, 16]


def test_text_streams_from_one_call_at_a_time(run: Any, model: Any, with_vllm: None, tmp_path: Path) -> None:
    model.calls_at_once = 3
    for number in range(4):
        Image.new("RGB", (20 + number, 30), "white").save(tmp_path / f"{number}.png")
    code, out, _ = run(*(tmp_path / f"{number}.png" for number in range(4)), "--engine", "vllm", "--stream", "-q")
    assert code == exit_codes.OK
    assert out.split() == [f"{20 + number}x30" for number in range(4)]


def test_what_fails_in_vllm_is_one_line(monkeypatch: pytest.MonkeyPatch, with_vllm: None) -> None:
    from got_ocr.serving.vllm import engine

    def fail(*args: Any) -> None:
        raise RuntimeError("Engine core initialization failed.\nSee root cause above.")

    monkeypatch.setattr(engine, "VllmEngine", fail)
    args = argparse.Namespace(engine="vllm", device="auto", dtype="auto", quantize=None, quiet=True)
    with pytest.raises(ModelError, match=r"some/model can't be loaded by vLLM: Engine core initialization failed"):
        engines.load_for(ModelChoice("some/model", ""), None, args)


@pytest.mark.parametrize(
    ("engine", "device", "said"),
    [
        ("onnx", "auto", "holds no graphs for --engine onnx: got-ocr export"),
        ("openvino", "auto", "was exported for onnx: leave out --engine openvino"),
        ("auto", "cuda", "on the CPU and in float32: leave out --device, --dtype, --quantize"),
    ],
)
def test_graphs_and_engines_that_do_not_fit_are_said(engine: str, device: str, said: str, tmp_path: Path) -> None:
    if not said.startswith("holds no"):
        (tmp_path / "graphs.json").write_text('{"runtime": "onnx", "version": 1}')
    with pytest.raises(ModelError, match=said):
        load_exported(ModelChoice(str(tmp_path), ""), device, "auto", engine)


def test_a_checkpoint_of_weights_is_left_to_torch(tmp_path: Path) -> None:
    assert load_exported(ModelChoice(str(tmp_path), ""), "auto", "auto", "auto") is None


def test_a_draft_does_not_go_with_vllm(run: Any, with_vllm: None) -> None:
    code, _, err = run("page.png", "--engine", "vllm", "--draft")
    assert code == exit_codes.WRONG_USAGE
    assert "--draft does not go with --engine vllm" in err


def test_an_adapter_is_sent_to_what_serves_it(with_vllm: None, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "some/model"}')
    args = argparse.Namespace(engine="vllm", device="auto", dtype="auto", quantize=None, quiet=True)
    with pytest.raises(ModelError, match=r"is an adapter, .* `vllm serve some/model --enable-lora"):
        engines.load_for(ModelChoice(str(tmp_path), ""), None, args)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()])
def test_an_engine_ends_with_the_command(
    run: Any, model: Any, with_vllm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    class Engine:
        closed = 0

        def close(self) -> None:
            self.closed += 1

    engine = Engine()
    monkeypatch.setattr(engines, "_engines", weakref.WeakSet([engine]))
    model.calls_at_once = 1
    if error is not None:

        def interrupt(*_: Any, **__: Any) -> Any:
            raise error

        monkeypatch.setattr(model, "read", interrupt)
    Image.new("RGB", (20, 30), "white").save(tmp_path / "a.png")
    code, _, _ = run(tmp_path / "a.png", "--engine", "vllm", "-q")
    assert code == (exit_codes.OK if error is None else exit_codes.INTERRUPTED)
    assert engine.closed == 1
