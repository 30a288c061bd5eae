"""What the model read, as a page to look at: HTML, Markdown, LaTeX, text, JSON, DOCX, PDF, PNG, all offline.

    from got_ocr.rendering import render
    render(answer).save("page.html")

`parsing` cuts the model's text into `blocks`; `formulas`, `tables`, `charts`, `music`, `molecules` and `tikz` each
know one kind; the `..._writer` modules write them; `pdf` makes searchable PDFs of page pictures.
"""

from got_ocr.rendering.blocks import Block, Cell, Inline, Table
from got_ocr.rendering.document import Document, render, render_pages

__all__ = ["Block", "Cell", "Document", "Inline", "Table", "render", "render_pages"]
