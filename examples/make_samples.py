"""Write the sample pictures of `examples/images` and the true text beside each: `python examples/make_samples.py`.

The texts were written for this project. The pictures are clean print of ordinary size in Liberation Serif or, where
that font is missing, DejaVu Sans.
"""

import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(__file__).resolve().parent / "images"
FONTS = ("LiberationSerif-Regular.ttf", "Tinos-Regular.ttf", "DejaVuSans.ttf")
INK, PAPER = (20, 20, 20), (255, 255, 255)

TITLE = "The Lamp Room"
PAGE = """\
The keeper climbed the stairs every evening at six, carrying a can of oil and a
clean cloth. There were 214 steps, and he had counted them so often that his feet
knew the number without him.

At the top he opened the iron door, wiped the salt from the glass and lit the
lamp. On clear nights the light could be seen for 18 miles; in fog it was a pale
ring that ended a few yards beyond the rail.

"Nobody thanks a light," his father used to say, "and that is how you know it
works." Ships passed without stopping. Now and then one of them sounded its horn,
twice, as a greeting.

In the logbook he wrote the date, the wind and the hour, and nothing else. Years
later, when the lamp was driven by a motor, the book was found in a drawer: 9,130
entries, all in the same steady hand."""

REGIONS = {
    "red": ("Departures", "The ferry leaves at 7:45 and\nat 16:20, except on Sundays."),
    "green": ("Tickets", "Adults pay 12.50, children\nunder 14 travel free."),
    "blue": ("Luggage", "Two bags each. Bicycles go\non the lower deck."),
}

PDF_PAGES = (
    (
        "Notes on Paper",
        ["Paper is made of fibres that hold together.", "Wet them, press them and let them dry."],
    ),
    ("Notes on Ink", ["Ink is a colour in a liquid that goes away.", "What stays behind is the word."]),
)


def load_font(size_px: int) -> ImageFont.FreeTypeFont:
    """The first of `FONTS` that is installed."""
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size_px)
        except OSError:
            continue
    raise OSError(f"None of the fonts {', '.join(FONTS)} is installed: apt-get install fonts-liberation.")


def draw_page() -> Image.Image:
    """A page of clean print, 1000 x 700 pixels."""
    page = Image.new("RGB", (1000, 700), PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((100, 50), TITLE, INK, load_font(32))
    pen.multiline_text((100, 120), PAGE, INK, load_font(24), spacing=10)
    return page


def draw_regions() -> tuple[Image.Image, dict[str, dict[str, object]]]:
    """Three framed notices, and where they stand."""
    picture = Image.new("RGB", (1000, 420), PAPER)
    pen = ImageDraw.Draw(picture)
    regions: dict[str, dict[str, object]] = {}
    for place, (color, (title, text)) in enumerate(REGIONS.items()):
        left = 30 + 320 * place
        box = [left, 60, left + 300, 300]
        rgb = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}[color]
        pen.rectangle(box, outline=rgb, width=4)
        pen.text((left + 20, 90), title, INK, load_font(26))
        pen.multiline_text((left + 20, 150), text, INK, load_font(20), spacing=12)
        regions[color] = {"box": box, "text": f"{title}\n{text}"}
    pen.text((30, 340), "All times are local. Please be at the pier ten minutes early.", INK, load_font(22))
    return picture, regions


def write_pdf(path: Path) -> None:
    """Two pages of text by hand: a PDF is a list of numbered objects and a table of where they begin."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for title, lines in PDF_PAGES:
        drawing = f"BT /F1 20 Tf 60 320 Td ({title}) Tj /F1 13 Tf 0 -16 Td 20 TL\n"
        drawing += "".join(f"T* ({line}) Tj\n" for line in lines) + "ET"
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 460 400] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % (len(objects) + 2)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing.encode()))
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    data, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(data))
    path.write_bytes(data + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer)


def main() -> None:
    """Write everything."""
    FOLDER.mkdir(exist_ok=True)
    # Grey levels are enough for black print, and 16 of them look the same: a small file.
    draw_page().convert("L").quantize(16).save(FOLDER / "sample_page.png", optimize=True)
    (FOLDER / "sample_page.txt").write_text(f"{TITLE}\n\n{PAGE}\n", encoding="utf-8")
    picture, regions = draw_regions()
    picture.quantize(64).save(FOLDER / "regions.png", optimize=True)
    (FOLDER / "regions.json").write_text(json.dumps(regions, indent=2) + "\n", encoding="utf-8")
    write_pdf(FOLDER / "sample.pdf")
    pages = [f"{title}\n\n" + "\n".join(lines) for title, lines in PDF_PAGES]
    (FOLDER / "sample_pdf.txt").write_text("\n\f".join(pages) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
