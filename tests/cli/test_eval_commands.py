"""`got-ocr eval` and `got-ocr score` as people run them: killed and resumed, shared among processes, reported."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from got_ocr.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
# Stands for Tesseract: a text that depends on the picture alone, slowly enough to be killed in the middle.
STAND_IN = """#!/bin/sh
[ "$1" = "--version" ] && { echo "tesseract 0-stand-in"; exit 0; }
sleep ${STAND_IN_SLEEP_S:-0}
cksum
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "tesseract"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    for number in range(8):
        picture = Image.new("RGB", (60, 20), "white")
        ImageDraw.Draw(picture).text((2, 2), f"page {number}", fill="black")
        picture.save(folder / f"{number}.png")
        (folder / f"{number}.gt.txt").write_text(f"the text of page {number} " * (number + 1))
    return folder


def evaluate(pages: Path, output: Path, *arguments: str) -> list[str]:
    return ["eval", "--data", str(pages), "--engine", "tesseract", "--output", str(output), *arguments]


def start(pages: Path, output: Path, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "got_ocr.cli.evaluate", *evaluate(pages, output, *arguments)[1:]]
    return subprocess.Popen(
        command, env={**os.environ, **environment}, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def reports(output: Path) -> dict[str, bytes]:
    return {name: (output / name).read_bytes() for name in ("report.json", "report.html", "results.json")}


def lines(output: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in output.glob("results.part-*.jsonl"))


@pytest.mark.usefixtures("stand_in")
class TestEval:
    def test_killed_run_resumes_and_gives_the_same_report(self, pages: Path, tmp_path: Path) -> None:
        assert main(evaluate(pages, tmp_path / "whole")) == 0
        killed = tmp_path / "killed"
        process = start(pages, killed, "--batch-size", "1", STAND_IN_SLEEP_S="0.3")
        deadline = time.monotonic() + 120
        while lines(killed) < 3 and time.monotonic() < deadline:
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        done = lines(killed)
        assert 3 <= done < 8
        assert not (killed / "report.html").exists()
        before = next(killed.glob("*.jsonl")).read_bytes()
        assert main(evaluate(pages, killed)) == 0
        after = next(killed.glob("*.jsonl")).read_bytes()
        assert after.startswith(before)  # nothing was read twice
        assert lines(killed) == 8
        assert reports(killed) == reports(tmp_path / "whole")

    def test_retrained_weights_are_another_run(
        self, pages: Path, tmp_path: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        model = shutil.copytree(tiny_checkpoint, tmp_path / "model")
        command = ["eval", "--data", str(pages), "--output", str(tmp_path / "out"), "--model", str(model)]
        command += ["--max-new-tokens", "2", "--limit", "2", "--device", "cpu"]
        assert main(command) == 0
        assert main(command) == 0
        weights = model / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + bytes([weights.read_bytes()[-1] ^ 1]))
        assert main(command) == 2
        said = capsys.readouterr().err
        assert "out holds another run: weights was '" in said and "give another --output" in said
        weights.write_bytes(weights.read_bytes()[:-1] + bytes([weights.read_bytes()[-1] ^ 1]))
        assert main([*command, "--prompt", "Read it"]) == 2
        assert "prompt was None, now 'Read it'" in capsys.readouterr().err

    def test_two_processes_give_the_same_report(self, pages: Path, tmp_path: Path) -> None:
        assert main(evaluate(pages, tmp_path / "one")) == 0
        two = tmp_path / "two"
        # As torchrun starts them.
        processes = [start(pages, two, RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank)) for rank in range(2)]
        for process in processes:
            _, errors = process.communicate(timeout=240)
            assert process.returncode == 0, errors.decode()
        assert len(list(two.glob("*.jsonl"))) == 2
        assert all(path.read_bytes().count(b"\n") >= 2 for path in two.glob("*.jsonl"))
        assert reports(two) == reports(tmp_path / "one")

    def test_chunks_by_hand_as_the_published_script_has_them(
        self, pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(evaluate(pages, tmp_path / "one")) == 0
        for index in (1, 0):
            assert not (tmp_path / "chunks" / "report.json").exists()
            chunk = ("--num-chunks", "2", "--chunk-index", str(index))
            assert main(evaluate(pages, tmp_path / "chunks", *chunk)) == 0
        assert "chunk 1 of 2 is read" in capsys.readouterr().err
        assert reports(tmp_path / "chunks") == reports(tmp_path / "one")

    @pytest.mark.slow
    def test_ray_workers_give_the_same_report(self, pages: Path, tmp_path: Path) -> None:
        pytest.importorskip("ray", reason="needs got-ocr[bulk]")
        assert main(evaluate(pages, tmp_path / "one")) == 0
        assert main(evaluate(pages, tmp_path / "ray", "--ray", "2", "--batch-size", "2")) == 0
        assert reports(tmp_path / "ray") == reports(tmp_path / "one")

    @pytest.mark.slow
    def test_torchrun_gives_the_same_report(self, pages: Path, tmp_path: Path) -> None:
        assert main(evaluate(pages, tmp_path / "one")) == 0
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
        command += ["got_ocr.cli.evaluate", *evaluate(pages, tmp_path / "two")[1:]]
        subprocess.run(command, check=True, cwd=REPOSITORY, timeout=400)
        assert reports(tmp_path / "two") == reports(tmp_path / "one")

    def test_another_run_is_not_mixed_in(
        self, pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(evaluate(pages, tmp_path / "out")) == 0
        assert main(evaluate(pages, tmp_path / "out", "--psm", "7")) == 2
        assert "holds another run: page_segmentation was 3, now 7" in capsys.readouterr().err

    def test_pages_that_cannot_be_read_are_failures(
        self, pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (pages / "3.png").write_bytes(b"no picture")
        assert main(evaluate(pages, tmp_path / "out")) == 1
        assert "1 could not be read" in capsys.readouterr().out
        assert "3.png" in (tmp_path / "out" / "report.html").read_text()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--task", "box"), "four numbers in brackets"),
            (("--num-chunks", "2"), "belong together"),
            (("--num-chunks", "2", "--chunk-index", "2"), "0..chunks-1"),
            (("--engine", "transformers"), "needs --model"),
            (("--batch-size", "0"), "at least 1"),
            (("--confidence", "95"), "between 0 and 1"),
        ],
    )
    def test_wrong_arguments_are_one_line(
        self,
        pages: Path,
        tmp_path: Path,
        arguments: tuple[str, ...],
        message: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert main(evaluate(pages, tmp_path / "out", *arguments)) == 2
        errors = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
        assert len(errors) == 1
        assert message in errors[0]

    def test_box_and_color_are_cut_out_for_engines_that_know_neither(self, tmp_path: Path) -> None:
        picture = Image.new("RGB", (200, 100), "white")
        draw = ImageDraw.Draw(picture)
        draw.rectangle((20, 20, 120, 70), outline="red", width=3)
        draw.rectangle((40, 40, 60, 60), fill="black")
        picture.save(tmp_path / "a.png")
        for task, question in (("box", "[100, 200, 600, 700] OCR: "), ("color", "[red] OCR: "), ("plain", "OCR: ")):
            entry = [{"image": "a.png", "question": question, "label": "x"}]
            (tmp_path / f"{task}.json").write_text(json.dumps(entry))
            assert main(evaluate(tmp_path / f"{task}.json", tmp_path / task, "--task", task)) == 0
        answers = [
            json.loads((tmp_path / task / "results.json").read_text())[0]["answer"]
            for task in ("box", "color", "plain")
        ]
        assert len(set(answers)) == 3  # what was read were three different pictures


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not on this machine")
def test_tesseract_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_line(tmp_path / "a.png", "The quick brown fox")
    (tmp_path / "a.txt").write_text("The quick brown fox\n")
    arguments = ["eval", "--data", str(tmp_path), "--engine", "tesseract", "--psm", "7", "--json"]
    assert main([*arguments[:-1], "--output", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["figures"]["cer"]["value"] < 0.1
    assert "s a page" in capsys.readouterr().out


@pytest.mark.slow
def test_rapidocr_reads_with_nothing_downloaded(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="needs got-ocr[rapidocr]")
    pytest.importorskip("onnxruntime", reason="needs got-ocr[rapidocr]")
    write_line(tmp_path / "a.png", "The quick brown fox")
    (tmp_path / "a.txt").write_text("The quick brown fox\n")
    assert main(["eval", "--data", str(tmp_path), "--engine", "rapidocr", "--output", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["figures"]["cer"]["value"] < 0.2


def write_line(path: Path, text: str) -> None:
    from PIL import ImageFont

    picture = Image.new("RGB", (520, 80), "white")
    ImageDraw.Draw(picture).text((20, 15), text, fill="black", font=ImageFont.load_default(size=40))
    picture.save(path)


def test_got_reads_through_the_same_call_as_everything(
    pages: Path, tmp_path: Path, tiny_model, tiny_processor, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_model.save_pretrained(tmp_path / "model")
    tiny_processor.save_pretrained(tmp_path / "model")
    arguments = ["eval", "--data", str(pages), "--output", str(tmp_path / "out"), "--model", str(tmp_path / "model")]
    assert main([*arguments, "--max-new-tokens", "4", "--limit", "3", "--device", "cpu"]) == 0
    assert "--model" in capsys.readouterr().err
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(results) == 3
    assert {result["finish_reason"] for result in results} <= {"stop", "length", "repetition"}


def test_the_port_reads_by_transformers_own_classes(pages: Path, tmp_path: Path, tiny_model, tiny_processor) -> None:
    tiny_model.save_pretrained(tmp_path / "model")
    tiny_processor.save_pretrained(tmp_path / "model")
    assert main(["convert", str(tmp_path / "model"), str(tmp_path / "port"), "--layout", "transformers"]) == 0
    options = ["--data", str(pages), "--limit", "2", "--max-new-tokens", "4", "--device", "cpu"]
    answers = []
    for engine, folder in (("got", "model"), ("transformers", "port")):
        output = tmp_path / f"out-{engine}"
        model = str(tmp_path / folder)
        assert main(["eval", *options, "--engine", engine, "--model", model, "--output", str(output)]) == 0
        answers.append([one["answer"] for one in json.loads((output / "results.json").read_text())])
    assert len(answers[1]) == 2


class TestScore:
    RECORDS = (
        {
            "image": "1.png",
            "question": "OCR: ",
            "label": "one two three four five",
            "answer": "one two three four five",
        },
        {"image": "2.png", "question": "OCR: ", "label": "a b c d", "answer": "a b x"},
        {"image": "3.png", "question": "OCR: ", "label": "nothing was read here", "answer": ""},
    )

    def test_published_results_in_both_conventions(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "results_0.json").write_text(json.dumps(self.RECORDS[:2]))
        (tmp_path / "results_1.json").write_text(json.dumps(self.RECORDS[2:]))
        pattern = str(tmp_path / "results_*.json")
        for convention, precision, count in (("right", 5 / 9, 3), ("published", 3 / 4, 2)):
            assert main(["score", pattern, "--convention", convention, "--json"]) == 0
            report = json.loads(capsys.readouterr().out)
            assert report["figures"]["precision"]["value"] == pytest.approx(precision)
            assert report["figures"]["precision"]["count"] == count

    def test_table_and_comparison(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        worse = [{**record, "answer": "zzz"} for record in self.RECORDS]
        (tmp_path / "good.json").write_text(json.dumps(self.RECORDS))
        (tmp_path / "bad.json").write_text(json.dumps(worse))
        assert main(["score", str(tmp_path / "good.json"), "--against", str(tmp_path / "bad.json")]) == 0
        out = capsys.readouterr().out
        assert "3 samples, task plain, right convention; 1 empty answers" in out
        assert "good against bad" in out
        assert "edit_distance ↓" in out

    def test_onecharts_predictions_with_their_truth(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        gts = {"title": "T", "source": "None", "x_title": "X", "y_title": "Y", "values": {"a": 1}}
        (tmp_path / "gt.json").write_text(json.dumps([{"images": "c.png", "gts": gts}]))
        predictions = [{"imagename": "c.png", "answer": json.dumps(gts)}]
        (tmp_path / "onechart.json").write_text(json.dumps(predictions))
        arguments = ["score", str(tmp_path / "onechart.json"), "--task", "chart"]
        assert main(arguments) == 2
        assert "--data" in capsys.readouterr().err
        assert main([*arguments, "--data", str(tmp_path / "gt.json"), "--convention", "published", "--json"]) == 0
        figures = json.loads(capsys.readouterr().out)["figures"]
        assert figures["final_strict"]["value"] == figures["exact"]["value"] == 1

    def test_missing_files_are_one_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["score", str(tmp_path / "none*.json")]) != 0
        assert "no result file matches" in capsys.readouterr().err

    def test_help_imports_nothing_heavy(self) -> None:
        code = (
            "import sys; from got_ocr.cli import main; main(['eval', '--help']); main(['score', '--help']); "
            "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'numpy', 'rapidfuzz', 'nltk')))"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=REPOSITORY)
