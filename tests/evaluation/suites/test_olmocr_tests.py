"""olmOCR-bench's unit tests: verdicts by hand, and equal to the official checker's on thousands of drawn pages."""

import random
import sys
import types
from typing import Any

import pytest

pytest.importorskip("fuzzysearch", reason="a package of the extra eval")
pytest.importorskip("bs4", reason="a package of the extra eval")
from got_ocr.evaluation.suites.olmocr_tests import PageTest, count_repeats, normalize

TABLE = """\
<table><thead><tr><th rowspan="2">Name</th><th colspan="2">Sales</th></tr><tr><th>2023</th><th>2024</th></tr></thead>
<tr><td>North</td><td>12</td><td>15</td></tr><tr><td>South</td><td>7</td><td>9</td></tr></table>"""
PIPES = "| Name | 2023 | 2024 |\n|---|---:|---:|\n| North | 12 | 15 |\n| South | 7 | 9 |\n"


def passes(markdown: str, **line: Any) -> bool:
    line = {"id": "one", "pdf": "a.pdf", "page": 1, **line}
    return PageTest.from_line(line, "group", "line 1").run(markdown) == ""


def test_text() -> None:
    page = "The “quick”\nbrown **fox** – jumps."
    assert passes(page, type="present", text='"quick" brown fox - jumps')
    assert not passes(page, type="absent", text='"quick" brown fox')
    assert passes(page, type="present", text="quack", max_diffs=1)
    assert not passes(page, type="present", text="quack")
    assert not passes(page, type="present", text="THE")
    assert passes(page, type="present", text="THE", case_sensitive=False)
    assert not passes(page, type="present", text="jumps", first_n=5)
    assert passes(page, type="absent", text="brown", first_n=5, last_n=5)


def test_order() -> None:
    page = "one two three two"
    assert passes(page, type="order", before="one", after="three")
    assert passes(page, type="order", before="three", after="two")
    assert not passes(page, type="order", before="three", after="one")
    assert not passes(page, type="order", before="seven", after="one")
    assert passes(page, type="order", before="ono", after="threa", max_diffs=1)


@pytest.mark.parametrize("page", [TABLE, PIPES])
def test_tables(page: str) -> None:
    assert passes(page, type="table", cell="15", left="12", down="9", top_heading="2024", left_heading="North")
    assert not passes(page, type="table", cell="15", left="7")
    assert not passes(page, type="table", cell="15", top_heading="Name")
    assert not passes(page, type="table", cell="16")
    assert not passes("no table here", type="table", cell="15")


def test_tables_of_spans() -> None:
    assert passes(TABLE, type="table", cell="9", top_heading="Sales")
    assert not passes(PIPES, type="table", cell="9", ignore_markdown_tables=True)


@pytest.mark.parametrize(
    ("page", "does"),
    [
        (r"so \( \frac{a}{b} = c \) holds", True),
        (r"so $\dfrac ab=c$ holds", True),
        (r"so $$x + \frac{a}{b} = c$$ holds", True),
        (r"so \(\frac{b}{a} = c\) holds", False),
        (r"so \frac{a}{b} = c holds", False),
    ],
)
def test_formulas(page: str, does: bool) -> None:
    assert passes(page, type="math", math=r"\frac{a}{b}=c") == does


def test_baseline() -> None:
    assert passes("a page", type="baseline")
    assert not passes(" --- ", type="baseline")
    assert not passes("a page" + " no" * 40, type="baseline")
    assert not passes("a page 页", type="baseline")
    assert passes("", type="baseline", max_length=3)
    assert not passes("![four](x.png) text", type="baseline", max_length=3)
    assert passes("![four](x.png)", type="baseline", max_length=3, max_length_skips_image_alt_tags=True)
    assert (count_repeats("abab"), count_repeats("aab"), count_repeats("")) == (2, 1, 0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"type": "near"}, "type must be one of present, absent, order, table, math, baseline, got 'near'."),
        ({"type": "present"}, "text must be a text, got None."),
        ({"type": "present", "text": " "}, "text must be a text, got ' '."),
        ({"type": "present", "text": "a", "page": "1"}, "page must be a number, got '1'."),
        ({"type": "present", "text": "a", "max_diffs": -1}, "max_diffs must be 0 or more, got -1."),
    ],
)
def test_lines_that_are_none(line: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"t\.jsonl, line 3: ") as caught:
        PageTest.from_line({"id": "one", "pdf": "a.pdf", "page": 1, **line}, "t", "t.jsonl, line 3")
    assert message in str(caught.value)


# ---- beside the official checker

WORDS = ["north", "south", "12", "7.5", "", "Sales", "a–b", "Total", "x|y", "**bold**", "_it_", "é", "<b>B</b>", "12"]


@pytest.fixture(scope="module")
def official() -> Any:
    """The official checker, whose formulas need a browser: these are left out."""
    pytest.importorskip("olmocr", reason="the official checker: pip install --no-deps olmocr")
    render = types.ModuleType("olmocr.bench.katex.render")
    render.compare_rendered_equations = render.render_equation = None  # type: ignore[attr-defined]
    package = types.ModuleType("olmocr.bench.katex")
    replaced = {"olmocr.bench.katex": package, "olmocr.bench.katex.render": render}
    before = {name: sys.modules.get(name) for name in replaced}
    sys.modules.update(replaced)
    try:
        from olmocr.bench import tests

        yield tests
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def draw_table(generator: random.Random) -> str:
    rows = []
    as_pipes = generator.random() < 0.4
    for number in range(generator.randint(0, 5)):
        cells = []
        for _ in range(generator.randint(0, 5)):
            kind = "th" if generator.random() < (0.6 if number == 0 else 0.15) else "td"
            spans = "".join(
                f' {name}="{generator.randint(1, 3)}"' for name in ("rowspan", "colspan") if generator.random() < 0.2
            )
            text = generator.choice(WORDS)
            cells.append(text if as_pipes else f"<{kind}{spans}>{text}<br/>" * 1 + f"</{kind}>")
        rows.append(f"| {' | '.join(cells)} |" if as_pipes else f"<tr>{''.join(cells)}</tr>")
        if as_pipes and generator.random() < 0.4:
            rows.append("|" + "---|" * max(1, len(cells)))
    if as_pipes:
        return "\n".join(rows)
    head = generator.randint(0, 2)
    return f"<table><thead>{''.join(rows[:head])}</thead>{''.join(rows[head:])}</table>"


def draw_page(generator: random.Random) -> str:
    pieces = []
    for _ in range(generator.randint(0, 6)):
        if generator.random() < 0.5:
            pieces.append(draw_table(generator))
        else:
            pieces.append(" ".join(generator.choices(WORDS, k=generator.randint(0, 12))))
    return generator.choice(["\n\n", "\n", " "]).join(pieces)


def draw_line(generator: random.Random) -> dict[str, Any]:
    def text() -> str:
        return " ".join(generator.choices([word for word in WORDS if word], k=generator.randint(1, 3)))

    kind = generator.choice(["present", "absent", "order", "table", "table", "table", "baseline"])
    line: dict[str, Any] = {"id": "one", "pdf": "a.pdf", "page": 1, "type": kind}
    if kind in ("present", "absent"):
        line |= {"text": text(), "max_diffs": generator.randint(0, 3)}
        for name, value in (("case_sensitive", False), ("first_n", 20), ("last_n", 30)):
            if generator.random() < 0.3:
                line[name] = value
    elif kind == "order":
        line |= {"before": text(), "after": text()}
        shortest = min(len(normalize(line[name])) for name in ("before", "after"))
        line["max_diffs"] = generator.randint(0, min(2, shortest // 2))
    elif kind == "table":
        line |= {"cell": generator.choice([word for word in WORDS if word]), "max_diffs": generator.randint(0, 2)}
        for name in ("up", "down", "left", "right", "top_heading", "left_heading"):
            if generator.random() < 0.3:
                line[name] = generator.choice(WORDS)
        if generator.random() < 0.2:
            line["ignore_markdown_tables"] = True
    return line


def test_equal_to_the_official_checker(official: Any) -> None:
    generator = random.Random(5)
    counts: dict[tuple[str, bool], int] = {}
    for _ in range(3000):
        page, line = draw_page(generator), draw_line(generator)
        wanted, explanation = official.load_single_test(dict(line)).run(page)
        assert passes(page, **line) == wanted, (line, page, explanation)
        counts[line["type"], wanted] = counts.get((line["type"], wanted), 0) + 1
    for kind in ("present", "absent", "order", "table", "baseline"):
        assert min(counts.get((kind, verdict), 0) for verdict in (True, False)) >= 20, counts
