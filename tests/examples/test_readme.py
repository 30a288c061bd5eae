"""What README.md shows runs: every row of the table of modes, in Python and on the command line."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor
from got_ocr.cli import main

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(
    not (BUILTIN_CHECKPOINT / "model.safetensors").is_file(), reason="the built-in checkpoint is not there yet"
)


def table_of_modes() -> list[tuple[str, str, str]]:
    """(mode, Python, command line) of each row."""
    start = README.index("| mode | Python | command line |")
    rows = README[start:].split("\n\n")[0].splitlines()[2:]
    return [tuple(cell.strip() for cell in row.strip("|").split(" | ")) for row in rows]


def code_of(cell: str) -> str:
    match = re.search(r"`([^`]+)`", cell)
    return match.group(1) if match else ""


@pytest.fixture(scope="module")
def nano() -> dict[str, Any]:
    name = str(BUILTIN_CHECKPOINT)
    model = GotOcrForConditionalGeneration.from_pretrained(name).eval()
    return {"name": name, "model": model, "processor": GotOcrProcessor.from_pretrained(name)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the table names, small so that reading them takes little."""
    page = Image.new("RGB", (900, 460), "white")
    draw = ImageDraw.Draw(page)
    draw.text((150, 240), "some words on a page", fill="black", font_size=24)
    draw.rectangle((100, 205, 795, 395), outline=(255, 0, 0), width=4)
    for name in ("page.png", "a.png", "b.png", "scans/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        page.save(tmp_path / name)
    page.save(tmp_path / "report.pdf", save_all=True, append_images=[page])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOT_OCR_MODEL", str(BUILTIN_CHECKPOINT))
    return tmp_path


def test_the_table_is_found() -> None:
    assert len(table_of_modes()) >= 13
    assert all(len(row) == 3 for row in table_of_modes())


@pytest.mark.parametrize("code", [code_of(row[1]) for row in table_of_modes() if "chat" in row[1]])
def test_python_of_the_table(code: str, nano: dict[str, Any], folder: Path) -> None:
    if code.startswith("for "):
        pieces: list[str] = []
        exec(code.replace("...", "pieces.append(piece)"), {**nano, "pieces": pieces})
        assert "".join(pieces).strip()
        return
    result = eval(code, dict(nano))
    texts = result if isinstance(result, list) else [result]
    assert all((text["text"] if isinstance(text, dict) else text).strip() for text in texts)
    if "save_render_file" in code:
        assert "<html" in (folder / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", [code_of(row[2]) for row in table_of_modes() if code_of(row[2])])
def test_command_line_of_the_table(code: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, *arguments = shlex.split(code)
    assert program == "got-ocr"
    assert main(arguments) == 0
    out = capsys.readouterr().out
    if "--output" in arguments:
        # Beside the texts stands what the command knows of them, to go on after a stop.
        assert sorted(path.name for path in (folder / "texts").iterdir() if path.name != ".got-ocr.jsonl") == [
            "1.txt",
            "report-001.txt",
            "report-002.txt",
        ]
    else:
        assert out.strip()


def test_links_lead_somewhere() -> None:
    for page in [
        ROOT / "README.md",
        *(ROOT / name / "README.md" for name in ("configuration", "modeling", "processing")),
    ]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links {target}, which is not there"
