"""The least certain pages on one HTML sheet: each page's picture beside what was read of it."""

import base64
import heapq
from collections.abc import Mapping
from html import escape
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from .drawing import Drawer
from .options import BulkOptions
from .output import OutputFolder
from .rows import PAGE_ID

PICTURE_SIDE_PX = 900
PICTURE_QUALITY = 70  # JPEG's: to look at, not to read again.
MOST_LETTERS = 6000

_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem;background:#fff;color:#111}"
    "section{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:1.5rem;border-top:1px solid #bbb;"
    "padding:1rem 0}h2{grid-column:1/-1;font-size:1rem;margin:0;overflow-wrap:anywhere}img{max-width:100%;height:auto;"
    "border:1px solid #ccc}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}}"
)


def find_least_certain(folder: OutputFolder, count: int) -> list[dict[str, Any]]:
    """Find the pages that were read with the least certainty, the worst first."""
    certain = (
        (row["mean_probability"], row[PAGE_ID], path)
        for path in folder.pages.files()
        for row in folder.store.read_table(path, [PAGE_ID, "mean_probability"]).to_pylist()
        if row["mean_probability"] is not None
    )
    worst = heapq.nsmallest(count, certain)
    # Texts are read of the files with these pages only: those of all are many times what says how certain they are.
    names = [PAGE_ID, "source", "page", "text", "mean_probability", "finish_reason"]
    tables = {path: folder.store.read_table(path, names) for _, _, path in worst}
    rows = {row[PAGE_ID]: row for table in tables.values() for row in table.to_pylist()}
    return [rows[page] for _, page, _ in worst]


def write_sheet(folder: OutputFolder, count: int, pages: pa.Table, options: BulkOptions) -> str:
    """Write the sheet.

    Args:
        folder: The output.
        count: Of pages, at most.
        pages: The list of pages, to draw them again.
        options: How they are drawn.

    Returns:
        One file of HTML that needs no other.
    """
    drawer = Drawer(options)
    parts = []
    worst = find_least_certain(folder, count)
    shown_pages = pages.filter(pc.is_in(pages[PAGE_ID], pa.array([row[PAGE_ID] for row in worst], pa.string())))
    places = {page[PAGE_ID]: page for page in shown_pages.to_pylist()}
    for row in worst:
        title = f"{row['source']}, page {row['page']}: {row['mean_probability']:.3f} ({row['finish_reason']})"
        picture = _draw(drawer, places[row[PAGE_ID]]) if row[PAGE_ID] in places else None
        shown = "<p>no picture: the source is gone</p>" if picture is None else f'<img alt="" src="{picture}">'
        text = escape(row["text"][:MOST_LETTERS])
        parts.append(f"<section><h2>{escape(title)}</h2><div>{shown}</div><pre>{text}</pre></section>")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Least certain pages</title>'
        f"<style>{_STYLE}</style><h1>{len(parts)} least certain pages</h1>{''.join(parts)}</html>\n"
    )


def _draw(drawer: Drawer, page: Mapping[str, Any]) -> str | None:
    drawn = drawer.draw(page)
    if drawn.get("pixels") is None:
        return None
    image = Image.frombytes("RGB", (drawn["width_px"], drawn["height_px"]), drawn["pixels"])
    image.thumbnail((PICTURE_SIDE_PX, PICTURE_SIDE_PX))
    file = BytesIO()
    image.save(file, "JPEG", quality=PICTURE_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
