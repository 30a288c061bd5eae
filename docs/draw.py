"""Draws what the documentation shows of the house.

`python -m docs.draw` writes docs/_static/*.svg and the graph in docs/architecture.md. The rooms and
their arrows are read from the imports (`tests.support.rooms`); a test fails when something is stale.
"""

import re
from html import escape
from pathlib import Path

from tests.support.rooms import FLOORS, HUB_ROOMS, OUTSIDE, mermaid, modules, room_of, shortest_arrows

DOCS = Path(__file__).resolve().parent
STATIC = DOCS / "_static"
ARCHITECTURE = DOCS / "architecture.md"

# What each room is for, in the words of its box, and the column that its box stands in: arrows past a floor go beside
# the boxes there.
ROOMS = {
    "cli": (3.0, "arguments, messages, exit codes"),
    "nano": (2.0, "the built-in checkpoint's recipe"),
    "serving": (1.0, "the HTTP server"),
    "bulk": (0.0, "a million pages"),
    "integrations": (3.6, "doors to other packages"),
    "benchmarks": (4.6, "the full model beside its port"),
    "training": (0.0, "stages, LoRA, own documents"),
    "evaluation": (2.0, "engines, metrics, reports"),
    "synthesis": (2.6, "training pictures with truth"),
    "rendering": (1.65, "answers as HTML, DOCX, PDF ..."),
    "hub": (0.0, "Auto classes, flattening, export"),
    "checkpoints": (3.2, "layouts, converted to the bit"),
    "light": (0.5, "small checkpoints in numpy"),
    "graphs": (3.9, "ONNX Runtime, OpenVINO"),
    "reading": (1.0, "pages to answers, chat, pipeline"),
    "slices": (2.4, "lines to canvases, and back"),
    "processing": (1.7, "sources, pixels, tokens, prompts"),
    "modeling": (1.0, "tower, decoder, generation"),
    "configuration": (1.6, "numbers that rooms share"),
    "layout": (3.0, "where text stands on a page"),
}
# A page's way: the box, what happens in it, and what leaves it for the next one.
PAGE_WAY = (
    ("a path, URL, PDF, bytes, array", "what the caller has", "one picture a page"),
    ("processing: sources, pages", "opens, renders, turns upright, checks limits", "RGB pages"),
    ("layout", "finds ink, lines, columns, tables, order", "a PageLayout"),
    ("slices", "only for a checkpoint that reads slices: cuts canvases", "pictures of the model's size"),
    (
        "processing: image processor, prompt, tokenizer",
        "pixels; mode to instruction to ids",
        "pixel_values, input_ids",
    ),
    ("modeling", "tower: pixels to image tokens; decoder: next tokens", "tokens with probabilities"),
    ("slices", "joins the canvases' answers by the layout", "lines with boxes"),
    ("reading", "text, lines, probability, finish reason", "an answer"),
    ("rendering, cli, evaluation", "HTML, searchable PDF, JSON, scores", ""),
)
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 236, 52, 28, 46, 20
STYLE = """<style>
text { font-family: system-ui, sans-serif; fill: #1b1f24 }
.name { font-size: 15px; font-weight: 600 } .note { font-size: 12.5px; fill: #444c56 }
.box { stroke: #57606a; fill: #f6f8fa } .hub { fill: #ddf4ff }
.arrow { stroke: #8c959f; fill: none; stroke-width: 1.4 }
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0 8 4 0 8z" fill="#8c959f"/></marker></defs>
"""


def svg(width: int, height: int, parts: list[str], title: str) -> str:
    """Wrap shapes as a picture on white, so that it can be read on dark pages too."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    paper = f'<rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", STYLE + paper, *parts, "</svg>", ""])


def box(x: int, y: int, name: str, note: str, width: int = BOX_WIDTH, hub: bool = False) -> str:
    """Draw a named box."""
    middle = x + width // 2
    return (
        f'<rect class="box{" hub" if hub else ""}" x="{x}" y="{y}" width="{width}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text class="name" x="{middle}" y="{y + 22}" text-anchor="middle">{escape(name)}</text>'
        f'<text class="note" x="{middle}" y="{y + 41}" text-anchor="middle">{escape(note)}</text>'
    )


def draw_rooms() -> str:
    """Draw the rooms floor by floor, and an arrow from each to those that it imports from."""
    there = {room_of(module) for module in modules()} - OUTSIDE
    floors = [rooms for floor in reversed(FLOORS) if (rooms := [room for room in floor if room in there])]
    places = {
        room: (MARGIN + int(ROOMS[room][0] * (BOX_WIDTH + GAP_X)), MARGIN + row * (BOX_HEIGHT + GAP_Y))
        for row, rooms in enumerate(floors)
        for room in rooms
    }
    width = max(x for x, _ in places.values()) + BOX_WIDTH + MARGIN
    parts = []
    for here, below in shortest_arrows():
        (x1, y1), (x2, y2) = places[here], places[below]
        x1, y1, x2 = x1 + BOX_WIDTH // 2, y1 + BOX_HEIGHT, x2 + BOX_WIDTH // 2
        bend = (y2 - y1) // 2
        way = f"M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"
        parts.append(f'<path class="arrow" marker-end="url(#tip)" d="{way}"/>')
    parts += [box(x, y, room, ROOMS[room][1], hub=room in HUB_ROOMS) for room, (x, y) in places.items()]
    height = 2 * MARGIN + len(floors) * (BOX_HEIGHT + GAP_Y) - GAP_Y
    return svg(width, height, parts, "The rooms of got_ocr and who imports from whom")


def draw_page_way() -> str:
    """Draw what a page goes through, from a file to an answer."""
    width_px = 480
    parts = []
    for row, (name, note, leaves) in enumerate(PAGE_WAY):
        y = MARGIN + row * (BOX_HEIGHT + GAP_Y)
        middle = MARGIN + width_px // 2
        parts.append(box(MARGIN, y, name, note, width_px, hub=0 < row < len(PAGE_WAY) - 1))
        if leaves:
            end = y + BOX_HEIGHT + GAP_Y
            parts.append(f'<path class="arrow" marker-end="url(#tip)" d="M{middle} {y + BOX_HEIGHT}V{end}"/>')
            parts.append(f'<text class="note" x="{middle + 10}" y="{end - GAP_Y // 2 + 4}">{escape(leaves)}</text>')
    height = 2 * MARGIN + len(PAGE_WAY) * (BOX_HEIGHT + GAP_Y) - GAP_Y
    return svg(width_px + 2 * MARGIN, height, parts, "The way of a page, from a file to an answer")


def architecture_text() -> str:
    """Return docs/architecture.md with the rooms' Mermaid text as the code has it."""
    page = ARCHITECTURE.read_text(encoding="utf-8")
    listing = f"<!-- rooms -->\n```mermaid\n{mermaid()}```\n"
    return re.sub(r"<!-- rooms -->\n```mermaid\n.*?```\n", lambda _: listing, page, flags=re.DOTALL)


PICTURES = {"rooms.svg": draw_rooms, "page_way.svg": draw_page_way}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (STATIC / name).write_text(draw(), encoding="utf-8")
    ARCHITECTURE.write_text(architecture_text(), encoding="utf-8")
