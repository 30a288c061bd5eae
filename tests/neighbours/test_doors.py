"""The doors of `examples/doors/`, each used by the package that it is for."""

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor

ROOT = Path(__file__).resolve().parents[2]
DOORS = ROOT / "examples" / "doors"
REASON = "is not installed: make test-neighbours runs this"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, DOORS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def page(tmp_path: Path) -> Path:
    with Image.open(ROOT / "examples" / "images" / "sample_page.png") as image:
        image.crop((80, 40, 700, 300)).save(tmp_path / "page.png")
    return tmp_path / "page.png"


@pytest.fixture
def text(page: Path) -> str:
    model = GotOcrForConditionalGeneration.from_pretrained(str(BUILTIN_CHECKPOINT)).eval()
    return str(model.chat(GotOcrProcessor.from_pretrained(str(BUILTIN_CHECKPOINT)), page))


def test_langchain_loads_pages(page: Path, text: str) -> None:
    documents = pytest.importorskip("langchain_core.documents", reason=f"langchain-core {REASON}")
    loader = load("langchain_loader").GotOcrLoader(str(page))
    (document,) = loader.load()
    assert isinstance(document, documents.Document) and document.page_content == text
    assert document.metadata["page"] == 1 and document.metadata["source"] == str(page)
    assert document.metadata["lines"][0]["box"] is not None
    (again,) = asyncio.run(loader.aload())
    assert again.page_content == text


def test_llama_index_reads_folders_with_it(page: Path, text: str) -> None:
    core = pytest.importorskip("llama_index.core", reason=f"llama-index-core {REASON}")
    reader = load("llama_index_reader").GotOcrReader()
    (document,) = reader.load_data(page)
    assert document.text == text and document.metadata["page"] == 1
    (found,) = core.SimpleDirectoryReader(str(page.parent), file_extractor={".png": reader}).load_data()
    assert found.text == text and found.metadata["file_name"] == "page.png"


def test_an_mcp_client_finds_and_calls_the_tool(page: Path, text: str, tmp_path: Path) -> None:
    mcp = pytest.importorskip("mcp", reason=f"mcp {REASON}")
    stdio = importlib.import_module("mcp.client.stdio")

    async def talk() -> tuple[list[str], Any, Any]:
        environment = {"PYTHONPATH": str(ROOT), "GOT_OCR_ROOT": str(tmp_path), "OMP_NUM_THREADS": "1"}
        server = mcp.StdioServerParameters(
            command=sys.executable, args=[str(DOORS / "mcp_server.py")], env=environment
        )
        async with stdio.stdio_client(server) as (read, write), mcp.ClientSession(read, write) as session:
            await session.initialize()
            tools = await session.list_tools()
            read_page = await session.call_tool("read_page", {"path": str(page)})
            refused = await session.call_tool("read_page", {"path": str(ROOT / "README.md")})
            return [tool.name for tool in tools.tools], read_page, refused

    names, answer, refused = asyncio.run(talk())
    assert names == ["read_page"]
    assert answer.content[0].text == text
    is_error = getattr(refused, "isError", None) or getattr(refused, "is_error", None)
    assert is_error and "is not in" in refused.content[0].text


def test_label_studio_takes_the_predictions(page: Path) -> None:
    pytest.importorskip("label_studio_sdk", reason=f"label-studio-sdk {REASON}")
    interface = importlib.import_module("label_studio_sdk.label_interface")
    door = load("label_studio_backend")
    model = GotOcrForConditionalGeneration.from_pretrained(str(BUILTIN_CHECKPOINT)).eval()
    prediction = door.predict(model, GotOcrProcessor.from_pretrained(str(BUILTIN_CHECKPOINT)), page)
    labels = interface.LabelInterface(door.INTERFACE)
    assert labels.validate_prediction(json.loads(json.dumps(prediction)))
    texts = [one["value"]["text"][0] for one in prediction["result"] if one["type"] == "textarea"]
    assert len(texts) >= 3 and len(prediction["result"]) == 3 * len(texts)
    assert all(0 <= one["value"]["x"] <= 100 and 0 < one["value"]["width"] <= 100 for one in prediction["result"])
