"""The page's blocks: every kind GOT writes, mixed, and damaged."""

import json

import pytest

from got_ocr.rendering import render
from got_ocr.rendering.blocks import Table
from got_ocr.rendering.repetition import cut_repeated_tail
from got_ocr.rendering.text_writers import inlines_text


def kinds(text: str) -> list[str]:
    return [block.kind for block in render(text).blocks]


def table_of(text: str) -> Table:
    return next(block.content for block in render(text).blocks if block.kind == "table")


def test_every_kind_is_found() -> None:
    text = (
        "\\title{T}\n\\author{A}\n\\section*{S}\n# H\ntext \\(x\\)\n\\[ y \\]\n- a\n\n1. b\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"  # noqa: E501
        "\\begin{tabular}{c} 1 \\end{tabular}\n<smiles>CO</smiles>\n\n**kern\n4c\n*-\n"
        "{'title': 'T', 'values': {'a': 1, 'b': 2}}\n\\begin{tikzpicture}\\draw (0,0)--(1,1);\\end{tikzpicture}\n"
        "```\ncode\n```\n> q\n\n---\n\\includegraphics{a.png}\n\\caption{C}"
    )
    assert kinds(text) == [
        "title", "author", "heading", "heading", "paragraph", "formula", "list", "list", "table", "table", "molecule",
        "music", "chart", "geometry", "code", "quote", "rule", "figure", "caption",
    ]  # fmt: skip


def test_heading_levels() -> None:
    blocks = render("\\section*{A}\n\\subsection{B}\n### C").blocks
    assert [block.level for block in blocks] == [2, 3, 3]


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("$5 and $10", 0),
        ("$x$ and $y_1$", 2),
        ("costs $5.00, is $a$", 1),
        (r"\(a\) $$b$$", 2),
        ("a $ b $ c", 0),
        (r"\$5 \$6", 0),
    ],
)
def test_dollars(text: str, formulas: int) -> None:
    html = render(text).to_html_fragment()
    assert html.count("<math") == formulas


def test_display_formula_takes_its_tag() -> None:
    block = render("\\[ a = b \\] \\tag{3}").blocks[0]
    assert block.content[0] == r"a = b \tag{3}"
    assert "(3)" in render("\\[ a = b \\] \\tag{3}").to_text()


def test_table_spans_and_rules() -> None:
    table = table_of(
        r"\begin{tabular}{|c|c|c|} \hline \multirow{2}{*}{A} & \multicolumn{2}{c|}{B} \\ \cline{2-3} & x & y \\ \hline \end{tabular}"  # noqa: E501
    )
    assert table.width == 3
    first, second = table.rows
    assert [(cell.column, cell.columns, cell.rows) for cell in first] == [(0, 1, 2), (1, 2, 1)]
    assert [(cell.column, inlines_text(cell.inlines)) for cell in second] == [(1, "x"), (2, "y")]
    assert first[0].rules == {"top", "bottom", "left", "right"}
    assert "top" in second[0].rules


def test_table_without_placeholders_under_a_span() -> None:
    table = table_of(r"\begin{tabular}{ccc} \multirow{2}{*}{A} & b & c \\ d & e \\ \end{tabular}")
    assert [cell.column for cell in table.rows[1]] == [1, 2]


def test_table_text_under_a_span_ends_the_span() -> None:
    table = table_of(r"\begin{tabular}{cc} \multirow{3}{*}{A} & b \\ & c \\ X & d \\ \end{tabular}")
    assert table.rows[0][0].rows == 2
    assert inlines_text(table.rows[2][0].inlines) == "X"


def test_hostile_spans_are_clamped() -> None:
    table = table_of(r"\begin{tabular}{c} \multicolumn{999}{c}{x} \\ \multirow{999}{*}{y} \\ z \end{tabular}")
    assert table.width <= 200
    assert all(cell.rows <= 3 for row in table.rows for cell in row)


def test_nested_table() -> None:
    html = render(r"\begin{tabular}{c} \begin{tabular}{c} i \\ j \end{tabular} \\ k \end{tabular}").to_html_fragment()
    assert html.count("<table") == 2
    assert html.count("<tr>") == 4


def test_truncated_table_keeps_its_rows() -> None:
    document = render("\\begin{tabular}{|c|c|}\n\\hline a & b \\\\\n\\hline c")
    assert document.to_text().split() == ["a", "b", "c"]
    assert any("was not closed" in note for note in document.notes)


def test_bars_and_ampersands_within_cells() -> None:
    table = table_of("\\begin{tabular}{cc} \\(\\begin{array}{cc} 1 & 2 \\end{array}\\) & R\\&D \\\\ \\end{tabular}")
    assert len(table.rows[0]) == 2


def test_accents_and_characters() -> None:
    assert render(r"caf\'e na\"{\i}ve Stra\ss e \& 5\% \textbackslash \~n \c{c}").to_text().startswith("café")
    assert "ç" in render(r"\c{c}").to_text()


def test_repeated_tail_is_cut_once_and_said() -> None:
    text, note = cut_repeated_tail("Start. " + "and so on " * 40)
    assert text.rstrip() in ("Start. and so on", "Start. and so")
    assert "40 times" in note or "39 times" in note
    assert cut_repeated_tail("Contents" + "." * 300)[1] == ""
    assert cut_repeated_tail("ha " * 4)[1] == ""


def test_music_ends_where_text_begins() -> None:
    blocks = render("**kern\n*clefG2\n4c\n*-\nAfter the music.").blocks
    assert [block.kind for block in blocks] == ["music", "paragraph"]


@pytest.mark.parametrize("kind", ["plain", "formula", "table", "molecule", "music", "geometry", "chart", "markdown"])
def test_kind_can_be_forced(kind: str) -> None:
    assert render("x | y", kind).blocks


def test_unknown_kind_names_the_known() -> None:
    with pytest.raises(ValueError, match="markdown, plain, formula"):
        render("x", "words")
    with pytest.raises(ValueError, match="auto, latex, python, source"):
        render("x", geometry="magic")


def test_plain_kind_reads_no_markup() -> None:
    assert render("# not *a* heading \\(x\\)", "plain").to_text() == "# not *a* heading \\(x\\)\n"


def test_json_has_type_source_text() -> None:
    pages = json.loads(render("# A\n\\[ x^2 \\]\n| a | b |\n|---|---|\n| 1 | 2 |").to_json())["pages"]
    blocks = pages[0]["blocks"]
    assert [block["type"] for block in blocks] == ["heading", "formula", "table"]
    assert all({"type", "source", "text"} <= block.keys() for block in blocks)
    assert blocks[1]["latex"] == "x^{2}"
    assert blocks[2]["rows"] == [["a", "b"], ["1", "2"]]


def test_markdown_tables() -> None:
    text = r"\begin{tabular}{cc} \multicolumn{2}{c}{a|b} \\ \(|x|\) & d \end{tabular}"
    pipes = render(text).to_markdown()
    assert pipes.splitlines()[0] == r"| a\|b |  |"
    assert r"\|x\|" in pipes
    assert '<td align="center" colspan="2">a|b</td>' in render(text).to_markdown(tables="html")
    with pytest.raises(ValueError, match="pipes, html"):
        render(text).to_markdown(tables="grid")


def test_markdown_escapes_what_is_no_markup() -> None:
    assert render("a_b * c <d>", "plain").to_markdown() == "a\\_b \\* c \\<d\\>\n"
    assert render("# x\n\n1986. A year", "plain").to_markdown() == "\\# x\n\n1986\\. A year\n"
