"""After `import got_ocr` no code of a GOT folder runs, and nobody is asked, whatever is planted in it."""

import builtins
import contextlib
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import transformers
from PIL import Image
from transformers import AutoModel, AutoProcessor, AutoTokenizer, pipeline

from got_ocr import GotOcrForConditionalGeneration, GotOcrPipeline, GotOcrProcessor, GotOcrTokenizer
from got_ocr.hub.trust import is_got
from tests.support.folders import FOLDERS, write_folder

PAGE = Image.new("RGB", (90, 60), "white")
TRUST: list[dict[str, Any]] = [{}, {"trust_remote_code": False}, {"trust_remote_code": True}]
AUTO_CLASSES = sorted(name for name in dir(transformers) if name.startswith("Auto") and name != "AutoBackbone")
TRAP = """
import pathlib
pathlib.Path({trace!r}).touch()
raise RuntimeError("code of the folder ran")
"""


class Bomb:
    """A pickle that leaves a trace when it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = str(trace)

    def __reduce__(self) -> Any:
        return (os.mkdir, (self.trace,))


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*words: Any) -> str:
        pytest.fail(f"asked: {words}")

    monkeypatch.setattr(builtins, "input", ask)


@pytest.fixture(params=FOLDERS)
def planted(
    request: Any, tiny_model: Any, nano_vocabulary: Path, tiny_checkpoint: Path, tmp_path: Path
) -> tuple[Path, Path]:
    """A folder with every hook that transformers has, and the file that tells whether one was pulled."""
    folder = write_folder(request.param, tiny_model, nano_vocabulary, tmp_path / "planted", tiny_checkpoint)
    trace = tmp_path / "EXECUTED"
    trap = TRAP.format(trace=str(trace))
    for file in folder.glob("*.py"):
        file.write_text(trap)
    (folder / "evil.py").write_text(trap)
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(trap)
    (folder / "custom_generate" / "requirements.txt").write_text("")
    auto_map = dict.fromkeys(AUTO_CLASSES, "evil.Evil") | {"AutoTokenizer": ["evil.Evil", "evil.EvilFast"]}
    pipelines = {task: {"impl": "evil.Evil", "pt": ["AutoModel"]} for task in ("image-to-text", "image-text-to-text")}
    for name in ("config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json"):
        path = folder / name
        content = json.loads(path.read_text()) if path.exists() else {}
        content["auto_map"] = auto_map
        if name == "config.json":
            content["custom_pipelines"] = pipelines
            if "text_config" in content:
                content["text_config"] |= {"custom_pipelines": pipelines, "auto_map": auto_map}
        if path.exists() or name == "tokenizer_config.json":
            path.write_text(json.dumps(content))
    (folder / "generation_config.json").write_text(json.dumps({"custom_generate": str(folder), "max_new_tokens": 4}))
    (folder / "chat_template.jinja").write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}")
    for name in ("pytorch_model.bin", "training_args.bin", "adapter_model.bin", "optimizer.pt", "rng_state.pth"):
        (folder / name).write_bytes(pickle.dumps(Bomb(trace)))
    return folder, trace


@pytest.mark.parametrize("trust", TRUST, ids=str)
def test_nothing_planted_runs(planted: tuple[Path, Path], trust: dict) -> None:
    folder, trace = planted
    model = AutoModel.from_pretrained(folder, **trust)
    assert type(model) is GotOcrForConditionalGeneration
    assert "generate" not in vars(model), "its own generate was not replaced"
    processor = AutoProcessor.from_pretrained(folder, **trust)
    tokenizer = AutoTokenizer.from_pretrained(folder, **trust)
    assert type(tokenizer).__module__.startswith(("got_ocr.", "transformers."))
    assert isinstance(model.chat(processor, PAGE, max_new_tokens=3), str)
    assert isinstance(model.chat(tokenizer, PAGE, max_new_tokens=3), str)
    assert not trace.exists()


@pytest.mark.parametrize("trust", TRUST, ids=str)
@pytest.mark.parametrize("task", ["image-to-text", "image-text-to-text"])
def test_pipelines_run_and_ask_nothing(
    planted: tuple[Path, Path], task: str, trust: dict, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, trace = planted
    read = pipeline(task, model=str(folder), **trust)
    assert type(read) is GotOcrPipeline
    assert type(read.processor) is GotOcrProcessor
    assert isinstance(read(PAGE, max_new_tokens=3)[0]["generated_text"], str)
    assert not trace.exists()
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("trust", TRUST, ids=str)
def test_auto_classes_that_got_has_nothing_for_run_nothing_either(planted: tuple[Path, Path], trust: dict) -> None:
    folder, trace = planted
    for name in AUTO_CLASSES:
        with contextlib.suppress(ValueError, OSError, KeyError, ImportError, AttributeError, TypeError):
            getattr(transformers, name).from_pretrained(folder, **trust)
        assert not trace.exists(), f"{name} ran code"


@pytest.mark.parametrize("trust", TRUST, ids=str)
def test_an_unknown_tokenizer_class_runs_nothing(planted: tuple[Path, Path], trust: dict) -> None:
    folder, trace = planted
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": "EvilTokenizer"}))
    if (folder / "qwen.tiktoken").exists():
        assert type(AutoTokenizer.from_pretrained(folder, **trust)) is GotOcrTokenizer
    else:
        with contextlib.suppress(ValueError):  # no such class, says transformers 4
            AutoTokenizer.from_pretrained(folder, **trust)
    assert not trace.exists()


def test_pickled_weights_run_nothing(planted: tuple[Path, Path]) -> None:
    folder, trace = planted
    for file in folder.glob("*.safetensors*"):
        file.unlink()
    with pytest.raises(Exception):  # noqa: B017, PT011 - torch and transformers refuse it in ways of their own
        AutoModel.from_pretrained(folder, trust_remote_code=True)
    assert not trace.exists()


def test_generation_that_a_caller_names_is_still_the_callers(planted: tuple[Path, Path]) -> None:
    folder, trace = planted
    model = AutoModel.from_pretrained(folder, trust_remote_code=True)
    with pytest.raises(OSError, match="custom_generate is not run"):
        model.load_custom_generate(folder, trust_remote_code=True)
    with pytest.raises(OSError, match="does not contain"):
        model.load_custom_generate(folder.parent, trust_remote_code=True)
    assert not trace.exists()


def test_other_models_are_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen"}')
    assert not is_got(tmp_path)
    assert not is_got(tmp_path / "nothing")
    assert not is_got(None)
    (tmp_path / "config.json").write_text("[1]")
    assert not is_got(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "got_ocr2"}')
    assert is_got(tmp_path) and is_got(str(tmp_path))
