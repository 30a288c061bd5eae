"""docling finds its OCR engine `got_ocr` here (entry point `docling`); nothing of docling is imported before."""

from typing import Any


def ocr_engines() -> dict[str, list[Any]]:
    """Name the engines. Returns: as docling's plugin manager wants them."""
    from .docling_engine import GotOcrDoclingModel

    return {"ocr_engines": [GotOcrDoclingModel]}
