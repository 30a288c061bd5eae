"""A page's layout drawn on its picture, and written as plain values."""

from typing import Any

from PIL import Image, ImageDraw

from .line import Box
from .page import PageLayout

LINE_COLOURS = ("#d02020", "#2040d0")  # of blocks in turn
COLUMN_COLOUR, TABLE_COLOUR, ORDER_COLOUR = "#10a010", "#c08000", "#8030a0"
PX_PER_STROKE = 1200  # of the picture's longer side to one px of a stroke
LABEL_PX = 11  # height of a line's number, by the stroke


def draw_layout(image: Image.Image, layout: PageLayout) -> Image.Image:
    """Draw a page's layout on its picture.

    Args:
        image: the picture that was given to `analyse_page`.
        layout: what that found.

    Returns:
        An RGB copy with frames around lines (red and blue by blocks in turn, numbered), columns (green) and tables
        (amber), and a path (violet) through the lines in reading order.
    """
    page = image.convert("RGB")
    pencil = ImageDraw.Draw(page)
    stroke = max(1, round(max(page.size) / PX_PER_STROKE))
    for column in layout.columns:
        _draw_frame(pencil, column.box, COLUMN_COLOUR, stroke, 4 * stroke)
    for number in range(len(layout.tables)):
        _draw_frame(pencil, layout.table_box(number), TABLE_COLOUR, 2 * stroke, 2 * stroke)
    last: tuple[float, float] | None = None
    for number, (line, upright) in enumerate(zip(layout.lines, layout.upright_lines, strict=True)):
        pencil.rectangle(line.box, outline=LINE_COLOURS[line.block % 2], width=stroke)
        corners = layout.corners(upright.box)
        begin = tuple((a + b) / 2 for a, b in zip(corners[0], corners[3], strict=True))
        if last is not None:
            pencil.line((*last, *begin), fill=ORDER_COLOUR, width=stroke)
        last = begin[0], begin[1]
        pencil.text((line.box[0], line.box[1]), str(number), ORDER_COLOUR, anchor="ls", font_size=LABEL_PX * stroke)
    return page


def _draw_frame(pencil: ImageDraw.ImageDraw, box: Box, colour: str, width: int, margin: int) -> None:
    x1, y1, x2, y2 = box
    pencil.rectangle((x1 - margin, y1 - margin, x2 + margin, y2 + margin), outline=colour, width=width)


def describe_layout(layout: PageLayout) -> dict[str, Any]:
    """Write a page's layout as values that JSON knows.

    Args:
        layout: of `analyse_page`.

    Returns:
        `width`, `height` and `rotation` of the upright picture, `skew_degrees`, `is_sideways`; `lines`, `blocks`,
        `columns` and `tables` in reading order. Boxes are [x1, y1, x2, y2] in px of the picture given.
    """
    lines = []
    for line in layout.lines:
        entry: dict[str, Any] = {"box": list(line.box), "em_px": round(line.em_px, 2), "block": line.block}
        if line.table >= 0:
            entry |= {"table": line.table, "row": line.row, "column": line.column}
        lines.append(entry)
    return {
        "width": layout.size[0],
        "height": layout.size[1],
        "rotation": layout.rotation,
        "skew_degrees": round(layout.skew_degrees, 3),
        "is_sideways": layout.is_sideways,
        "lines": lines,
        "blocks": [{"box": list(block.box), "lines": list(block.lines)} for block in layout.blocks],
        "columns": [{"box": list(column.box), "lines": list(column.lines)} for column in layout.columns],
        "tables": [
            {"box": list(layout.table_box(number)), "rows": table.rows, "columns": table.columns}
            for number, table in enumerate(layout.tables)
        ],
    }
