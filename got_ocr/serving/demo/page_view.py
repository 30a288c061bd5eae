"""The picture of a page in the browser: a box is drawn on it, and the lines that were read lie on it."""

import base64
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import gradio
from PIL import Image

from ...reading.answer import GotOcrLine

MAX_SIDE_PX = 1600  # Of the picture that the browser gets: twice what the page shows of it.
JPEG_QUALITY = 88
LEAST_BOX_PX = 4  # Of the page. A smaller box was a click, which takes the box away.
_HERE = Path(__file__).parent


def make_page_view() -> Any:
    """Make the part of the page that shows a picture.

    Returns:
        A component whose value is what :func:`show_page` makes, or None; its event `select` comes with `box`
        (x1, y1, x2, y2) in px of the page, or None when the box was taken away.
    """
    return gradio.HTML(
        html_template='<div class="page-stage" role="img" aria-label="The page. Drag to draw a box."></div>',
        css_template=(_HERE / "page_view.css").read_text(encoding="utf-8"),
        js_on_load=(_HERE / "page_view.js").read_text(encoding="utf-8"),
        elem_id="page",
    )


def show_page(
    image: Image.Image, lines: Iterable[GotOcrLine] = (), box: Sequence[float] | None = None
) -> dict[str, Any]:
    """Make the value of a view.

    Args:
        image: The page.
        lines: What was read, those with boxes.
        box: What was to be read, in px of the page.

    Returns:
        Something that JSON can say.
    """
    small = image.copy()
    small.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return {
        "picture": f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}",
        "width": image.width,
        "height": image.height,
        "least_box": LEAST_BOX_PX,
        "box": None if box is None else [round(value) for value in box],
        "lines": [
            {
                "text": line.text,
                "box": [round(value) for value in line.box],
                "certainty": round(line.min_probability, 3),
                "is_doubtful": line.is_low_confidence,
            }
            for line in lines
            if line.box is not None
        ],
    }
