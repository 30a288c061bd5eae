"""What a release is made of: the wheel's and the source archive's contents, and the workflow that publishes them."""

import os
import re
import runpy
import subprocess
import sys
import tarfile
import types
import zipfile
from pathlib import Path

import pytest
import yaml

from got_ocr.version import REPOSITORY, __version__
from tests.support.environments import make_environment

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")
ROOT = Path(__file__).resolve().parents[2]
MOST_WHEEL_BYTES = 30_000_000  # PyPI takes 100 MB; the built-in checkpoint and its vocabulary are most of it.
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))


def relative_links(text: str) -> list[str]:
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"https?://|#|mailto:", target)]


def test_on_an_index_readme_has_absolute_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """hatchling need not be installed: what is tested is the text."""
    interface = types.ModuleType("hatchling.metadata.plugin.interface")
    interface.MetadataHookInterface = object  # type: ignore[attr-defined]
    for name in ("hatchling", "hatchling.metadata", "hatchling.metadata.plugin"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    written = hook["absolute_links"](readme, "me/mine", "1.2.3")
    assert relative_links(readme) and relative_links(written) == []
    assert "![samples](https://raw.githubusercontent.com/me/mine/v1.2.3/got_ocr/synthesis/samples.png)" in written
    assert "https://github.com/me/mine/blob/v1.2.3/docs/figures.md#the-built-in-model-on-real-pictures" in written
    badge = "[![Open](https://x.org/a.svg)](docs/a.md) ![p](a.png) [here](#top) [out](https://y.org) [m](mailto:a@b.c)"
    assert hook["absolute_links"](badge, "me/mine", "1") == (
        "[![Open](https://x.org/a.svg)](https://github.com/me/mine/blob/v1/docs/a.md) "
        "![p](https://raw.githubusercontent.com/me/mine/v1/a.png) [here](#top) [out](https://y.org) [m](mailto:a@b.c)"
    )
    metadata: dict[str, object] = {}
    hook["LinksHook"]().update(metadata)
    assert set(metadata) == {"readme", "urls"} <= set(PROJECT["project"]["dynamic"])


@pytest.mark.slow  # Builds and installs: half a minute.
def test_the_wheel_holds_what_runs_and_trains_by_name(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    if subprocess.run(pip, capture_output=True).returncode:
        pytest.skip("hatchling can't be had: there is no package index")
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert wheel.stat().st_size < MOST_WHEEL_BYTES
    for name in ("py.typed", "assets/nano/model.safetensors", "assets/nano/qwen.tiktoken"):
        assert f"got_ocr/{name}" in held
    shipped = {path.name for path in (ROOT / "configuration" / "training").glob("*.yaml")}
    assert {f"got_ocr/training/configurations/{name}" for name in shipped} <= held
    assert not [name for name in held if name.startswith(("tests", "docs", "examples")) or "__pycache__" in name]
    (metadata,) = [name for name in held if name.endswith(".dist-info/METADATA")]
    page = zipfile.ZipFile(wheel).read(metadata).decode()
    assert f"Project-URL: Repository, https://github.com/{REPOSITORY}\n" in page
    assert relative_links(page) == []
    python = make_environment(tmp_path / "environment", ["--no-deps", str(wheel)])
    assert python is not None
    command = [python, "-I", "-m", "got_ocr", "train", "lora", "--dry-run"]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=offline)
    # It was found by name, in the wheel, and what it names next is what a user has to give.
    assert "there is no configuration" not in said.stderr and said.returncode != 0


@pytest.mark.slow
def test_the_source_archive_holds_all_that_tests_need(tmp_path: Path) -> None:
    builder = pytest.importorskip("hatchling.builders.sdist", reason="hatchling is not installed")
    archive = next(iter(builder.SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])))
    with tarfile.open(archive) as opened:
        held = {name.split("/", 1)[1] for name in opened.getnames() if "/" in name}
    for name in (
        "tests/conftest.py",
        "docs/index.md",
        "configuration/training/lora.yaml",
        "LICENSE",
        "README.md",
        "hatch_build.py",
    ):
        assert name in held
    assert not [name for name in held if name.startswith(("docs/_build", "dist", ".venv", "runs"))]


def test_the_workflow_tests_the_pythons_that_are_promised_and_publishes_last() -> None:
    jobs = WORKFLOW["jobs"]
    promised = [name.rsplit(" ", 1)[1] for name in PROJECT["project"]["classifiers"] if "Python :: 3." in name]
    assert jobs["wheel"]["strategy"]["matrix"]["python"] == promised == ["3.10", "3.11", "3.12", "3.13"]
    assert (jobs["wheel"]["needs"], jobs["publish"]["needs"]) == ("build", "wheel")
    publish = jobs["publish"]
    assert publish["permissions"] == {"id-token": "write"} and publish["environment"] == "pypi"
    assert not [step for step in publish["steps"] if "password" in str(step)]
    # YAML 1.1 reads the key `on` as true.
    assert (WORKFLOW.get("on") or WORKFLOW[True])["push"]["tags"] == ["v*"]


@pytest.mark.parametrize(
    ("name", "variable", "right", "wrong"),
    [
        ("The tag is the version", "GITHUB_REF_NAME", f"v{__version__}", "v0.0.1"),
        ("Links lead to this repository", "GITHUB_REPOSITORY", REPOSITORY, "somebody/else"),
    ],
)
def test_the_workflow_checks_what_is_published(name: str, variable: str, right: str, wrong: str) -> None:
    (step,) = [step for step in WORKFLOW["jobs"]["build"]["steps"] if step.get("name") == name]
    for value, is_right in ((right, True), (wrong, False)):
        command = ["bash", "-euc", step["run"]]
        environment = {variable: value, "PATH": "/usr/bin:/bin"}
        assert (subprocess.run(command, cwd=ROOT, env=environment).returncode == 0) == is_right
