"""Figures of formatted pages and charts: parts, tables, formulas, reading order, SCRM."""

import json
import random

import apted
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from got_ocr.evaluation.charts import (
    TOLERANCES,
    average_precisions,
    chart_iou,
    parse_chart,
    title_score,
    to_triples,
)
from got_ocr.evaluation.distances import normalized_edit_distance
from got_ocr.evaluation.formulas import formula_similarity, formula_tokens, formulas_similarity
from got_ocr.evaluation.reading_order import reading_order_distance, split_blocks
from got_ocr.evaluation.results import Result
from got_ocr.evaluation.scoring import join_truth, score, score_sample
from got_ocr.evaluation.sections import split_sections
from got_ocr.evaluation.tables import Cell, Table, parse_table, tables_similarity, teds, tree_edit_distance

SETTINGS = settings(max_examples=40, deadline=None)


class TestSections:
    PAGE = (
        "Mass \\(E=mc^2\\) and\n\\[\na+b\n\\]\nthen \\(x\\) and \\[c\\]\n"
        "\\begin{tabular}{l} 1 & 2 \\end{tabular}\nend \\begin{tabular}{r} open"
    )

    def test_right_convention_keeps_formulas_in_order_and_over_lines(self) -> None:
        parts = split_sections(self.PAGE)
        assert parts.formulas == ("E=mc^2", "a+b", "x", "c")
        assert parts.formula == "E=mc^2\na+b\nx\nc"
        assert parts.tables == ("\\begin{tabular}{l} 1 & 2 \\end{tabular}", "\\begin{tabular}{r} open")
        assert parts.text.split() == ["Mass", "and", "then", "and", "end"]
        assert parts.all == self.PAGE.strip()

    def test_published_convention_runs_inline_into_display(self) -> None:
        """Inline formulas joined by line breaks, display ones stuck on; what spans lines is not seen."""
        parts = split_sections(self.PAGE, "published")
        assert parts.formula == "E=mc^2\nx" + "c"
        assert parts.table == "{l} 1 & 2 \n{r} open"

    def test_escaped_delimiters_do_not_close(self) -> None:
        assert split_sections(r"\(a\\\) b\)").formulas == (r"a\\\) b",)

    def test_a_page_without_formulas_is_not_scored_on_them(self) -> None:
        figures = score_sample(Result("1", "", "just text", "just text"), task="format")
        assert "formula/f1" not in figures
        assert figures["all/f1"] == figures["text/f1"] == (1.0, 1.0)

    def test_a_formula_that_lacks_or_is_invented_counts_as_failure(self) -> None:
        for truth, answer in ((r"a \(x\)", "a"), ("a", r"a \(x\)")):
            figures = score_sample(Result("1", "", truth, answer), task="format")
            assert figures["formula/edit_distance"] == (1.0, 1.0)
            assert figures["formula_similarity"] == (0.0, 1.0)
            published = score_sample(Result("1", "", truth, answer), task="format", convention="published")
            assert "formula/edit_distance" not in published


CELLS = st.builds(Cell, st.sampled_from(["", "a", "ab", "12.5"]), st.integers(1, 2), st.integers(1, 2))
TABLES = st.lists(st.lists(CELLS, max_size=4).map(tuple), max_size=4).map(tuple)


class Node:
    """A tree's node in the shape that the package apted wants."""

    def __init__(self, cell: "Cell | str", children: "tuple[Node, ...]" = ()) -> None:
        self.cell, self.children = cell, children


class Costs(apted.Config):
    def rename(self, one: Node, other: Node) -> float:
        if isinstance(one.cell, str) or isinstance(other.cell, str):
            return float(one.cell != other.cell)
        if (one.cell.rows, one.cell.columns) != (other.cell.rows, other.cell.columns):
            return 1.0
        return normalized_edit_distance(one.cell.text, other.cell.text)

    def children(self, node: Node) -> tuple[Node, ...]:
        return node.children


def as_tree(table: Table) -> Node:
    return Node("table", tuple(Node("tr", tuple(Node(cell) for cell in row)) for row in table))


class TestTables:
    @SETTINGS
    @given(TABLES, TABLES)
    def test_distance_is_apteds(self, one: Table, other: Table) -> None:
        expected = apted.APTED(as_tree(one), as_tree(other), Costs()).compute_edit_distance()
        assert tree_edit_distance(one, other) == pytest.approx(expected)

    def test_latex_html_and_markdown_give_one_table(self) -> None:
        latex = r"\begin{tabular}{|l|c|} \hline a & \textbf{b} \\ \hline 1\% & 2 \\ \cline{1-2} \end{tabular}"
        html = "<table><thead><tr><th>a</th><th>b</th></tr></thead><tr><td>1%</td><td> 2 </td></tr></table>"
        markdown = "| a | b |\n|---|:-:|\n| 1% | 2 |"
        expected = ((Cell("a"), Cell("b")), (Cell("1%"), Cell("2")))
        assert parse_table(latex) == parse_table(html) == parse_table(markdown) == expected

    def test_marks_of_latex_are_text_but_in_formulas(self) -> None:
        source = r"\begin{tabular}{l} \{5\_a\} \& \#\$3 & \(\{x\}\) \\ \end{tabular}"
        assert parse_table(source) == ((Cell("{5_a} & #$3"), Cell(r"\(\{x\}\)")),)

    def test_spans(self) -> None:
        latex = (
            r"\begin{tabular}{ll} \multicolumn{2}{|c|}{head} \\ \multirow[t]{2}{*}{x} & 1 \\ & 2 \\[2pt] \end{tabular}"
        )
        assert parse_table(latex) == (
            (Cell("head", 1, 2),),
            (Cell("x", 2, 1), Cell("1")),
            (Cell(""), Cell("2")),
        )
        assert parse_table('<table><tr><td colspan="2" rowspan=3>x</table>') == ((Cell("x", 3, 2),),)

    def test_teds_by_hand(self) -> None:
        """Two rows of two cells: 6 nodes. One cell's text half wrong: .5; a row lacking: 3 nodes."""
        truth = parse_table("| ab | b |\n| c | d |")
        assert teds(truth, truth) == 1
        assert teds(truth, parse_table("| aX | b |\n| c | d |")) == pytest.approx(1 - 0.5 / 6)
        assert teds(truth, parse_table("| ab | b |")) == pytest.approx(1 - 3 / 6)
        assert teds(truth, parse_table("| xx | y |\n| z | w |"), structure_only=True) == 1
        assert teds(truth, ()) == 0

    def test_tables_of_a_page_are_paired_and_counted(self) -> None:
        one, two = "| a |\n| b |", "| 1 | 2 | 3 |"
        assert tables_similarity([one, two], [two, one]) == 1
        assert tables_similarity([one, two], [two]) == 0.5
        assert tables_similarity([], []) is None
        assert tables_similarity([], [one]) == 0

    def test_large_tables_take_no_minutes(self) -> None:
        generator = random.Random(1)
        table = tuple(tuple(Cell(str(generator.random())) for _ in range(10)) for _ in range(30))
        other = tuple(row for place, row in enumerate(table) if place != 7)
        assert teds(table, other) == pytest.approx(1 - 11 / 330)

    @pytest.mark.parametrize(
        "source", ["", "<table", "\\begin{tabular}", "|", "\\multicolumn{2}{", "<td>x", "&&\\\\{{{"]
    )
    def test_broken_tables_are_read_as_far_as_they_go(self, source: str) -> None:
        assert isinstance(parse_table(source), tuple)
        assert 0 <= teds(parse_table(source), ((Cell("a"),),)) <= 1


class TestFormulas:
    def test_spelling_that_shows_no_difference_counts_not(self) -> None:
        assert formula_similarity(r"\frac{a}{b}\, x^{2}", r"\dfrac a b x^2") == 1
        assert formula_similarity(r"\left( x \right) \le 3", r"(x) \leq 3") == 1

    def test_similarity_by_hand(self) -> None:
        assert formula_tokens(r"x^{2}+\alpha") == ["x", "^", "2", "+", "\\alpha"]
        assert formula_similarity("x^{2}+1", "x^{3}+1") == pytest.approx(1 - 1 / 5)

    def test_formulas_of_a_page(self) -> None:
        assert formulas_similarity(["a", "b", "a"], ["a", "a", "b"]) == 1
        assert formulas_similarity(["a", "b"], ["b"]) == 0.5
        assert formulas_similarity([], []) is None


class TestReadingOrder:
    FOUR = "first block here\n\nsecond one follows\n\nthird is this text\n\nfourth and last"

    def test_order_by_hand(self) -> None:
        assert reading_order_distance(self.FOUR, self.FOUR) == 0
        blocks = self.FOUR.split("\n\n")
        swapped = "\n\n".join([blocks[0], blocks[2], blocks[1], blocks[3]])
        assert reading_order_distance(self.FOUR, swapped) == 2 / 4  # two substitutions
        moved = "\n\n".join([blocks[3], *blocks[:3]])
        assert reading_order_distance(self.FOUR, moved) == 2 / 4  # one deletion, one insertion
        assert reading_order_distance(self.FOUR, "\n\n".join(blocks[:3])) == 1 / 4
        assert reading_order_distance(self.FOUR, "") == 1

    def test_blocks_match_despite_errors(self) -> None:
        assert reading_order_distance(self.FOUR, self.FOUR.replace("e", "c")) == 0

    def test_one_block_has_no_order(self) -> None:
        assert reading_order_distance("one", "one") is None
        assert split_blocks("a\nb") == ["a", "b"]
        assert split_blocks("a\nb\n\nc") == ["a b", "c"]

    def test_pages_of_a_thousand_lines_take_no_minutes(self) -> None:
        page = "\n".join(f"line number {number}" for number in range(1000))
        assert reading_order_distance(page, page) == 0


def chart(values: object, **titles: str) -> str:
    return json.dumps({"title": "T", "source": "S", "x_title": "X", "y_title": "Y", **titles, "values": values})


class TestCharts:
    def test_triples(self) -> None:
        assert to_triples({"A": "12.5%", "B": {"2001": 3, "x": "n/a"}}) == [
            ("a", "value", 12.5),
            ("b", "2001", 3.0),
            ("b", "x", ""),
        ]

    def test_iou_at_the_tolerances_by_hand(self) -> None:
        """Of three true triples one is exact, one 4 % off, one has 3 edits in its word and is 9 % off."""
        truth = {"alpha": 100, "beta": 100, "gamma": 100}
        answer = {"alpha": 100, "beta": 104, "gaxyz": 109}
        ious = {name: chart_iou(truth, answer, limits, "right") for name, limits in TOLERANCES.items()}
        assert ious == {"strict": 1 / 5, "slight": 2 / 4, "high": 1.0}
        shares = average_precisions(ious)
        assert shares["map_strict"] == 0
        assert shares["map_slight"] == 0.1  # reaches .50 of .50, .55 ... .95
        assert shares["map_high"] == shares["ap90_high"] == 1
        assert shares["exact"] == 0

    def test_order_of_series_and_labels_does_not_matter(self) -> None:
        truth, answer = {"s": {"a": 1, "b": 2}}, {"b": {"s": 2}, "a": {"s": 1}}
        assert chart_iou(truth, answer, TOLERANCES["strict"], "right") == 1

    def test_published_convention_by_hand(self) -> None:
        """Contained words match even strictly; two predicted triples match one true one, which leave the union: 2 / 1.

        Words are joined with their heads, put in order: "beta" + "value" is contained in "a beta" + "value", but
        "alpha" + "value" not in "alpha beta" + "value".
        """
        strict = TOLERANCES["strict"]
        assert chart_iou({"beta": 1}, {"a beta": 1}, strict, "published") == 1.0
        assert chart_iou({"beta": 1}, {"a beta": 1, "b beta": 1}, strict, "published") == 2.0
        assert chart_iou({"alpha beta": 1}, {"alpha": 1}, strict, "published") == 0.0
        assert chart_iou({"beta": 1}, {"a beta": 1}, strict, "right") == 0.0

    def test_published_thresholds_are_numpys(self) -> None:
        """IoU .7 misses numpy's .7000000000000002: 4 of 10 thresholds instead of 5."""
        ious = {"strict": 0.7, "slight": 0.7, "high": 0.7}
        assert average_precisions(ious)["map_strict"] == 0.5
        assert average_precisions(ious, "published")["map_strict"] == 0.4

    @pytest.mark.parametrize(
        ("answer", "right", "published"),
        [
            (chart({"a": 1}), {"a": 1}, {"a": 1}),
            (chart({"a": 1})[:-2], {"a": 1}, {"a": 1}),  # two braces cut off
            ('{"values": {"a": 1}}', {"a": 1}, None),  # no titles
            ("{'title': 'T', 'values': {'a': 1}}", {"a": 1}, None),  # Python
            ('Here: {"a": 1} done', {"a": 1}, None),
            ("no chart", None, None),
            ("[1, 2]", None, None),
            (chart([1, 2]), {}, None),
        ],
    )
    def test_parsing(self, answer: str, right: dict | None, published: dict | None) -> None:
        for convention, expected in (("right", right), ("published", published)):
            parsed = parse_chart(answer, convention)
            assert (None if parsed is None else parsed["values"]) == expected

    def test_hostile_answers_are_data(self) -> None:
        for answer in ("{" * 5000, "__import__('os').system('echo hacked')", "{'a': (lambda: 1)()}", '{"a": ' * 3000):
            assert parse_chart(answer) is None or isinstance(parse_chart(answer), dict)

    def test_titles(self) -> None:
        assert title_score("Sales", "sales") == 1
        assert title_score("Sales", "Sale") == 1 - 1 / 5
        assert title_score("None", "anything") is None
        assert title_score("Sales", None) == title_score("Sales", "None") == 0
        assert title_score(["Sales", "Turnover"], "Turnover") == 1
        assert title_score(["Sales", "Turnover"], "Turnover", "published") == 1 / 2

    def test_unreadable_charts_are_failures_and_published_leaves_them_out(self) -> None:
        truth = {"title": "T", "source": "None", "x_title": "X", "y_title": "Y", "values": {"a": 1, "b": 2}}
        label = json.dumps(truth)
        results = [Result("1", "", label, chart({"a": 1, "b": 2})), Result("2", "", label, "no chart")]
        right = score(results, task="chart", resamples=0).summary
        assert right["map_strict"].value == right["parsed"].value == right["title"].value == 0.5
        assert "source" not in right
        published = score(results, task="chart", convention="published", resamples=0).summary
        assert published["map_strict"].value == published["title"].value == 1
        assert published["final_strict"].value == published["parsed"].value == 0.5

    def test_predictions_without_truth_are_joined_by_picture(self) -> None:
        truths = [Result("1.png", "", "one", "", 0), Result("2.png", "", "two", "", 1)]
        joined = join_truth([Result("2.png", "asked otherwise", "", "zwei")], truths)
        assert [(one.label, one.answer, bool(one.error)) for one in joined] == [
            ("one", "", True),
            ("two", "zwei", False),
        ]
