"""What each stage builds, freezes and learns: eight pictures by heart, read by `chat`, not by teacher forcing."""

import dataclasses
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoProcessor, Qwen2Config, Qwen2ForCausalLM

from got_ocr.checkpoints.tokenizer_files import write_fast_tokenizer
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.training import checkpoints
from got_ocr.training.config import TrainingConfig
from got_ocr.training.lora import add_adapters, merged_state_dict
from got_ocr.training.reading import EvaluationReader
from got_ocr.training.run import load_start, open_data, train
from got_ocr.training.settings import build
from got_ocr.training.stages import build_model, check_attention, count_parameters, freeze, part_of
from tests.support.training_data import TEXTS, TINY_MODEL, VOCABULARY, tiny_fields, write_conversations

DECODER_SIZES = {name: value for name, value in TINY_MODEL.items() if name not in ("vision_config", "rope_theta")}


def config_of(fields: dict[str, Any]) -> TrainingConfig:
    return build(TrainingConfig, fields, "test.yaml")


@pytest.fixture(scope="session")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conversations(tmp_path_factory.mktemp("eight"))


@pytest.fixture(scope="session")
def stage1(eight: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stage-1 run that knows the eight pictures by heart."""
    return overfit(tiny_fields(eight), tmp_path_factory.mktemp("stage1"))


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 checkpoint of the small vocabulary's byte pairs and Qwen2's three special tokens, as Qwen2's own."""
    folder = tmp_path_factory.mktemp("qwen2")
    write_fast_tokenizer(VOCABULARY / "qwen.tiktoken", folder)
    file = folder / "tokenizer.json"
    saved = json.loads(file.read_text(encoding="utf-8"))
    num_ranks = len(saved["model"]["vocab"])
    torch.manual_seed(5)
    config = Qwen2Config(vocab_size=num_ranks + 3, rope_theta=10000.0, tie_word_embeddings=True, **DECODER_SIZES)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


def overfit(fields: dict[str, Any], output: Path, rate: float = 2e-3) -> Path:
    """Train until all eight are read without an error; give the model's folder."""
    data = fields["data"]["sets"]["eight"]["path"]
    fields["optimisation"] = {**fields["optimisation"], "learning_rate": rate, "max_steps": 160}
    fields["evaluation"] = {
        "path": data, "every_steps": 20, "max_new_tokens": 12, "batch_size": 8, "stop_at_cer": 0.0,
        "sheet_samples": 2,
    }  # fmt: skip
    figures = train(config_of(fields), output, quiet=True)
    assert figures["eval_cer"] == 0.0, (output / "log.jsonl").read_text()
    return output / checkpoints.FINAL_FOLDER


def read_all(folder: Path, data: Path) -> list[str]:
    """What `chat` reads."""
    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    pictures = [str(data.parent / f"{number}.png") for number in range(len(TEXTS))]
    return model.chat(processor, pictures, max_new_tokens=12, batch_size=8)


def changed_parts(before: Path, after: Path) -> dict[str, set[bool]]:
    """For each part, whether its tensors changed: {True} all of them, {False} none to the bit."""
    old, new = load_file(before / "model.safetensors"), load_file(after / "model.safetensors")
    assert old.keys() == new.keys()
    changes: dict[str, set[bool]] = {}
    for name in old:
        changes.setdefault(part_of(name), set()).add(not torch.equal(old[name], new[name]))
    return changes


def test_stage_1_learns_by_heart(stage1: Path, eight: Path) -> None:
    assert read_all(stage1, eight) == list(TEXTS)
    run = stage1.parent
    assert list((run / "samples").glob("step-*.png"))
    assert json.loads((run / "log.jsonl").read_text().splitlines()[0])["step"] == 1
    assert checkpoints.find_checkpoint(run) is not None
    assert json.loads((stage1 / "config.json").read_text())["use_cache"] is True


def test_stage_2_joins_a_tower_and_a_decoder_and_learns_by_heart(
    stage1: Path, decoder: Path, eight: Path, tmp_path: Path
) -> None:
    fields = tiny_fields(eight, stage=2)
    fields["model"] = {"tower": str(stage1), "decoder": str(decoder)}
    model, processor = build_model(config_of(fields))
    tower = load_file(stage1 / "model.safetensors")
    state, qwen = model.state_dict(), Qwen2ForCausalLM.from_pretrained(decoder).state_dict()
    assert all(torch.equal(state[name], tower[name]) for name in tower if part_of(name) == "vision_tower")
    rows = qwen["model.embed_tokens.weight"].shape[0]
    assert torch.equal(state["model.embed_tokens.weight"][:rows], qwen["model.embed_tokens.weight"])
    assert state["model.embed_tokens.weight"].shape[0] == processor.image_token_id + 1 > rows
    layers = [name for name in qwen if name.startswith("model.layers.")]
    assert len(layers) == 24
    assert all(torch.equal(state[name], qwen[name]) for name in layers)
    model.save_pretrained(tmp_path / "start")

    trained = overfit(fields, tmp_path / "run")
    assert read_all(trained, eight) == list(TEXTS)
    changes = changed_parts(tmp_path / "start", trained)
    assert changes["vision_tower"] == changes["projector"] == changes["decoder"] == {True}


def test_stage_3_trains_the_decoder_alone(stage1: Path, eight: Path, tmp_path: Path) -> None:
    """Other questions than those of stage 1, whose answers are other texts."""
    fields = tiny_fields(reversed_texts(tmp_path), stage=3)
    fields["model"] = {"checkpoint": str(stage1)}
    trained = overfit(fields, tmp_path / "run")
    assert read_all(trained, eight) == [text[::-1] for text in TEXTS]
    assert changed_parts(stage1, trained) == {"vision_tower": {False}, "projector": {False}, "decoder": {True}}


def test_lora_learns_by_heart_and_leaves_the_rest(stage1: Path, eight: Path, tmp_path: Path) -> None:
    fields = tiny_fields(reversed_texts(tmp_path), stage="lora", lora={"rank": 16, "alpha": 32})
    fields["model"] = {"checkpoint": str(stage1)}
    trained = overfit(fields, tmp_path / "run", rate=6e-3)
    assert read_all(trained, eight) == [text[::-1] for text in TEXTS]
    old, new = load_file(stage1 / "model.safetensors"), load_file(trained / "model.safetensors")
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed == {name for name in old if "_proj.weight" in name and ".layers." in name}
    assert (trained / "adapter" / "adapter_model.safetensors").is_file()


def reversed_texts(folder: Path) -> Path:
    """The same pictures with the texts read backwards, so that there is something to learn."""
    path = write_conversations(folder / "data")
    entries = json.loads(path.read_text())
    for entry in entries:
        entry["conversations"][1]["value"] = entry["conversations"][1]["value"][::-1]
    path.write_text(json.dumps(entries))
    return path


def test_switches_choose_the_parts(eight: Path) -> None:
    config = config_of(tiny_fields(eight, train_decoder=False))
    model, _ = build_model(config)
    freeze(model, config)
    counts = {count.part: (count.trained > 0, count.frozen > 0) for count in count_parameters(model)}
    assert counts == {"vision_tower": (True, False), "projector": (True, False), "decoder": (False, True)}
    nothing = dataclasses.replace(config, train_vision_tower=False, train_projector=False)
    with pytest.raises(ValueError, match="nothing is trained: switch on one of train_vision_tower, train_projector"):
        freeze(model, nothing)


def test_stage_1_takes_a_given_tower(eight: Path, tmp_path: Path) -> None:
    torch.manual_seed(7)
    first, processor = build_model(config_of(tiny_fields(eight, seed=7)))
    first.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    fields = tiny_fields(eight, seed=8)
    fields["model"]["tower"] = str(tmp_path)
    second, _ = build_model(config_of(fields))
    for name, tensor in second.state_dict().items():
        is_drawn = tensor.ndim > 1 and "pos" not in name
        if part_of(name) == "vision_tower":
            assert torch.equal(tensor, first.state_dict()[name]), name
        elif is_drawn:
            assert not torch.equal(tensor, first.state_dict()[name]), name


def test_parts_that_do_not_fit_are_refused(stage1: Path, decoder: Path, eight: Path, tmp_path: Path) -> None:
    fields = tiny_fields(eight, stage=2)
    fields["model"] = {"tower": str(stage1), "decoder": str(stage1)}
    with pytest.raises(ValueError, match=r"model\.decoder must be a Qwen2 checkpoint .* is 'GOT'"):
        build_model(config_of(fields))
    file = decoder / "tokenizer.json"
    original = file.read_text(encoding="utf-8")
    saved = json.loads(original)
    vocabulary = saved["model"]["vocab"]
    vocabulary["e"], vocabulary["t"] = vocabulary["t"], vocabulary["e"]
    file.write_text(json.dumps(saved), encoding="utf-8")
    fields["model"]["decoder"] = str(decoder)
    try:
        with pytest.raises(ValueError, match=r"another vocabulary than the tokenizer: 2 of its \d+ tokens"):
            build_model(config_of(fields))
    finally:
        file.write_text(original, encoding="utf-8")
    bad = tiny_fields(eight)
    bad["model"] = {**bad["model"], "overrides": {**TINY_MODEL, "depth": 3}}
    with pytest.raises(ValueError, match="'depth' is no field of the model's configuration"):
        build_model(config_of(bad))


def test_merging_equals_peft_and_leaves_the_adapters_alone(stage1: Path, eight: Path) -> None:
    lora = {"rank": 4, "vision_tower": ["qkv", "lin1"], "projector": True}
    fields = tiny_fields(eight, stage="lora", lora=lora)
    fields["model"] = {"checkpoint": str(stage1)}
    config = config_of(fields)
    model, _ = build_model(config)
    assert config.lora is not None
    adapted = add_adapters(model, config.lora, 1, str(stage1))
    trained = {count.part: count.trained for count in count_parameters(adapted)}
    assert all(trained.values())
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    before = {name: tensor.clone() for name, tensor in adapted.state_dict().items()}
    merged = merged_state_dict(adapted)
    assert all(torch.equal(tensor, before[name]) for name, tensor in adapted.state_dict().items())
    expected = adapted.merge_and_unload().state_dict()
    assert expected.keys() == merged.keys()
    assert all(torch.allclose(expected[name], merged[name], atol=1e-7) for name in expected)


def test_gradient_checkpointing_gives_the_same_gradients(stage1: Path, eight: Path) -> None:
    """In tower and decoder; the tower's blocks and the decoder's layers are all computed twice."""
    fields = tiny_fields(eight)
    fields["model"] = {"checkpoint": str(stage1)}
    config = config_of(fields)
    gradients = []
    for checkpointed in (False, True):
        model, processor = load_start(config)
        if checkpointed:
            enable = getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)
            enable({"use_reentrant": False})
        calls = []
        for module in model.modules():
            if type(module).__name__ in ("GotOcrVisionBlock", "Qwen2DecoderLayer"):
                module.mlp.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        batch = next(iter(open_data(config, processor, 0, 1)))
        for key in ("bad_samples", "num_samples"):
            del batch[key]
        model(**batch).loss.backward()
        assert len(calls) == (8 if checkpointed else 4)
        gradients.append({name: one.grad for name, one in model.named_parameters()})
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], atol=1e-6), name


def test_evaluation_reads_every_sample_once_on_several_processes(stage1: Path, eight: Path) -> None:
    fields = tiny_fields(eight, evaluation={"path": str(eight), "max_new_tokens": 12, "batch_size": 2, "limit": 5})
    config = config_of(fields)
    assert config.evaluation is not None
    model = GotOcrForConditionalGeneration.from_pretrained(stage1)
    reader = EvaluationReader(config.evaluation, GotOcrProcessor.from_pretrained(stage1))
    shares = [reader.read(model, rank, 3) for rank in range(3)]
    readings = sorted((one for share in shares for one in share), key=lambda one: one.index)
    assert [one.index for one in readings] == [0, 1, 2, 3, 4]
    assert [one.prediction for one in readings] == list(TEXTS[:5])
    assert {one.errors for one in readings} == {0}


@pytest.mark.parametrize("questions", [("OCR: ",), ("OCR: ", "OCR: ", "OCR: ", "OCR with format: ")])
def test_all_processes_generate_equally_often(
    tmp_path: Path, tiny_processor: GotOcrProcessor, monkeypatch: pytest.MonkeyPatch, questions: tuple[str, ...]
) -> None:
    """Or processes that share a model's weights wait for each other forever. The first of two never sees a format."""
    path = write_conversations(tmp_path, questions=questions)
    config = config_of(tiny_fields(path, evaluation={"path": str(path), "batch_size": 2}))
    assert config.evaluation is not None
    reader = EvaluationReader(config.evaluation, tiny_processor)
    batches: list[int] = []

    def generate(model: Any, question: str, documents: list[Any]) -> list[str]:
        batches.append(len(documents))
        return [""] * len(documents)

    monkeypatch.setattr(reader, "_generate", generate)
    counts = []
    for rank in range(2):
        batches.clear()
        reader.read(torch.nn.Identity(), rank, 2)
        counts.append(batches.copy())
    assert counts == ([[2, 2], [2, 2]] if len(questions) == 1 else [[1, 1, 1, 1], [1, 1, 1, 1]])


def test_a_bad_evaluation_sample_is_an_error(tmp_path: Path, tiny_processor: GotOcrProcessor) -> None:
    path = write_conversations(tmp_path)
    entries = json.loads(path.read_text())
    del entries[2]["conversations"][1]
    path.write_text(json.dumps(entries, indent=0))
    config = config_of(tiny_fields(path, evaluation={"path": str(path)}))
    assert config.evaluation is not None
    with pytest.raises(ValueError, match=r"evaluation: .*conversations.json:\d+ .*turn 1, a question, has no answer"):
        EvaluationReader(config.evaluation, tiny_processor)


@pytest.mark.parametrize("held", [set(), {"flash_attn"}, {"kernels"}], ids=lambda held: "".join(held) or "neither")
def test_flash_attention_that_is_missing_is_told_how_to_get(held: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    packages = {"flash_attn", "kernels"}
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: (name in held or None) if name in packages else found(name)
    )
    check_attention("sdpa")
    if held:
        check_attention("flash_attention_2")
    else:
        with pytest.raises(ValueError, match=r"pip install flash-attn --no-build-isolation; or pip install kernels"):
            check_attention("flash_attention_2")
