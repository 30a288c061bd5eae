"""The whole Hub repository: what is in it, what goes up, and the endpoint handler that runs there."""

import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from safetensors.torch import load_file

from got_ocr.cli import main
from got_ocr.hub import handler
from got_ocr.hub.cache import BUILTIN_CHECKPOINT
from got_ocr.hub.export import CARD_FILE, Upload
from got_ocr.hub.repository import CardFacts, build_repository, check_repository, read_results, upload_repository

RESULTS = "- dataset: {id: allenai/olmOCR-bench, task_id: default}\n  value: 48.3\n  notes: greedy\n"


@pytest.fixture(scope="module")
def repository(tiny_model, tiny_processor, tmp_path_factory):
    """A tiny checkpoint's repository. Do not change it."""
    folder = tmp_path_factory.mktemp("repository")
    results = folder / "olmocr.yaml"
    results.write_text(RESULTS)
    facts = CardFacts("mit", ("en", "zh"), "stepfun-ai/GOT-OCR2_0", ("tiny",))
    build_repository(tiny_model, tiny_processor, folder / "out", "me/tiny", facts=facts, results=[results])
    return folder / "out"


def metadata(folder):
    return yaml.safe_load((folder / CARD_FILE).read_text().split("---")[1])


def test_everything_is_there(repository, tiny_model):
    names = {str(file.relative_to(repository)) for file in repository.rglob("*")}

    assert names >= {
        "config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json", "qwen.tiktoken",
        "tokenizer_config.json", "chat_template.jinja",
        "modeling_got_ocr.py", "processing_got_ocr.py", "handler.py", "requirements.txt",
        ".eval_results/olmocr.yaml", "README.md",
    }  # fmt: skip
    assert metadata(repository) | {"widget": None} == {
        "license": "mit",
        "language": ["en", "zh"],
        "base_model": "stepfun-ai/GOT-OCR2_0",
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text",
        "tags": ["got", "ocr", "custom_code", "tiny"],
        "widget": None,
    }
    assert 'AutoModel.from_pretrained("me/tiny"' in (repository / CARD_FILE).read_text()
    assert yaml.safe_load((repository / ".eval_results/olmocr.yaml").read_text()) == [
        {"dataset": {"id": "allenai/olmOCR-bench", "task_id": "default"}, "value": 48.3, "notes": "greedy"}
    ]
    assert load_file(repository / "model.safetensors").keys() <= tiny_model.state_dict().keys()


def test_the_handler_reads_where_got_ocr_is_not_installed(repository, tiny_model, tiny_processor, tmp_path):
    image = Image.effect_noise((120, 80), 60).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    text = base64.b64encode(buffer.getvalue()).decode()
    requests = [
        {"inputs": text, "parameters": {"max_new_tokens": 12}},
        {
            "inputs": [f"data:image/png;base64,{text}", text],
            "parameters": {"ocr_type": "format", "max_new_tokens": 12},
        },
        {"inputs": "/etc/passwd"},
        {"inputs": text, "parameters": {"save_render_file": "/tmp/x.html", "render": True}},
        {"inputs": text, "parameters": {"ocr_box": [900, 900, 999, 999]}},
        {"inputs": text, "parameters": {"max_new_tokens": 10**9}},
        {},
    ]
    script = (
        "import sys, json; sys.modules['got_ocr'] = None; sys.path.insert(0, sys.argv[1])\n"
        "from handler import EndpointHandler\n"
        "handler = EndpointHandler(sys.argv[1])\n"
        "print(json.dumps([handler(one) for one in json.loads(sys.stdin.read())]))"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", script, str(repository)],
        input=json.dumps(requests),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    plain, formatted, path, render, box, longest, nothing = json.loads(done.stdout.splitlines()[-1])

    expected = tiny_model.chat(tiny_processor, image, max_new_tokens=12, return_dict=True)
    assert plain[0]["generated_text"] == expected["text"]
    assert plain[0]["num_tokens"] == expected["num_tokens"]
    assert len(formatted) == 2 and formatted[0] == formatted[1]
    assert "not opened" in path[0]["error"]
    assert "parameters may be ocr_type" in render[0]["error"]
    assert "outside the picture" in box[0]["error"]
    assert "from 1 to 4096" in longest[0]["error"]
    assert "got NoneType" in nothing[0]["error"]


@pytest.mark.parametrize("value", ["/etc/passwd", "http://127.0.0.1/a.png", "", b"", 7, None, {"a": 1}])
def test_the_handler_takes_pictures_alone(value):
    with pytest.raises(ValueError, match="inputs must be a picture"):
        handler.decode_picture(value)


class FakeHub:
    """Takes what a Hub would."""

    def __init__(self, has_card=False):
        self.has_card, self.created, self.branches, self.files = has_card, [], [], {}

    def __call__(self, token=None):
        return self

    def create_repo(self, name, private, exist_ok):
        self.created.append((name, private))
        return type("Url", (), {"repo_id": name})

    def create_branch(self, name, branch, exist_ok):
        self.branches.append(branch)

    def file_exists(self, name, file, revision):
        return self.has_card

    def upload_folder(self, repo_id, folder_path, ignore_patterns, revision, commit_message):
        self.message = commit_message
        for file in Path(folder_path).rglob("*"):
            if file.is_file() and file.name not in ignore_patterns:
                self.files[str(file.relative_to(folder_path))] = file.read_bytes()
        return f"https://hub/{repo_id}/commit/1"


def test_all_of_it_goes_up(repository, monkeypatch):
    hub = FakeHub()
    monkeypatch.setattr("huggingface_hub.HfApi", hub)
    url = upload_repository(repository, "me/tiny", Upload(private=True, revision="next", commit_message="First"))

    assert url == "https://hub/me/tiny/commit/1"
    assert (hub.created, hub.branches, hub.message) == ([("me/tiny", True)], ["next"], "First")
    here = {str(file.relative_to(repository)) for file in repository.rglob("*") if file.is_file()}
    assert hub.files.keys() == here


@pytest.mark.parametrize("replace_card", [False, True])
def test_a_card_that_is_there_stays_unless_told(repository, monkeypatch, replace_card):
    hub = FakeHub(has_card=True)
    monkeypatch.setattr("huggingface_hub.HfApi", hub)
    upload_repository(repository, "me/tiny", replace_card=replace_card)

    assert (CARD_FILE in hub.files) == replace_card
    assert "handler.py" in hub.files


def test_the_command_pushes_the_built_in_checkpoint(monkeypatch, capsys, tmp_path):
    hub = FakeHub()
    monkeypatch.setattr("huggingface_hub.HfApi", hub)
    options = ["push", "me/nano", "--model", str(BUILTIN_CHECKPOINT)]
    assert main([*options, "--dry-run", str(tmp_path / "out")]) == 0
    assert not hub.files
    written = capsys.readouterr().out.splitlines()
    assert main(options) == 0

    assert hub.files.keys() == set(written)
    # Its own card stays, with the pictures on it, and the weights to the bit.
    assert hub.files["model.safetensors"] == (tmp_path / "out/model.safetensors").read_bytes()
    saved, own = load_file(tmp_path / "out/model.safetensors"), load_file(BUILTIN_CHECKPOINT / "model.safetensors")
    assert all((saved[name] == own[name]).all() and saved[name].dtype == own[name].dtype for name in own)
    assert b"# nano: the checkpoint built into got-ocr" in hub.files[CARD_FILE]
    assert "error_by_font.png" in hub.files
    assert metadata(tmp_path / "out")["language"] == "en"


@pytest.mark.parametrize("name", ["tiny", "me/", "/tiny", "me/a/b", "../x", "me/..", "me/ti ny", "-me/x", "me/a--b"])
def test_a_name_that_is_none_is_refused(name, capsys):
    with pytest.raises(ValueError, match="owner/name"):
        check_repository(name)
    assert main(["push", "--dry-run", "nowhere", "--", name]) == 2
    assert "owner/name" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["", "[]", "a: b", "- value: 1", "- dataset: {id: x}\n  value: 1", "[1, 2]", "- [", "5"]
)
def test_results_that_are_none_are_refused(text, tmp_path):
    file = tmp_path / "results.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"results\.yaml: (is no list of results|holds no results)"):
        read_results(file)
    with pytest.raises(ValueError, match="can't be read"):
        read_results(tmp_path / "missing.yaml")


def test_a_folder_that_is_not_empty_is_left_alone(tiny_model, tiny_processor, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty"):
        build_repository(tiny_model, tiny_processor, tmp_path, "me/tiny")
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_pictures_from_elsewhere_are_not_taken(tiny_model, tiny_processor, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    (source / "key.pem").write_bytes(b"x")
    (source / "seen.png").write_bytes(b"x")
    (source / "unseen.png").write_bytes(b"x")
    (source / CARD_FILE).write_text(
        "# Mine\n![a](../secret.png) ![b](key.pem) ![c](seen.png) <img src='https://x/y.png'>"
    )
    build_repository(tiny_model, tiny_processor, tmp_path / "out", "me/tiny", source=source)

    assert {file.name for file in (tmp_path / "out").iterdir() if file.suffix in (".png", ".pem")} == {"seen.png"}
    assert not list(tmp_path.glob("*.pem"))
