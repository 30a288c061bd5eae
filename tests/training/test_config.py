"""Training configurations: what is read, what is refused and with which words, and those that ship."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from got_ocr.nano.config import NanoTrainingConfig
from got_ocr.training.config import TrainingConfig
from got_ocr.training.run import training_arguments
from got_ocr.training.settings import SettingsError, build, read_yaml, set_field, write_yaml
from got_ocr.training.shipped import find_configuration, shipped_configurations

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATIONS = sorted((ROOT / "configuration" / "training").glob("*.yaml"))
# For a trainer of their own; nano-lora.yaml is for that of everybody.
NANO = [path for path in CONFIGURATIONS if path.name.startswith("nano") and path.stem != "nano-lora"]
SHIPPED = [path for path in CONFIGURATIONS if path not in NANO]
SMALLEST = {"stage": 3, "model": {"checkpoint": "org/got"}, "data": {"sets": {"mine": {"path": "pages.json"}}}}


def make(**fields: object) -> TrainingConfig:
    return build(TrainingConfig, {**SMALLEST, **fields}, "run.yaml")


def test_the_defaults_are_the_published_post_training_command() -> None:
    config = make()
    optimisation = config.optimisation
    assert (optimisation.learning_rate, optimisation.schedule, optimisation.warmup_share) == (2e-5, "cosine", 0.001)
    assert (optimisation.weight_decay, optimisation.epochs) == (0.0, 1.0)
    assert (optimisation.batch_per_device, optimisation.accumulation_steps) == (2, 2)
    assert config.data.max_tokens == 8192
    assert config.saving.limit == 1
    assert config.run.gradient_checkpointing
    assert config.run.tf32
    assert config.run.precision == "bf16"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"speed": 3}, "run.yaml: there is no field speed; allowed here: data, evaluation, logging, lora, model"),
        (
            {"optimisation": {"lr": 1}},
            "there is no field optimisation.lr; allowed in optimisation: accum",
        ),
        ({"optimisation": {"learning_rate": "fast"}}, "optimisation.learning_rate must be a number, got 'fast'"),
        ({"optimisation": {"learning_rate": -1}}, "optimisation.learning_rate must be at least 0.0, got -1.0"),
        ({"optimisation": {"warmup_share": 2}}, "optimisation.warmup_share must be from 0.0 to 1.0, got 2.0"),
        ({"optimisation": {"batch_per_device": 2.5}}, "optimisation.batch_per_device must be a whole number, got"),
        (
            {"optimisation": {"schedule": "step"}},
            "optimisation.schedule must be one of 'cosine', 'linear'",
        ),
        ({"optimisation": {"betas": [0.9]}}, "optimisation.betas must be two numbers"),
        ({"optimisation": {"epochs": 0}}, "optimisation.epochs must be above 0, or optimisation.max_steps a number"),
        ({"run": {"tf32": 1}}, "run.tf32 must be true or false, got 1"),
        ({"run": "fast"}, "run must hold fields (name: value), got the text 'fast'"),
        ({"run": {"fsdp": True, "deepspeed": "zero2.json"}}, "choose one"),
        ({"stage": 4}, "stage must be one of 1, 2, 3, 'lora', got 4"),
        ({"stage": True}, "stage must be one of 1, 2, 3, 'lora', got True"),
        ({"data": {}}, "the field data.sets is missing (fields (name: value))"),
        ({"data": {"sets": {"a": {"path": 3}}}}, "data.sets.a.path must be a text, got 3"),
        ({"data": {"sets": {"a": {"path": "x", "share": 2.0}}}}, "data.sets.a.share must be above 0 and at most 1"),
        ({"data": {"sets": {"a": {"path": "x"}}, "mix": "a+b"}}, "names 'b', which is not declared; declared are: a"),
        ({"lora": {}}, "lora is for stage 'lora', but stage is 3"),
        ({"stage": "lora", "train_decoder": True}, "train_decoder is not for stage 'lora'"),
        ({"stage": "lora", "lora": {"decoder": ["head"]}}, "lora.decoder[0] must be one of 'q_proj'"),
        ({"stage": "lora", "lora": {"decoder": []}}, "lora trains nothing"),
        ({"stage": 1, "model": {}}, "stage 1 needs model.checkpoint, or model.config and/or model.overrides"),
        (
            {"stage": 2, "model": {"tower": "a"}},
            "stage 2 needs model.checkpoint, or both model.tower and model",
        ),
        ({"stage": 3, "model": {}}, "stage 3 needs model.checkpoint"),
        ({"model": {"checkpoint": "a", "tower": "b"}}, "model.checkpoint is a whole model: leave out model.tower"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make(**fields)
    assert message in str(caught.value)
    assert str(caught.value).count("run.yaml") == 1


def test_a_number_without_a_point_is_a_number(tmp_path: Path) -> None:
    """YAML reads 2e-5 as a text."""
    file = tmp_path / "run.yaml"
    file.write_text(
        "stage: 3\nmodel: {checkpoint: a}\ndata: {sets: {b: {path: c}}}\noptimisation: {learning_rate: 2e-5}"
    )
    assert TrainingConfig.read(file).optimisation.learning_rate == 2e-5


def test_assignments_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    write_yaml(make(), file)
    config = TrainingConfig.read(file, ["optimisation.max_steps=7", "data.sets.more.path=x.json", "evaluation=null"])
    assert config.optimisation.max_steps == 7
    assert list(config.data.sets) == ["mine", "more"]
    with pytest.raises(SettingsError, match=r"--set takes section\.name=value, got 'seed'"):
        TrainingConfig.read(file, ["seed"])
    with pytest.raises(SettingsError, match=r"there is no field optimisation\.speed"):
        TrainingConfig.read(file, ["optimisation.speed=1"])
    with pytest.raises(SettingsError, match=r"--set seed\.x=1: seed is 42 and has no fields"):
        TrainingConfig.read(file, ["seed.x=1"])


def test_a_configuration_survives_being_written(tmp_path: Path) -> None:
    config = make(stage="lora", lora={"rank": 4, "vision_tower": ["qkv"]}, evaluation={"path": "e.json"})
    write_yaml(config, tmp_path / "c.yaml")
    assert TrainingConfig.read(tmp_path / "c.yaml") == config


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    broken, listed = tmp_path / "broken.yaml", tmp_path / "list.yaml"
    broken.write_text("a: [1")
    listed.write_text("- 1")
    with pytest.raises(SettingsError, match=r"broken\.yaml is not valid YAML"):
        read_yaml(broken)
    with pytest.raises(SettingsError, match=r"list.yaml must hold fields \(name: value\), got a list"):
        read_yaml(listed)
    with pytest.raises(FileNotFoundError, match="there is no configuration"):
        read_yaml(tmp_path / "gone.yaml")


def test_set_field_makes_sections() -> None:
    fields: dict[str, object] = {}
    set_field(fields, "data.mix=a+b")
    assert fields == {"data": {"mix": "a+b"}}


@pytest.mark.parametrize("path", NANO, ids=[path.stem for path in NANO])
def test_configurations_of_the_built_in_model_are_valid(path: Path) -> None:
    config = NanoTrainingConfig.read(path)
    assert any(canvas.formulas for canvas in config.stages[-1].canvases), "both end with formats"
    assert not set(config.families) & set(config.held_out_families)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_configurations_that_ship_are_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config = TrainingConfig.read(path)
    for file in (config.run.deepspeed, config.model.config):
        assert file is None or Path(file).is_file(), file


def test_the_three_stages_that_ship_are_the_published_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    rows, shares = {}, {}
    for stage in (1, 2, 3):
        config = TrainingConfig.read(ROOT / "configuration" / "training" / f"stage{stage}.yaml")
        assert config.stage == stage
        one = config.optimisation
        on_64_devices = 64 * one.batch_per_device * one.accumulation_steps
        rows[stage] = (on_64_devices, one.learning_rate, one.epochs, config.data.max_tokens)
        shares[stage] = {name: one.share for name, one in config.data.sets.items()}
    assert rows[1] == (128, 1e-4, 3.0, 4096)
    assert rows[2] == (128, 1e-4, 1.0, 6000)
    assert rows[3][1:] == (2e-5, 1.0, 8192)
    assert config.data.mix == "mine"
    for before in (1, 2):  # 80 % of each stage's data is carried into the next
        for name, share in shares[before].items():
            assert shares[before + 1][name] == pytest.approx(0.8 * share), name


@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="DeepSpeed is not installed")
@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_takes_the_files_that_ship(stage: int, tmp_path: Path) -> None:
    from deepspeed.runtime.config import DeepSpeedConfig
    from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig

    args = training_arguments(make(run={"device": "cpu", "precision": "float32"}), tmp_path)
    taken = HfTrainerDeepSpeedConfig(str(ROOT / "configuration" / "deepspeed" / f"zero{stage}.json"))
    taken.trainer_config_process(args)
    taken.trainer_config_finalize(args, SimpleNamespace(config=SimpleNamespace(hidden_size=64)), 10)
    parsed = DeepSpeedConfig(taken.config)
    assert parsed.zero_optimization_stage == stage
    assert (parsed.train_batch_size, parsed.gradient_accumulation_steps, parsed.gradient_clipping) == (4, 2, 1.0)
    assert "auto" not in str(taken.config)


class TestShipped:
    def test_each_is_found_by_name_and_by_its_path_in_the_documentation(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)  # Where there is no checkout.
        shipped = shipped_configurations()
        assert {"lora", "finetune", "stage1", "stage2", "stage3", "tiny"} <= shipped.keys()
        for name, path in shipped.items():
            assert find_configuration(name) == path == find_configuration(f"configuration/training/{name}.yaml")

    def test_an_own_file_comes_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("lora").write_text("stage: lora\n")
        assert find_configuration("lora") == Path("lora")

    def test_a_wrong_name_says_the_right_ones(self) -> None:
        with pytest.raises(FileNotFoundError, match=r"no configuration loraa: give a YAML file, or the name of.*lora"):
            find_configuration("loraa")
