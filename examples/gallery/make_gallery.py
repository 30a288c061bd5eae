"""Render every sample of this folder: a picture each, a page for all, and the README's table.

python examples/gallery/make_gallery.py            # needs Chromium or Chrome, and the extra `render`
python examples/gallery/make_gallery.py --html out/ # pages only, no browser
"""

import argparse
import io
from pathlib import Path

from PIL import Image

from got_ocr.rendering import Document, render

HERE = Path(__file__).parent
WIDTH_PX = 880
COLORS = 96  # Pictures are small: a palette does for text and lines.


def load_samples() -> dict[str, str]:
    """Read the samples: name -> what a model wrote."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((HERE / "samples").iterdir())}


def render_sample(text: str, geometry: str = "python") -> Document:
    """Render a sample; TikZ by Python, so that the pictures are the same on every machine."""
    return render(text, geometry=geometry)


def main() -> None:
    """Render all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--html", metavar="DIR", help="write the samples' pages there, and no pictures")
    parser.add_argument("--only", metavar="PART", default="", help="samples whose name has this part")
    args = parser.parse_args()
    documents = {name: render_sample(text) for name, text in load_samples().items() if args.only in name}
    if args.html:
        folder = Path(args.html)
        folder.mkdir(parents=True, exist_ok=True)
        for name, document in documents.items():
            document.save(folder / f"{name}.html")
        return
    from got_ocr.rendering.browser import Browser

    pictures = HERE / "pictures"
    pictures.mkdir(exist_ok=True)
    with Browser() as browser:
        for name, document in documents.items():
            browser.open_html(document.to_html())
            image = Image.open(io.BytesIO(browser.screenshot(WIDTH_PX))).convert("RGB")
            image = image.quantize(COLORS, dither=Image.Dither.NONE)
            image.save(pictures / f"{name}.png", optimize=True)
            print(f"{name}: {image.width} x {image.height}, {(pictures / f'{name}.png').stat().st_size // 1000} kB")
    if not args.only:
        write_readme(documents)


def write_readme(documents: dict[str, Document]) -> None:
    """Write the page that shows all pictures."""
    lines = [
        "# Gallery",
        "",
        "What GOT writes, rendered by `got_ocr.rendering` and drawn by Chromium without a network. Made by",
        "`python examples/gallery/make_gallery.py`; the answers themselves are in `samples/`.",
        "",
    ]
    for name, document in documents.items():
        kinds = ", ".join(dict.fromkeys(block.kind for block in document.blocks))
        title = name[3:].replace("-", " ")
        lines += [f"## {title}", "", f"`samples/{name}.*`: {kinds}.", "", f"![{title}](pictures/{name}.png)", ""]
    (HERE / "README.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
