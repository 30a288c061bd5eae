"""The measure of format mode on pictures of tables."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.nano.benchmarks.real_tables import main, similarities

HTML = "<table><tr><td>item</td><td>sum</td></tr><tr><td>lamp</td><td>12</td></tr></table>"


def test_the_most_alike_table_counts() -> None:
    other = "\\begin{tabular}{l}\nx \\\\\n\\end{tabular}"
    same = "\\begin{tabular}{ll}\nitem & sum \\\\\nlamp & 12 \\\\\n\\end{tabular}"
    assert similarities(HTML, f"{other}\n\n{same}") == (1.0, 1.0)
    worse = similarities(HTML, same.replace("12", "17"))
    assert worse is not None and worse[0] < 1.0 == worse[1]
    assert similarities(HTML, "no table") is None


def test_a_folder_of_tables_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = Image.new("L", (600, 260), 255)
    pen = ImageDraw.Draw(image)
    for y in (30, 80, 230):
        pen.rectangle((40, y, 540, y + 1), 0)
    font = ImageFont.load_default(24)
    for row, texts in enumerate([("item", "sum"), ("lamp", "12"), ("chair", "80"), ("desk", "240")]):
        for column, text in enumerate(texts):
            pen.text((60 + 260 * column, 42 + 48 * row), text, 0, font)
    image.save(tmp_path / "one.png")
    rows = "".join(f"<tr><td>{a}</td><td>{b}</td></tr>" for a, b in [("item", "sum"), ("lamp", "12"), ("chair", "80")])
    (tmp_path / "one.html").write_text(f"<table>{rows}<tr><td>desk</td><td>240</td></tr></table>")
    Image.new("L", (80, 80), 255).save(tmp_path / "without_truth.png")
    assert main([str(tmp_path)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("1 pictures, 1 answers with a table: TEDS")
    assert float(last.split("without the texts ")[1]) == 1.0
    with pytest.raises(SystemExit):
        main([str(tmp_path.parent)])
