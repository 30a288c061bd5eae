"""The benchmark: every stage and variant runs on a small model, and the report says what was measured and how."""

import json

import pytest

from got_ocr.benchmarks import machine, report, stages
from got_ocr.benchmarks.bench import run_bench
from got_ocr.benchmarks.machine import Watch
from got_ocr.benchmarks.models import Models
from got_ocr.benchmarks.options import STAGES, BenchOptions
from got_ocr.cli import main
from tests.modeling.test_quantization import small_config

VARIANTS = (
    "ours-float32",
    "ours-bfloat16",
    "ours-int8",
    "ours-int4",
    "ours-int8-dynamic",
    "ours-int8-tower",
    "port-float32",
    "port-bfloat16",
)


@pytest.fixture(scope="module")
def measured() -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "GEMM_SIDE", {"cpu": 32})
        patch.setattr(machine, "STREAM_BYTES", {"cpu": 4096})
        patch.setattr(stages, "PAGE_SIZE_PX", (60, 80))
        options = BenchOptions(
            stages=STAGES, variants=VARIANTS, batches=(1, 2), answers=(3,), contexts=(4, 9), steps=2, repeats=1
        )
        return run_bench(options, models=Models(options, small_config()))


def entries(measured: dict, stage: str, **wanted) -> dict[str, dict]:
    return {
        entry["variant"]: entry
        for entry in measured["results"]
        if entry["stage"] == stage and all(entry[name] == value for name, value in wanted.items())
    }


def test_every_stage_has_every_variant(measured):
    assert {entry["stage"] for entry in measured["results"]} == set(STAGES)
    for stage, wanted in (("tower", {}), ("prefill", {}), ("decode", {"size": 9}), ("page", {"size": 3})):
        for batch in (1, 2):
            assert set(entries(measured, stage, batch=batch, **wanted)) == set(VARIANTS)
    assert all(entry["seconds"] > 0 and entry["rate"] > 0 for entry in measured["results"])


def test_a_page_with_a_draft_says_what_it_says_without(monkeypatch):
    monkeypatch.setattr(machine, "GEMM_SIDE", {"cpu": 32})
    monkeypatch.setattr(machine, "STREAM_BYTES", {"cpu": 4096})
    variants = ("ours-int8", "ours-int8-draft")
    options = BenchOptions(stages=("page",), variants=variants, answers=(24,), repeats=1)

    with_draft = entries(run_bench(options, models=Models(options, small_config())), "page")

    assert set(with_draft) == set(variants) and all(len(entry["all_seconds"]) == 1 for entry in with_draft.values())
    with pytest.raises(ValueError, match="one page at a time: give batch 1, or leave out ours-int8-draft"):
        BenchOptions(stages=("page",), variants=variants, batches=(1, 4))


def test_ours_and_the_port_computed_the_same(measured):
    for stage in ("tower", "prefill", "page"):
        for entry in (entries(measured, stage, batch=batch)["ours-float32"] for batch in (1, 2)):
            assert entry.get("largest_error", 0) < 1e-4 and entry.get("agreement", 1) == 1
    assert entries(measured, "tower", batch=1)["ours-int8-tower"]["relative_error"] < 0.1
    assert 0 < entries(measured, "prefill", batch=1)["ours-int4"]["relative_error"] < 0.5


def test_the_report_is_json_markdown_and_a_picture(measured, tmp_path):
    pytest.importorskip("matplotlib")
    measured = {**measured, "machine": {**measured["machine"], "device": "AMD EPYC (TM) 9"}}

    written = report.write_report(measured, tmp_path)

    threads = measured["machine"]["threads"]
    assert [path.name for path in written] == [
        f"amd-epyc-tm-9-{threads}-threads.{end}" for end in ("json", "md", "svg")
    ]
    assert json.loads(written[0].read_text(encoding="utf-8"))["results"] == measured["results"]
    text = written[1].read_text(encoding="utf-8")
    assert text.count("\n| ") == 1 + len(measured["results"])
    assert "fewer layers than published" not in text or not measured["is_full_size"]
    assert "<svg" in written[2].read_text(encoding="utf-8")


@pytest.mark.parametrize(("share", "said"), [(0.2, "**disturbed**"), (0.01, "undisturbed"), (None, "can't be told")])
def test_a_disturbed_run_is_said_to_be_so(measured, share, said):
    found = {
        "others_share": share,
        "is_disturbed": bool(share and share > 0.05),
        "load_before": [1.0],
        "load_after": [1.0],
    }

    assert said in report.describe({**measured, "disturbance": found})


def test_others_use_is_what_the_machine_did_less_ones_own(monkeypatch):
    clock = iter([(10.0, 2.0), (16.0, 4.0)])  # Busy and own seconds on entering and leaving.
    now = {}
    monkeypatch.setattr(machine, "_busy_seconds", lambda: now.setdefault("pair", next(clock))[0])
    monkeypatch.setattr(machine, "_own_seconds", lambda: now.pop("pair")[1])
    seconds = iter([0.0, 10.0])
    monkeypatch.setattr(machine.time, "perf_counter", lambda: next(seconds))
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)

    with Watch() as watch:
        pass

    assert watch.others_share == pytest.approx((6.0 - 2.0) / 10 / 2) and watch.is_disturbed


def test_the_limit_of_a_token_is_reading_the_weights():
    made = {"limits": {"gemm_float32": 0.16, "stream_float32": 20.0, "stream_bfloat16": 18.0}, "is_full_size": True}
    made |= {"parameters": 560_000_000, "tower_parameters": 96_000_000}
    token = {"stage": "decode", "batch": 1, "rate": 5.0}

    assert report.limit_share({**token, "variant": "ours-float32"}, made) == pytest.approx(5 * 464e6 * 4 / 20e9)
    assert report.limit_share({**token, "variant": "ours-int8"}, made) == pytest.approx(5 * 464e6 / 20e9)
    tower = {"stage": "tower", "batch": 1, "rate": 0.15, "variant": "port-float32"}
    assert report.limit_share(tower, made) == pytest.approx(0.15 * 0.95 / 0.16)
    assert report.limit_share({**token, "variant": "ours-int8", "batch": 2}, made) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stage", "tour"], "stages must be of pixels, tower"),
        (["--variant", "ours-int2"], "variants must be of ours-float32"),
        (["--batch", "1,x"], "must be whole numbers with commas between, got '1,x'"),
        (["--batch", "0"], "batches must be whole numbers of at least 1"),
        (["--repeats", "0"], "repeats must be at least 1, got 0"),
        (["--tower-layers", "4"], "tower_layers must be 3, 6, 9 or 12, got 4"),
        (["--clock", "cpu"], "clock cpu counts the seconds of one thread of a CPU: give threads 1"),
        (["--device", "cuda"], "--device cuda can't be used here"),
    ],
)
def test_what_is_not_allowed_is_one_line(arguments, message, capsys):
    if "cuda" in arguments:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("there is a GPU here")

    assert main(["bench", *arguments]) != 0

    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_the_command_prints_the_table_and_writes_files(monkeypatch, measured, tmp_path, capsys):
    from got_ocr.benchmarks import bench

    monkeypatch.setattr(bench, "run_bench", lambda options, say: measured)

    assert main(["bench", "--stage", "tower", "--output", str(tmp_path), "--name", "here", "--quiet"]) == 0

    assert "| tower | 1 |" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} >= {"here.json", "here.md"}
