"""The recipes of docs/cookbook.md and docs/quick_start.md run as they stand, with the built-in model."""

import io
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor
from got_ocr.cli import main
from tests.support.commands import got_ocr_arguments, shell_lines
from tests.support.markdown import ROOT, Code, code_blocks_by_section

PAGES = ("docs/quick_start.md", "docs/cookbook.md")
# What a recipe needs beyond the package and what tests need: it is skipped without.
NEEDS = {"Make a PDF searchable": "pikepdf", "Measure on your own pages": "rapidfuzz"}
RECIPES = [
    pytest.param(title, blocks, id=f"{Path(page).stem}: {title}")
    for page in PAGES
    for title, blocks in code_blocks_by_section(ROOT / page).items()
    if any(block.is_run and block.language in ("bash", "python") for block in blocks)
]

pytestmark = pytest.mark.skipif(
    not (BUILTIN_CHECKPOINT / "model.safetensors").is_file(), reason="the built-in checkpoint is not there yet"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that recipes name, small so that reading them takes little."""
    place = tmp_path_factory.mktemp("cookbook")
    page = Image.new("RGB", (900, 460), "white")
    draw = ImageDraw.Draw(page)
    draw.text((150, 240), "some words on a page", fill="black", font_size=24)
    draw.rectangle((100, 205, 795, 395), outline=(255, 0, 0), width=4)
    for name in ("page.png", "scans/1.png", "scans/2.png", "my_tests/page.png"):
        (place / name).parent.mkdir(exist_ok=True)
        page.save(place / name)
    (place / "my_tests" / "page.txt").write_text("some words on a page\n", encoding="utf-8")
    (place / "letters.txt").write_text("Dear reader, this is a letter of a few words.\n\n" * 20, encoding="utf-8")
    page.save(place / "report.pdf", save_all=True, append_images=[page])
    shutil.copytree(BUILTIN_CHECKPOINT, place / "my-finetune")
    return place


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the first recipe makes, so that each recipe can be run by itself."""
    name = str(BUILTIN_CHECKPOINT)
    model = GotOcrForConditionalGeneration.from_pretrained(name).eval()
    return {"name": name, "model": model, "processor": GotOcrProcessor.from_pretrained(name)}


@pytest.fixture
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GOT_OCR_MODEL", str(BUILTIN_CHECKPOINT))
    return folder


def run_line(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a line's `got-ocr`; other programs of it are looked at by tests/docs/test_commands.py."""
    for arguments in got_ocr_arguments(line):
        if " < " in line:
            arguments, source = arguments[:-1] if arguments[-1] != "-" else arguments, line.rsplit(" < ", 1)[1]
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(source).read_bytes())))
        assert main(arguments) == 0, line


@pytest.mark.parametrize(("title", "blocks"), RECIPES)
def test_recipe(
    title: str, blocks: list[Code], names: dict[str, Any], inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if title in NEEDS:
        pytest.importorskip(NEEDS[title])
    before = set(os.listdir(inside))
    for block in blocks:
        if not block.is_run:
            continue
        if block.language == "bash":
            for line in shell_lines(block.text):
                run_line(line, monkeypatch)
        elif block.language == "python":
            exec(compile(block.text, title, "exec"), names)
    made = set(os.listdir(inside)) - before
    for block in blocks:
        wanted = {word for word in block.text.split() if word in MADE.get(title, ())}
        assert wanted <= made | before


# Files that a recipe is to leave behind.
MADE = {
    "Make a PDF searchable": ("found.pdf",),
    "Make a page for people": ("page.html", "page.mmd", "page.md"),
    "Read a folder, a PDF, a TIFF": ("pages.jsonl",),
    "Convert a checkpoint": ("converted",),
    "Draw training data": ("sheet.png",),
}


def test_the_text_is_read(names: dict[str, Any], inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["page.png"]) == 0
    assert capsys.readouterr().out.strip() == "some words on a page"
    assert names["model"].chat(names["processor"], "page.png") == "some words on a page"
