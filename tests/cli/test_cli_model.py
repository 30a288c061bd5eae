"""Which model the command line chooses, where it puts it, and what it says when it can't."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from got_ocr.hub.errors import ModelError
from got_ocr.hub.model_choice import ModelChoice, choose_model, load_model, pick_device, pick_dtype


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """An empty Hub cache and a built-in checkpoint."""
    nano = tmp_path / "nano"
    nano.mkdir()
    (nano / "config.json").write_text("{}")
    places = SimpleNamespace(cached=None, nano=nano)
    monkeypatch.setattr("got_ocr.hub.cache.find_cached_checkpoint", lambda: places.cached)
    monkeypatch.setattr("got_ocr.hub.cache.BUILTIN_CHECKPOINT", nano)
    return places


def test_order_of_choice(checkpoint: Path, hub: SimpleNamespace) -> None:
    hub.cached = Path("/cache/models--stepfun-ai--GOT-OCR2_0/snapshots/abc")
    environment = {"GOT_OCR_MODEL": "org/from-environment"}
    choice = choose_model(str(checkpoint), environment)
    assert (choice.location, choice.notice) == (str(checkpoint), f"model: {checkpoint} (--model)")
    choice = choose_model(None, environment)
    assert choice == ModelChoice("org/from-environment", "model: org/from-environment (GOT_OCR_MODEL)")
    # What another project left in the cache does not change which model reads.
    choice = choose_model(None, {"GOT_OCR_MODEL": ""})
    assert choice.location == str(hub.nano)
    assert choice.notice == (
        "model: built-in nano (printed English only); the full model: --model full (downloaded already)"
    )
    hub.cached = None
    choice = choose_model(None, {})
    assert choice.location == str(hub.nano)
    assert "--model full (downloads 1.4 GB)" in choice.notice


@pytest.mark.parametrize("name", ["full", "FULL"])
def test_the_full_model_has_a_name(hub: SimpleNamespace, name: str) -> None:
    assert choose_model(name, {}) == ModelChoice(
        "stepfun-ai/GOT-OCR2_0", "model: stepfun-ai/GOT-OCR2_0 (from the Hub)"
    )
    hub.cached = Path("/cache/models--stepfun-ai--GOT-OCR2_0/snapshots/abc")
    for option, environment in ((name, {}), (None, {"GOT_OCR_MODEL": name})):
        choice = choose_model(option, environment)
        assert choice == ModelChoice(str(hub.cached), "model: stepfun-ai/GOT-OCR2_0 (from the Hub cache)")


def test_a_folder_called_nano_counts_if_it_is_a_checkpoint(
    hub: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "here" / "nano"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder.parent)

    assert choose_model("nano", {}).location == str(hub.nano)
    (folder / "config.json").write_text("{}")
    assert choose_model("nano", {}).location == "nano"


@pytest.mark.parametrize("name", ["nano", "Nano"])
def test_the_built_in_model_has_a_name(hub: SimpleNamespace, name: str) -> None:
    hub.cached = Path("/cache/models--stepfun-ai--GOT-OCR2_0/snapshots/abc")
    assert choose_model(name, {}).location == str(hub.nano)
    assert choose_model(None, {"GOT_OCR_MODEL": name}).location == str(hub.nano)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "can't be read"),
        ("[", "can't be read"),
        ('{"base_model_name_or_path": null}', "does not name its model"),
    ],
)
def test_an_adapter_without_a_model(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "adapter_config.json").write_text(content)
    assert choose_model(str(tmp_path), {}).location == str(tmp_path)
    with pytest.raises(ModelError, match=message):
        load_model(ModelChoice(str(tmp_path), ""), device="cpu")


def test_an_adapter_of_the_built_in_model_loads(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration

    model = GotOcrForConditionalGeneration.from_pretrained(BUILTIN_CHECKPOINT)
    options = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    peft.get_peft_model(model, options).save_pretrained(tmp_path / "adapter")
    adapted, processor = load_model(choose_model(str(tmp_path / "adapter"), {}), device="cpu")
    plain, _ = load_model(choose_model("nano", {}), device="cpu")
    assert [name for name, _ in adapted.named_parameters() if "lora" in name]
    assert len(list(adapted.parameters())) > len(list(plain.parameters()))
    assert processor.tokenizer is not None


def test_no_built_in_model(hub: SimpleNamespace) -> None:
    (hub.nano / "config.json").unlink()
    with pytest.raises(ModelError, match="has no built-in model: give --model FOLDER"):
        choose_model(None, {})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no-such-folder", "--model: no folder no-such-folder here, and it is no Hub id like stepfun-ai/GOT-OCR2_0."),
        ("./org/name", "no folder ./org/name here"),
        ("a/b/c", "no folder a/b/c here"),
        ("https://host/model", "no folder https://host/model here"),
        (__file__, "is a file: give the checkpoint's folder or a Hub id."),
        (str(Path(__file__).parent), "holds no config.json."),
    ],
)
def test_wrong_model(value: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        choose_model(value, {})
    assert message in str(caught.value)


@pytest.mark.parametrize("content", ["{", "[]", '{"model_type": "llama"}', "{}"])
def test_a_broken_checkpoint_gives_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match="can't be loaded") as caught:
        load_model(ModelChoice(str(tmp_path), ""), device="cpu")
    assert "\n" not in str(caught.value)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto") == torch.device("cpu")
    for device in ("cuda", "cuda:7", "mps", "abacus"):
        with pytest.raises(ModelError, match=f"--device {device} can't be used here") as caught:
            pick_device(device)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("cuda")


def test_dtypes(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_this_gpu(known: bool) -> Any:
        return lambda including_emulation=True: known

    assert pick_dtype("float16", "cpu", torch.bfloat16) is torch.float16
    assert pick_dtype("auto", "cpu", torch.bfloat16) is torch.float32
    assert pick_dtype("auto", "mps", torch.bfloat16) is torch.float32
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", on_this_gpu(True))
    assert pick_dtype("auto", "cuda", torch.bfloat16) is torch.bfloat16
    assert pick_dtype("auto", "cuda", torch.float32) is torch.float32
    assert pick_dtype("auto", "cuda", None) is torch.float32
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", on_this_gpu(False))
    assert pick_dtype("auto", "cuda", torch.bfloat16) is torch.float32


@pytest.mark.parametrize(
    ("is_native", "gain", "expected"), [(True, 2.2, "bfloat16"), (True, 1.1, "float32"), (False, 9.0, "float32")]
)
def test_a_cpu_computes_in_bfloat16_where_it_gains(
    monkeypatch: pytest.MonkeyPatch, is_native: bool, gain: float, expected: str
) -> None:
    from got_ocr import GotOcrConfig
    from got_ocr.modeling import precision

    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: is_native)
    monkeypatch.setattr(precision, "measure_gain", lambda *sizes: asked.append(sizes) or gain)
    config = GotOcrConfig()

    assert pick_dtype("auto", "cpu", torch.bfloat16, config) is getattr(torch, expected)
    assert asked == ([(768, 3072)] if is_native else [])
    # Weights that were saved in float32 would lose something.
    assert pick_dtype("auto", "cpu", torch.float32, config) is torch.float32
    assert pick_dtype("float32", "cpu", torch.bfloat16, config) is torch.float32


@pytest.fixture
def small_folder(tmp_path: Path) -> Path:
    from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor

    model = GotOcrForConditionalGeneration.from_pretrained(BUILTIN_CHECKPOINT, dtype=torch.bfloat16)
    model.save_pretrained(tmp_path)
    GotOcrProcessor.from_pretrained(BUILTIN_CHECKPOINT).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize("is_spoiled", [False, True])
def test_bfloat16_is_kept_only_if_layers_compute_the_same(
    monkeypatch: pytest.MonkeyPatch, small_folder: Path, is_spoiled: bool, caplog: pytest.LogCaptureFixture
) -> None:
    from got_ocr.modeling import precision

    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: True)
    monkeypatch.setattr(precision, "measure_gain", lambda *sizes: 2.0)
    if is_spoiled:
        monkeypatch.setattr(precision, "relative_error", lambda found, right: float("nan"))

    model, _ = load_model(ModelChoice(str(small_folder), ""), device="cpu")

    assert model.dtype is (torch.float32 if is_spoiled else torch.bfloat16)
    assert ("computing in float32" in caplog.text) == is_spoiled


def test_layers_that_bfloat16_spoils_are_found(small_folder: Path) -> None:
    from got_ocr import GotOcrForConditionalGeneration
    from got_ocr.modeling.precision import is_accurate

    model = GotOcrForConditionalGeneration.from_pretrained(small_folder, dtype=torch.bfloat16)
    assert is_accurate(model)
    mlp = model.model.layers[-1].mlp
    # Large products that differ by a hundredth, which is all that counts: what eight bits of mantissa can't hold.
    mlp.down_proj.weight.data[:, 0::2] = 3000.0
    mlp.down_proj.weight.data[:, 1::2] = -3000.0
    for projection in (mlp.gate_proj, mlp.up_proj):
        projection.weight.data[1::2] = projection.weight.data[0::2]
    mlp.gate_proj.weight.data[1::2] *= 1.01
    assert not is_accurate(model)


@pytest.mark.parametrize(("quantize", "bits"), [("int8", 8), ("int4", 4), ("int8-dynamic", 8), ("int8-tower", 8)])
def test_quantised_models_are_loaded_by_name(small_folder: Path, quantize: str, bits: int) -> None:
    from got_ocr.modeling.quantization import Int8DynamicLinear

    model, _ = load_model(ModelChoice(str(small_folder), ""), "cpu", "float32", quantize)

    assert model.config.quantization_config.bits == bits
    has_tower = isinstance(model.model.vision_tower_high.blocks[0].mlp.lin1, Int8DynamicLinear)
    assert isinstance(model.lm_head, Int8DynamicLinear) == (quantize in ("int8-dynamic", "int8-tower"))
    assert has_tower == (quantize == "int8-tower")


def test_quantised_weights_are_for_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    from got_ocr.hub.model_choice import quantization_of

    with pytest.raises(
        ModelError, match=r"--quantize is for CPUs, got the device cuda: leave it out, or add --device cpu\."
    ):
        quantization_of("int8", "cuda")
