import errno
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from got_ocr import GotOcrForConditionalGeneration, GotOcrProcessor, GotOcrTokenizer
from got_ocr.checkpoints import tensor_file
from got_ocr.checkpoints.convert import convert
from got_ocr.checkpoints.tokenizer_files import write_fast_tokenizer, write_ranks
from got_ocr.cli.dispatch import main
from tests.support.layouts import LAYOUTS, assert_same_weights, published_tensors, write_checkpoint

TEXTS = [
    "Hello, world! It's GOT's 2nd test: 12345 -- ok?\n\n  indented\ttab \r\n",
    "naïve café Ångström 你好，世界 😀🏽 \u0301 e\u0301 \x00 \u200b",
    "\\( x^2 \\) \\begin{tabular}{|c|} a & b \\\\ \\hline",
    "<|im_end|><imgpad> as text",
]


@pytest.fixture(scope="module")
def sources(tiny_model, nano_vocabulary, tmp_path_factory):
    """Whole folders of every layout: the original and mlx with qwen.tiktoken, the port with tokenizer.json."""
    root = tmp_path_factory.mktemp("sources")
    folders = {}
    for layout in LAYOUTS:
        folder = folders[layout] = write_checkpoint(tiny_model, root / layout, layout)
        if layout.startswith("transformers"):
            write_fast_tokenizer(nano_vocabulary, folder)
        else:
            shutil.copy(nano_vocabulary, folder / "qwen.tiktoken")
    return folders


@pytest.fixture(scope="module")
def page():
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 140, 3), dtype=np.uint8))


@pytest.mark.parametrize("source", LAYOUTS)
def test_to_the_original_layout(source, sources, tiny_model, tiny_processor, nano_vocabulary, tmp_path):
    convert(sources[source], tmp_path / "got", "got")

    assert_same_weights(load_file(tmp_path / "got" / "model.safetensors"), dict(tiny_model.state_dict()))
    assert_same_weights(GotOcrForConditionalGeneration.from_pretrained(tmp_path / "got"), tiny_model)
    assert (tmp_path / "got" / "qwen.tiktoken").read_bytes() == nano_vocabulary.read_bytes()
    processor = GotOcrProcessor.from_pretrained(tmp_path / "got")
    assert isinstance(processor.tokenizer, GotOcrTokenizer)
    assert processor.image_token_len == tiny_processor.image_token_len
    assert processor.image_processor.size == tiny_processor.image_processor.size
    assert (tmp_path / "got" / "modeling_got_ocr.py").exists()


@pytest.mark.parametrize("source", LAYOUTS)
def test_to_the_ports_layout_which_transformers_reads(source, sources, tiny_model, tiny_processor, page, tmp_path):
    from transformers import AutoTokenizer, GotOcr2ForConditionalGeneration

    convert(sources[source], tmp_path / "port", "transformers")

    stored = load_file(tmp_path / "port" / "model.safetensors")
    assert_same_weights(stored, published_tensors(tiny_model, "transformers"))
    port, info = GotOcr2ForConditionalGeneration.from_pretrained(tmp_path / "port", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    inputs = tiny_processor(page)
    with torch.no_grad():
        ours, theirs = tiny_model(**inputs).logits, port(**inputs).logits
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "port")
    for text in TEXTS:
        expected = tiny_processor.tokenizer.encode(text, split_special_tokens=True)
        assert tokenizer.encode(text, split_special_tokens=True) == expected
        assert tokenizer.decode(expected) == tiny_processor.tokenizer.decode(expected)
    assert port.generation_config.eos_token_id == tiny_model.config.stop_token_ids


def test_the_ports_processor_loads_and_makes_the_same_inputs(sources, tiny_processor, page, tmp_path):
    from transformers import GotOcr2Processor

    convert(sources["got"], tmp_path / "port", "transformers")
    try:
        port = GotOcr2Processor.from_pretrained(tmp_path / "port")
    except ImportError as error:
        pytest.skip(f"the port's processor needs more here: {error}")

    theirs = port(page, format=True, num_image_tokens=tiny_processor.image_token_len, return_tensors="pt")
    ours = tiny_processor(page, instruction=" OCR with format: ")  # the port's prompt has a stray space
    assert theirs["input_ids"].tolist() == ours["input_ids"].tolist()
    torch.testing.assert_close(theirs["pixel_values"], ours["pixel_values"], atol=1e-5, rtol=0)


def test_there_and_back_is_the_same_file(sources, tmp_path):
    convert(sources["got"], tmp_path / "first", "got")
    convert(tmp_path / "first", tmp_path / "port", "transformers")
    convert(tmp_path / "port", tmp_path / "back", "got")

    for name in ("model.safetensors", "qwen.tiktoken"):
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "first" / name).read_bytes(), name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_dtype_is_kept_or_changed(dtype, sources, tmp_path):
    convert(sources["got"], tmp_path / "half", "got", dtype=dtype)
    convert(tmp_path / "half", tmp_path / "port", "transformers")

    assert {tensor.dtype for tensor in load_file(tmp_path / "port" / "model.safetensors").values()} == {dtype}
    assert GotOcrForConditionalGeneration.from_pretrained(tmp_path / "port", dtype="auto").dtype == dtype


def test_the_genuine_vocabulary_becomes_the_same_fast_tokenizer(tmp_path):
    import importlib.util

    spec = importlib.util.find_spec("dashscope")
    if spec is None:
        pytest.skip("dashscope, which holds the genuine vocabulary, is not installed")
    genuine = Path(spec.origin).parent / "resources" / "qwen.tiktoken"
    from transformers import PreTrainedTokenizerFast

    write_fast_tokenizer(genuine, tmp_path)
    fast, ours = PreTrainedTokenizerFast.from_pretrained(tmp_path), GotOcrTokenizer(genuine)
    for text in [*TEXTS, Path(__file__).read_text(encoding="utf-8")]:
        assert fast.encode(text, split_special_tokens=True) == ours.encode(text, split_special_tokens=True)
    assert fast.convert_tokens_to_ids("<imgpad>") == 151859

    (tmp_path / "back").mkdir()
    write_ranks(tmp_path / "tokenizer.json", tmp_path / "back")
    assert (tmp_path / "back" / "qwen.tiktoken").read_bytes() == genuine.read_bytes()


def test_command(sources, tmp_path, capsys):
    assert main(["convert", str(sources["mlx"]), str(tmp_path / "out"), "--layout", "transformers"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and "wrote" in captured.err

    assert main(["convert", str(sources["mlx"]), str(tmp_path / "out"), "--layout", "got"]) != 0
    assert "exists: choose another destination" in capsys.readouterr().err
    assert main(["convert", str(sources["mlx"]), str(tmp_path / "out"), "--layout", "got", "--force", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "GOT"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_is_no_checkpoint_is_not_replaced(sources, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")

    with pytest.raises(ValueError, match="no checkpoint folder"):
        convert(sources["got"], tmp_path / "home", "got", force=True)
    with pytest.raises(ValueError, match="lies in the source"):
        convert(sources["got"], sources["got"] / "inside", "got")
    assert (tmp_path / "home" / "thesis.tex").exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(sources, tmp_path, capsys, monkeypatch):
    class FullDisk(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tensor_file, "_open", lambda path: FullDisk())
    code = main(["convert", str(sources["got"]), str(tmp_path / "out"), "--layout", "got"])

    error = capsys.readouterr().err
    assert code != 0 and error.count("\n") == 1 and "No space left on device" in error and "model.safetensors" in error
    assert list(tmp_path.iterdir()) == []


def test_errors_of_the_source(sources, tmp_path):
    folder = shutil.copytree(sources["got"], tmp_path / "source")
    (folder / "qwen.tiktoken").unlink()
    with pytest.raises(OSError, match=r"neither qwen\.tiktoken nor tokenizer\.json"):
        convert(folder, tmp_path / "out", "got")
    with pytest.raises(ValueError, match="layout must be one of"):
        convert(folder, tmp_path / "out", "onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_help_is_quick():
    code = "import sys; from got_ocr.cli.dispatch import main; main(['convert', '--help']); "
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
