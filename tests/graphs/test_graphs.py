"""Graphs for other runtimes read what the network reads: same tokens, in every way of reading."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor
from got_ocr.cli import main
from got_ocr.graphs import export_graphs, find_runtime, load_graphs
from got_ocr.graphs.folder import MANIFEST
from got_ocr.modeling.generation import CACHE_NAME, make_cache
from got_ocr.processing.mode import Mode
from got_ocr.reading.options import ReadingHooks, ReadingOptions
from got_ocr.reading.reader import Reader

NEEDED = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("onnx", "onnxscript", "openvino")}
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "images"


@pytest.fixture(scope="module", params=tuple(NEEDED))
def runtime(request: pytest.FixtureRequest) -> str:
    for package in NEEDED[request.param]:
        pytest.importorskip(package, reason=f"{request.param} graphs need {package}")
    return str(request.param)


@pytest.fixture(scope="module")
def exported(
    runtime: str, tiny_model: Any, tiny_processor: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Any]:
    folder = tmp_path_factory.mktemp("graphs")
    was = tiny_model.config._attn_implementation
    export_graphs(tiny_model, tiny_processor, folder, runtime)
    assert tiny_model.config._attn_implementation == was
    assert find_runtime(folder) == runtime
    return load_graphs(folder, num_threads=1)


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (150, 190, 3), dtype=np.uint8))


def test_logits_and_caches_are_those_of_the_network(exported: tuple[Any, Any], tiny_model: Any) -> None:
    model, processor = exported
    # Prompts of two lengths, so that one is padded on its left.
    inputs = processor([picture(0), picture(1)], mode=[Mode(), Mode(instruction="Hm?")], return_tensors="pt")
    assert (inputs["attention_mask"] == 0).any()
    steps = torch.tensor([[5, 6, 7], [8, 9, 10]])
    given = {}
    for name, one in (("graph", model), ("network", tiny_model)):
        cache, mask = make_cache(one.config.num_hidden_layers), inputs["attention_mask"]
        with torch.no_grad():
            first = one(**inputs, **{CACHE_NAME: cache}, logits_to_keep=2).logits
            parts = [first]
            # One step of several tokens, one that is taken back, and one of a single token.
            for tokens, taken_back in ((steps, 2), (steps[:, 1:2], 0)):
                mask = torch.nn.functional.pad(mask, (0, tokens.shape[1]), value=1)
                parts.append(one(input_ids=tokens, attention_mask=mask, **{CACHE_NAME: cache}).logits)
                if taken_back:
                    cache.crop(-taken_back)
                    mask = mask[:, :-taken_back]
        given[name] = parts
    for graph, network in zip(given["graph"], given["network"], strict=True):
        assert graph.shape == network.shape
        torch.testing.assert_close(graph, network, atol=2e-4, rtol=1e-4)


def test_tower_takes_any_number_of_images(exported: tuple[Any, Any], tiny_model: Any) -> None:
    for count in (1, 3):
        pixels = torch.randn(count, 3, 128, 128)
        with torch.no_grad():
            expected = tiny_model.get_image_features(pixels).pooler_output
        torch.testing.assert_close(
            exported[0].get_image_features(pixels).pooler_output, expected, atol=2e-4, rtol=1e-4
        )
    with pytest.raises(ValueError, match="prepare images with the checkpoint's own processor"):
        exported[0].get_image_features(torch.randn(1, 3, 64, 128))


@pytest.mark.parametrize(
    "mode",
    [Mode(), Mode("format", box=(1, 2, 60, 50)), Mode(crop=True), Mode(multi_page=True), Mode(slice_pages=True)],
)
def test_every_mode_reads_the_same(
    mode: Mode, exported: tuple[Any, Any], tiny_model: Any, tiny_processor: Any
) -> None:
    pages: Any = [picture(0), picture(1)]
    pages = [pages] if mode.multi_page else pages
    options = ReadingOptions(max_new_tokens=12)
    expected = Reader(tiny_model, tiny_processor, options).read(pages, mode)
    for one, other in zip(Reader(*exported, options).read(pages, mode), expected, strict=True):
        assert (one.text, one.num_tokens, one.finish_reason) == (other.text, other.num_tokens, other.finish_reason)
        assert (one.mean_probability is None) == (other.mean_probability is None)
        assert one.mean_probability is None or one.mean_probability == pytest.approx(other.mean_probability, rel=1e-3)


def test_streams_drafts_and_beams_read_the_same(exported: tuple[Any, Any], tiny_model: Any) -> None:
    model, processor = exported
    given = {"max_new_tokens": 12}
    plain = tiny_model.chat(processor, picture(), **given)
    assert model.chat(processor, picture(), **given) == plain
    pieces: list[str] = []
    Reader(model, processor, ReadingOptions(**given)).read(picture(), hooks=ReadingHooks(on_text=pieces.append))
    assert "".join(pieces).strip() == plain
    assert model.chat(processor, picture(), draft=plain, **given) == plain
    for options in ({"num_beams": 2}, {"repetition_penalty": 1.2}):
        one = model.read(processor, picture(), **given, **options)[0]
        other = tiny_model.read(processor, picture(), **given, **options)[0]
        assert one.text == other.text
        assert one.mean_probability == pytest.approx(other.mean_probability, rel=1e-3)
    ids = torch.tensor([[5, 6, 7]])
    plain_ids = tiny_model.generate(ids, do_sample=False, max_new_tokens=5)
    for use_cache in (True, False):
        assert torch.equal(model.generate(ids, do_sample=False, max_new_tokens=5, use_cache=use_cache), plain_ids)


def test_wrong_inputs_are_said(exported: tuple[Any, Any]) -> None:
    model, _ = exported
    with pytest.raises(ValueError, match="inputs_embeds can't be given"):
        model(inputs_embeds=torch.zeros(1, 2, 40))
    with pytest.raises(ValueError, match="input_ids hold 0 <imgpad> tokens, but pixel_values give 4 image tokens"):
        model(input_ids=torch.tensor([[1, 2]]), pixel_values=torch.zeros(1, 3, 128, 128))


def test_wrong_folders_are_said(tmp_path: Path, tiny_model: Any, tiny_processor: Any) -> None:
    assert find_runtime(tmp_path) is None
    with pytest.raises(ValueError, match=r"holds no exported graphs: got-ocr export CHECKPOINT"):
        load_graphs(tmp_path)
    (tmp_path / MANIFEST).write_text(json.dumps({"runtime": "tensorrt", "version": 1}))
    with pytest.raises(ValueError, match="graphs for 'tensorrt' of version 1, but this got-ocr knows onnx, openvino"):
        find_runtime(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(ValueError, match="export the checkpoint again"):
        find_runtime(tmp_path)
    with pytest.raises(ValueError, match="runtime must be one of onnx, openvino, got 'tflite'"):
        export_graphs(tiny_model, tiny_processor, tmp_path, "tflite")


def test_a_graph_that_is_none_is_said(runtime: str, tmp_path: Path) -> None:
    from got_ocr.graphs.runtimes import open_graph

    path = tmp_path / "tower.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(ValueError, match=r"tower\.onnx can't be opened"):
        open_graph(path, runtime)


def test_the_command_says_what_is_missing_or_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("got_ocr.cli.export.find_spec", lambda name: None)
    assert main(["export", "nano", "--to", "onnx", "-o", str(tmp_path / "new")]) == 6
    assert "--to onnx needs onnx and onnxscript: pip install" in capsys.readouterr().err
    monkeypatch.setattr("got_ocr.cli.export.find_spec", lambda name: True)
    (tmp_path / "file").write_text("x")
    assert main(["export", "nano", "--to", "onnx", "-o", str(tmp_path)]) == 5
    assert "holds something already: --force writes into it." in capsys.readouterr().err
    assert main(["export", "nano", "--to", "onnx", "-o", str(tmp_path / "file")]) == 2
    assert "is a file: give the folder to make." in capsys.readouterr().err


@pytest.mark.slow
def test_the_built_in_model_reads_the_same(runtime: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "nano"
    assert main(["export", "nano", "--to", runtime, "-o", str(folder)]) == 0
    capsys.readouterr()
    processor = GotOcrProcessor.from_pretrained(BUILTIN_CHECKPOINT)
    network = GotOcrForConditionalGeneration.from_pretrained(BUILTIN_CHECKPOINT).eval()
    pages = [
        Image.open(EXAMPLES / "sample_page.png").convert("RGB"),
        Image.open(EXAMPLES / "regions.png").convert("RGB"),
    ]
    model, own = load_graphs(folder)
    for mode in (Mode(), Mode("format")):
        expected = network.read(processor, pages, mode=mode)
        for one, other in zip(model.read(own, pages, mode=mode), expected, strict=True):
            assert one.text == other.text
            assert [line.box for line in one.lines] == [line.box for line in other.lines]
    assert main([str(EXAMPLES / "sample_page.png"), "--model", str(folder), "-q"]) == 0
    assert capsys.readouterr().out.strip() == network.chat(processor, str(EXAMPLES / "sample_page.png"))
