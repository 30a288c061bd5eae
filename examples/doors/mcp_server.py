"""A tool for assistants by the Model Context Protocol: `python examples/doors/mcp_server.py`. Needs `pip install mcp`.

One tool, `read_page`: the text of a picture or of pages of a PDF on this machine. A client starts it by
`{"mcpServers": {"got-ocr": {"command": "python", "args": ["examples/doors/mcp_server.py"]}}}`. It opens no URL, and
with GOT_OCR_ROOT set no file outside that folder.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

try:
    from mcp.server import MCPServer  # mcp 2
    from mcp.server.mcpserver.exceptions import ToolError
except ImportError:
    from mcp.server.fastmcp import FastMCP as MCPServer  # mcp 1
    from mcp.server.fastmcp.exceptions import ToolError

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor

CHECKPOINT = os.environ.get("GOT_OCR_CHECKPOINT", str(BUILTIN_CHECKPOINT))
server = MCPServer("got-ocr")


@cache
def _model() -> tuple[Any, Any]:
    model = GotOcrForConditionalGeneration.from_pretrained(CHECKPOINT).eval()
    return model, GotOcrProcessor.from_pretrained(CHECKPOINT)


@server.tool()
def read_page(path: str, pages: str = "1", markdown: bool = False) -> str:
    """Read the text of a picture, or of pages of a PDF, by OCR.

    Args:
        path: The file.
        pages: Of a PDF or TIFF, such as 1-3,7.
        markdown: Give Markdown with formulas and tables instead of plain text.
    """
    file = Path(path).expanduser().resolve()
    root = os.environ.get("GOT_OCR_ROOT")
    if root and not file.is_relative_to(Path(root).resolve()):
        raise ToolError(f"{path} is not in {root}.")
    if not file.is_file():
        raise ToolError(f"there is no file {path}.")
    model, processor = _model()
    is_document = file.suffix.lower() in (".pdf", ".tif", ".tiff")
    options = {"ocr_type": "format" if markdown else "ocr", "pages": pages if is_document else None}
    try:
        texts = model.chat(processor, str(file), **options)
    except ValueError as error:  # One line that says what is wrong, for the assistant to read.
        raise ToolError(str(error)) from error
    return texts if isinstance(texts, str) else "\n\f\n".join(texts)


if __name__ == "__main__":
    server.run()
