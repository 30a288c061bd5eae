"""Pages as LangChain documents: `GotOcrLoader("scans/").load()`. Needs `pip install langchain-core`."""

from collections.abc import Iterator
from typing import Any

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor, iter_pages


class GotOcrLoader(BaseLoader):
    """Reads pictures, folders, PDFs and URLs page by page.

    Args:
        source: Whatever `chat` takes.
        checkpoint: Folder or Hub id.
        **options: Options of `read`: `ocr_type="format"` for Markdown, `max_new_tokens` ...
    """

    def __init__(self, source: Any, checkpoint: str = str(BUILTIN_CHECKPOINT), **options: Any) -> None:
        self.source = source
        self.model = GotOcrForConditionalGeneration.from_pretrained(checkpoint).eval()
        self.processor = GotOcrProcessor.from_pretrained(checkpoint)
        self.options = options

    def lazy_load(self) -> Iterator[Document]:
        """Yield a document a page."""
        for page in iter_pages(self.source):
            (answer,) = self.model.read(self.processor, [page.image], **self.options)
            metadata = {
                "source": page.source,
                "page": page.number,
                "mean_probability": answer.mean_probability,
                "lines": [{"text": line.text, "box": line.box} for line in answer.lines],
            }
            yield Document(page_content=answer.text, metadata=metadata)
