"""Pages as LlamaIndex documents: `GotOcrReader().load_data("report.pdf")`. Needs `pip install llama-index-core`.

`SimpleDirectoryReader(folder, file_extractor={".pdf": GotOcrReader(), ".png": GotOcrReader()})` takes it as well.
"""

from pathlib import Path
from typing import Any

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor, iter_pages


class GotOcrReader(BaseReader):
    """Reads pictures, folders, PDFs and URLs page by page.

    Args:
        checkpoint: Folder or Hub id.
        **options: Options of `read`: `ocr_type="format"` for Markdown, `max_new_tokens` ...
    """

    def __init__(self, checkpoint: str = str(BUILTIN_CHECKPOINT), **options: Any) -> None:
        self.model = GotOcrForConditionalGeneration.from_pretrained(checkpoint).eval()
        self.processor = GotOcrProcessor.from_pretrained(checkpoint)
        self.options = options

    def load_data(self, file: str | Path, extra_info: dict[str, Any] | None = None, **_: Any) -> list[Document]:
        """Read a source. Returns: a document a page."""
        documents = []
        for page in iter_pages(file):
            (answer,) = self.model.read(self.processor, [page.image], **self.options)
            facts = {"source": page.source, "page": page.number, "mean_probability": answer.mean_probability}
            documents.append(Document(text=answer.text, metadata={**(extra_info or {}), **facts}))
        return documents
