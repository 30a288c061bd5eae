"""Pictures: charts, TikZ, molecules, music, and the cleaning of what libraries draw."""

import builtins
import contextlib
import importlib.util
import re
import shutil
import xml.etree.ElementTree as ElementTree

import pytest

from got_ocr.rendering import charts, music, render, tex, tikz
from got_ocr.rendering.svg import DrawingError, sanitize_svg

needs_verovio = pytest.mark.skipif(
    importlib.util.find_spec("verovio") is None, reason="the extra `render` is not installed"
)
needs_rdkit = pytest.mark.skipif(
    importlib.util.find_spec("rdkit") is None, reason="the extra `render` is not installed"
)
TWO_VOICES = (
    "**kern\t**kern\n*clefF4\t*clefG2\n*M2/4\t*M2/4\n=1\t=1\n*\t*^\n4F\t4ff\t2a\n4C\t4ee\t.\n*\t*v\t*v\n==\t==\n*-\t*-"
)


# ---- charts


@pytest.mark.parametrize(
    ("text", "kind", "series"),
    [
        ("{'title': 'T', 'values': {'a': 1, 'b': '2'}}", "bar", {"": {"a": 1, "b": 2}}),
        ('{"values": {"2001": 1, "2002": 2, "2003": 4, "2004": 3}}', "line", None),
        ("{'values': {'a': '60%', 'b': '40%'}}", "pie", {"": {"a": 60, "b": 40}}),
        ("{'values': {'s': {'a': 1}, 't': {'a': 2}}}", "bar", {"s": {"a": 1}, "t": {"a": 2}}),
        ("{'type': 'line', 'values': {'a': 1, 'b': 2}}", "line", None),
        ("{'a': '1,200', 'b': '$3.5'}", "bar", {"": {"a": 1200, "b": 3.5}}),
        ("{'values': [{'name': 's', 'data': [1, 2]}]}", "bar", {"s": {"1": 1, "2": 2}}),
    ],
)
def test_charts(text: str, kind: str, series: dict | None) -> None:
    found = charts.read_chart(text)
    assert found is not None
    chart, end = found
    assert end == len(text)
    assert chart.kind == kind
    if series is not None:
        assert chart.series == series
    ElementTree.fromstring(charts.draw_chart(chart))


@pytest.mark.parametrize(
    "text", ["{'title': 'T', 'values': {'a': 1, 'b': 2", "{'title': 'People's choice', 'values': {'a': 1,, 'b': 2,}}"]
)
def test_damaged_charts_keep_their_values(text: str) -> None:
    found = charts.read_chart(text)
    assert found is not None
    assert found[0].series == {"": {"a": 1, "b": 2}}


@pytest.mark.parametrize("text", ["{", "{'a'}", "{'a': {'b': {'c': {}}}}", "{" * 5000, "{'a': 'text'}", "{x: y"])
def test_what_is_no_chart(text: str) -> None:
    assert charts.read_chart(text) is None


def test_chart_table_keeps_numbers_as_written() -> None:
    text = render("{'title': 'T', 'x_title': 'X', 'values': {'a': '12.50%', 'b': '1,200'}}").to_text()
    assert "12.50%" in text
    assert "1,200" in text


def test_rows_of_pp_chart2table() -> None:
    block = render("Year | A | B\n2000 | 1 | 2\n2001 | 3 | 4").blocks[0]
    assert block.kind == "chart"
    assert block.content.series == {"A": {"2000": 1, "2001": 3}, "B": {"2000": 2, "2001": 4}}


# ---- TikZ


def draw(body: str) -> str:
    svg, notes = tikz.draw_tikz(f"\\begin{{tikzpicture}}{body}\\end{{tikzpicture}}")
    assert notes == []
    ElementTree.fromstring(svg)
    return svg


def points(svg: str) -> list[tuple[float, float]]:
    """All points of paths, in centimetres with y up."""
    path = " ".join(re.findall(r'<path d="([^"]*)"', svg))
    return [(float(x) / 38, -float(y) / 38) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (r"\draw (0,0) -- (2,1);", [(0, 0), (2, 1)]),
        (r"\draw (0,0) -- ++(1,0) -- +(0,2);", [(0, 0), (1, 0), (1, 2)]),
        (r"\draw (0,0) -- (90:2);", [(0, 0), (0, 2)]),
        (r"\coordinate (A) at (1,1); \draw (A) -- ($(A)+(2,0)$);", [(1, 1), (3, 1)]),
        (r"\coordinate (A) at (0,0); \coordinate (B) at (4,0); \draw ($(A)!0.25!(B)$) -- (B);", [(1, 0), (4, 0)]),
        (r"\coordinate (A) at (0,0); \coordinate (B) at (4,0); \draw ($(A)!(3,2)!(B)$) -- (3,2);", [(3, 0), (3, 2)]),
        (r"\begin{scope}[shift={(1,2)},rotate=90] \draw (0,0) -- (1,0); \end{scope}", [(1, 2), (1, 3)]),
        (r"\draw[scale=2] (0,0) -- (1,1);", [(0, 0), (2, 2)]),
        (r"\draw (0,0) |- (2,1);", [(0, 0), (0, 1), (2, 1)]),
        (r"\foreach \x in {1,...,3} \draw (\x,0) -- (\x,1);", [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]),
        (r"\draw (0,0) -- ({sqrt(3)},{1/2});", [(0, 0), (1.732, 0.5)]),
        (r"\draw (0,0) rectangle (2,1);", [(0, 0), (0, 0), (2, 0), (2, 1), (0, 1)]),
    ],
)
def test_tikz_points(body: str, expected: list[tuple[float, float]]) -> None:
    found = points(draw(body))
    assert [pytest.approx(point, abs=0.01) for point in expected] == found


def test_tikz_shapes_and_labels() -> None:
    svg = draw(
        r"\draw[dashed] (0,0) circle (1); \draw (1,0) arc (0:90:1); \node[above] at (0,1) {$A_1$}; \draw[->] (0,0)--(1,0);"  # noqa: E501
    )
    assert "stroke-dasharray" in svg
    assert ">A₁</text>" in svg
    assert "<polygon" in svg


def test_tikz_mends_what_the_model_writes() -> None:
    svg, notes = tikz.draw_tikz("\\begin{tikzpicture}\n\\draw （0，0） -- （1，1）\n\\node at (0，0) {A}")
    assert notes == []
    assert points(svg) == [(0, 0), (1, 1)]


def test_tikz_says_what_it_does_not_draw() -> None:
    _, notes = tikz.draw_tikz(r"\begin{tikzpicture}\draw (0,0)--(1,1);\tkzMagic{A};\end{tikzpicture}")
    assert notes == [r"not drawn: \tkzMagic"]


@pytest.mark.parametrize(
    "source",
    [
        r"\draw (0,0) -- (1e9,0);",
        r"\foreach \x in {1,...,9999999} \draw (\x,0)--(0,0);",
        r"\draw (A)--(B);",
        "",
        r"\draw (((((",
    ],
)
def test_tikz_gives_up_quietly(source: str) -> None:
    with contextlib.suppress(DrawingError):
        tikz.draw_tikz(f"\\begin{{tikzpicture}}{source}\\end{{tikzpicture}}")


@pytest.mark.parametrize(
    ("source", "unsafe"),
    [
        (r"\draw (0,0);", ""),
        (r"\input{/etc/passwd}", r"\input"),
        (r"\immediate\write18{rm}", r"\immediate"),
        (r"\csname input\endcsname", r"\csname"),
        (r"^^5cinput{x}", "^^"),
        (r"\begin{filecontents}{x}\end{filecontents}", "a file"),
        (r"\draw plot file{/etc/passwd};", "a file"),
    ],
)
def test_latex_gets_only_drawings(source: str, unsafe: str) -> None:
    assert tex.unsafe_command(source) == unsafe


@pytest.mark.skipif(tex.find_latex() is None, reason="no LaTeX on this machine")
def test_latex_route() -> None:
    document = render("\\begin{tikzpicture}\n\\draw (0,0) circle (1);\n\\end{tikzpicture}", geometry="latex")
    assert "<path" in document.to_html_fragment()


# ---- molecules and music


@needs_rdkit
def test_aromatic_ring_is_drawn() -> None:
    html = render("<smiles>c1ccccc1</smiles>").to_html_fragment()
    assert len(set(re.findall(r"bond-\d", html))) == 6
    assert len(set(re.findall(r'd="(M [^"]*)"', html))) >= 9  # Three of the six bonds are double.
    assert "<title>c1ccccc1</title>" in html


@needs_rdkit
@pytest.mark.parametrize("smiles", ["C1CC", "not a molecule!", "", "C" * 5000, "水", "C(C)(C)(C)(C)(C)C("])
def test_bad_smiles_is_shown_as_source(smiles: str) -> None:
    html = render(f"<smiles>{smiles}</smiles>").to_html_fragment()
    assert "<pre><code>" in html


@needs_verovio
def test_two_voices_are_engraved() -> None:
    html = render(TWO_VOICES).to_html_fragment()
    assert html.count('class="staff"') == 2
    assert html.count('class="layer"') == 3
    assert html.count('class="note"') == 5


@needs_verovio
def test_damaged_music_does_not_end_the_process() -> None:
    for text in ("**kern\n4zzz\n=\n\t\t\n", "**kern\t**kern\n4c\n*^\n*v\t*v", "**kern\n" + "[4c\n" * 50):
        assert render(text, "music").to_html()


@needs_verovio
def test_a_piece_that_ends_verovio_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    engrave = music._engrave

    def abort_at_second(pieces: list[str], timeout_s: float) -> list[list[str]]:
        calls.append(len(pieces))
        return engrave(pieces[:1], timeout_s) if len(calls) == 1 else engrave(pieces, timeout_s)

    monkeypatch.setattr(music, "_engrave", abort_at_second)
    pieces = [TWO_VOICES, "**kern\n4d\n*-", "**kern\n4e\n*-"]
    results = music.draw_all_music(pieces)
    assert calls == [3, 1]
    assert results[pieces[0]]()[0]
    assert results[pieces[2]]()[0]
    with pytest.raises(DrawingError, match="could not read"):
        results[pieces[1]]()


def test_truncated_music_is_ended() -> None:
    mended, notes = music.fix_kern("**kern\t**kern\n4c\t4e\n4d\t4f\n4e")
    assert mended.endswith("4d\t4f\n*-\t*-\n")
    assert "the music was truncated" in notes


@pytest.mark.parametrize(("text", "package"), [("<smiles>CO</smiles>", "RDKit"), (TWO_VOICES, "Verovio")])
def test_without_the_extra_the_source_is_shown(text: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import, real_find = builtins.__import__, importlib.util.find_spec

    def no_import(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("rdkit"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", no_import)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "verovio" else real_find(name, *rest)
    )
    from got_ocr.rendering import drawing

    drawing._raw.cache_clear()
    drawing._music.clear()
    html = render(text).to_html()
    drawing._music.clear()
    assert f"{package}: pip install {package.lower()}" in html
    assert "<pre><code>" in html


# ---- cleaning


def test_svg_is_rebuilt_from_what_is_allowed() -> None:
    hostile = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="alert(1)">
    <script>alert(2)</script><style>*{}</style><foreignObject><body/></foreignObject><image href="http://x/y.png"/>
    <a xlink:href="javascript:alert(3)"><path d="M0 0"/></a><use xlink:href="http://x/#a"/><use xlink:href="#b"/>
    <g id="b" style="fill:red;background:url(http://x)" fill="url(http://x)" onclick="x"><text>a&lt;b</text></g>
    <animate attributeName="href" values="javascript:x"/><rect fill="url(#b)" width="1"/></svg>"""
    clean = sanitize_svg(hostile, "p1")
    for bad in (
        "script",
        "alert",
        "style",
        "foreignObject",
        "image",
        "http://x",
        "javascript",
        "onload",
        "onclick",
        "animate",
    ):
        assert bad not in clean
    assert '<use href="#p1-0"/>' in clean
    assert '<g id="p1-0" fill="red"><text>a&lt;b</text></g>' in clean
    assert 'fill="url(#p1-0)"' in clean


def test_svg_with_entities_is_refused() -> None:
    with pytest.raises(DrawingError, match="entities"):
        sanitize_svg('<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', "p")
    with pytest.raises(DrawingError, match="well-formed"):
        sanitize_svg("<svg><g></svg>", "p")


@pytest.mark.skipif(shutil.which("pandoc") is None, reason="no pandoc on this machine")
def test_docx(tmp_path) -> None:
    import zipfile

    target = tmp_path / "page.docx"
    render("# A\n\\[ x^2 \\]\n| a | b |\n|---|---|\n| 1 | 2 |").save(target)
    content = zipfile.ZipFile(target).read("word/document.xml").decode()
    assert "<m:oMath" in content
    assert "<w:tbl>" in content


def test_docx_without_pandoc_says_so(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(OSError, match="needs pandoc"):
        render("x").save(tmp_path / "page.docx")


# ---- what a looping model draws


def test_series_without_common_labels_have_a_row_a_value() -> None:
    series = {f"s{index}": {f"x{index}": float(index)} for index in range(400)}
    table = charts.chart_table(charts.Chart("bar", series=series))
    assert len(table.rows) == 400
    assert {len(row) for row in table.rows} == {3}
    assert [cell.inlines[0].text for cell in table.rows[7]] == ["x7", "s7", "7"]
    svg = charts.draw_chart(charts.Chart("bar", series=series))
    assert svg.count("<rect") == 400 + charts.MAX_LEGEND
    assert 'height="-' not in svg


@pytest.mark.parametrize("number", ["1e-323", "1e-310", "-1e-320", "9e14", "0"])
def test_numbers_at_the_edge_of_floats_are_drawn(number: str) -> None:
    for kind in ("bar", "line"):
        html = render(f"{{'type': '{kind}', 'values': {{'a': '{number}', 'b': '{number}'}}}}").to_html_fragment()
        assert "<svg" in html


def test_more_music_than_a_page_holds_is_shown_as_source() -> None:
    pytest.importorskip("verovio", reason="the extra `render` is not installed")
    long = TWO_VOICES.replace("\n=1", "\n!! " + "x" * 30_000 + "\n=1", 1)
    html = render(f"{TWO_VOICES}\n\n{long}").to_html_fragment()
    assert html.count('class="music"') >= 1
    assert "more music than is engraved of one page (20000 characters): shown as source" in html
