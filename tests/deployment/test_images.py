"""Dockerfile, compose file and Space: linted, and their steps run as far as a machine without a builder goes."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.support.commands import parse
from tests.support.environments import make_environment

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SPACE = ROOT / "examples" / "space"


def instructions(stage: str | None = None) -> list[tuple[str, str]]:
    """The Dockerfile's instructions, joined at their backslashes; of one stage where one is named."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE)
    found = [tuple(line.split(maxsplit=1)) for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    if stage is None:
        return found
    inside, kept = False, []
    for name, value in found:
        if name == "FROM":
            inside = value.endswith(f" AS {stage}")
        elif inside:
            kept.append((name, value))
    return kept


def command_of(name: str) -> list[str]:
    """What ENTRYPOINT or CMD runs."""
    return list(yaml.safe_load(dict(instructions("runtime"))[name]))


def test_the_dockerfile_is_clean() -> None:
    hadolint = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, "--no-color", str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("stage", ["cpu", "cuda"])
def test_each_image_runs_as_nobody_in_particular(stage: str) -> None:
    last = [value for name, value in instructions(stage) if name == "USER"]
    assert last == ["1000"] and instructions(stage)[-1][0] == "USER"
    assert ("FROM", f"runtime AS {stage}") in instructions()
    # The layer of torch comes before what changes with each commit.
    runs = [value for name, value in instructions(stage) if name == "RUN"]
    assert len(runs) == 2 and runs[0].rstrip().endswith("torch") and "[serve,render,demo]" in runs[1]


def test_the_image_serves_and_says_whether_it_is_well() -> None:
    names = [name for name, _ in instructions("runtime")]
    assert {"HEALTHCHECK", "EXPOSE", "VOLUME", "ENTRYPOINT", "CMD", "STOPSIGNAL"} <= set(names)
    assert command_of("ENTRYPOINT") == ["got-ocr"]
    parse(command_of("CMD"))


def test_what_is_copied_is_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        word.removeprefix("./") for name, value in instructions() if name == "COPY" for word in value.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_what_the_wheel_is_made_of_is_copied() -> None:
    """All that pyproject.toml names, so that the image's own build finds it."""
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    wheel = hatch["build"]["targets"]["wheel"]
    wanted = {*wheel["packages"], *wheel["force-include"], "hatch_build.py", "README.md"}
    copied = {word for name, value in instructions("wheel") if name == "COPY" for word in value.split()[:-1]}
    assert wanted <= copied
    assert "custom" in hatch["metadata"]["hooks"]


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_is_reached_from_this_machine_only_and_may_do_little(name: str) -> None:
    service = COMPOSE["services"][name]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"] and "/tmp" in service["tmpfs"]
    assert any(value.endswith(f" AS {service['build']['target']}") for _, value in instructions())
    parse(service.get("command", command_of("CMD")))
    # The health check of the image asks port 8000.
    assert service["ports"][0].endswith(":8000")
    assert set(service["environment"]) == {"GOT_OCR_MODEL", "GOT_OCR_API_KEY"}


def test_the_space_is_the_demo() -> None:
    _, front, text = (SPACE / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    data = yaml.safe_load(front)
    assert data["sdk"] == "gradio" and data["app_file"] == "app.py" and text.strip()
    assert data["license"] == "apache-2.0" and len(data["short_description"]) <= 60
    assert (SPACE / "requirements.txt").read_text().startswith("got-ocr[demo")
    script = (SPACE / "app.py").read_text(encoding="utf-8")
    (given,) = re.findall(r"main\(\[(.*?)\*sys", script)
    parse([*re.findall(r'"([^"]+)"', given), "nano"])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.mark.slow
def test_the_steps_of_the_image_end_in_a_server_that_is_well(tmp_path: Path) -> None:
    """The wheel of what is copied, in a fresh environment; the image's command, and its health check."""
    source = tmp_path / "source"
    source.mkdir()
    for name, value in instructions("wheel"):
        if name == "COPY":
            *names, _ = value.split()
            for one in names:
                if (ROOT / one).is_dir():
                    shutil.copytree(ROOT / one, source / one, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / one, source / one)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(pip, check=True, timeout=400)
    (wheel,) = tmp_path.glob("*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    assert "got_ocr/assets/nano/model.safetensors" in held and "got_ocr/serving/demo/page_view.js" in held

    python = make_environment(tmp_path / "environment", ["--no-deps", str(wheel)])
    assert python is not None
    port = free_port()
    words = [str(port) if word == "8000" else word.replace("0.0.0.0", "127.0.0.1") for word in command_of("CMD")]
    program = python.parent / command_of("ENTRYPOINT")[0]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**clean, "HF_HOME": str(tmp_path / "models"), "OMP_NUM_THREADS": "1", "GOT_OCR_MODEL": "nano"}
    health = dict(instructions("runtime"))["HEALTHCHECK"].partition("CMD ")[2].replace(":8000", f":{port}")
    with subprocess.Popen([program, *words], cwd=tmp_path, env=environment) as process:
        try:
            deadline = time.monotonic() + 300
            while subprocess.run([python, *yaml.safe_load(health)[1:]], capture_output=True).returncode:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.5)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=60) as answer:
                assert b"got-ocr-nano" in answer.read()
        finally:
            process.terminate()
            assert process.wait(100) == 0
    assert shlex.join(words).startswith("serve")
