"""Reading a page and writing every target is linear in its length, whatever a looping model wrote: by counted steps."""

# ruff: noqa: E501 - pieces are read more easily in long rows

import os

import pytest

from got_ocr.rendering import drawing, render
from tests.faults.rendering_grammar import generate
from tests.rendering.work_counter import WorkLimitError, counted, work_of

SHORT, LONG = 400, 1600
# Steps a character: the densest string of the grammar's first 20 000 (empty cells, each written by eight writers) takes
# 340; what repeats its work at every level of nesting takes up to 150 more than at the first.
MAX_STEPS_PER_CHARACTER = 600
DENSE_STEPS_PER_CHARACTER = 150
MAX_GROWTH = 1.8  # Of the steps a character at four times the length: 1 is linear, 4 quadratic.
MIN_STEPS = 30_000  # A picture, a chart or a curve is worth some thousand steps, however short its source.
SEEDS = int(os.environ.get("GOT_OCR_WORK_SEEDS", "24"))


def write_all(text: str) -> None:
    """Read a text and write every target that is written by us alone."""
    drawing._raw.cache_clear()
    document = render(text, geometry="python")
    document.to_html()
    document.to_markdown()
    document.to_markdown(tables="html")
    document.to_latex()
    document.to_text()
    document.to_json()
    assert document.title


@pytest.fixture(autouse=True)
def _no_engraver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verovio is a process of its own with a time of its own."""
    monkeypatch.setattr(drawing.music, "draw_all_music", lambda sources: dict.fromkeys(sources, _not_drawn))


def _not_drawn() -> tuple[list[str], list[str]]:
    raise drawing.DrawingError("not drawn")


# What the report of the fault named, and what its kind holds besides: each was quadratic or worse.
REPEATED = (
    r"\left( ", r"\begin{array}{c} ", r"\begin{array}{c} a & ", r"\hat ", r"\hat{ ", r"\sqrt[ ", r"\sqrt[ x{ ", r"\text{\( ",
    r"\text{$ ", r"\text{\) \( ", r"\begin{aligned} ", r"\begin{aligned} a & ", r"\begin{tabular}{c} ", r"\ce{ ", r"\ce{- ",
    r"\sideset{ ", r"\operatorname{ a", r"\mathrm{ ", "a^b", "a_b^c'", r"\frac{ ", r"\frac ", r"\over ", r"\bf ", r"\not ",
    r"\hline ", r"\cline{1-2} ", "& ", r"\\ ", r"\\[ ", r"\multicolumn{200}{c}{} & ", r"\multirow{200}{*}{} & ", r"\substack{ ",
    "*a ", "**a ", "__a ", "~~a ", "`a ", "``a ", "$a ", "$$ ", "$$a ", r"\(\( & ", "[a](", "![", "<smiles> ", "\n<smiles> ",
    "\n# a", "\n> ", "\n> > ", "\n- ", "\n  - ", "\n| a", "\n|", "\n|---", "\n{'a': ", "\n{'a': 1}\n\n", "\n{'values': {'a", "\n```",
    "\n**kern\n", r"\begin{itemize}\item ", r"\begin{foo} ", r"\begin{tikzpicture} ", r"\begin{scope} ", r"\begin{a}[", r"\item ",
    r"\textbf{ ", r"{\bf ", r"\footnote{ ", r"\makecell{ ", r"\foreach \x in {1,...,400} {", r"\foreach \a  \b  ", "1,...,9,",
    r"\draw (0,0) grid (9,9);", r"\draw plot (\x,{\x^2+sin(\x r)});", r"\node at (0,0) {$x$};", "((", "{", "}", "[", "-", "#", " ",
)  # fmt: skip
SURROUNDINGS = (
    "{}", r"\( {} \)", r"\[ {} \]", r"\begin{{tabular}}{{cc}} {} \end{{tabular}}", r"\begin{{tikzpicture}}{}\end{{tikzpicture}}",
    "# a{}b", "<smiles>{}<", r"\begin{{tikzpicture}}\foreach {} in", r"\text{{{}", r"\( \\[{}(] \)", "| a |\n|{}x|", "{{'values': {{'a': '{}'}}}}",
)  # fmt: skip


SIGNS = "{}[]()&#-*=|<>\"'`~ \n\t\\^_$9a."
RUN_SURROUNDINGS = (*SURROUNDINGS, "# a{}b", "|{}a", "- {}a", "**kern{}a", r"\( [{}( ] \)", r"\ce{{{}a}}", "$${}a")


def check_work(texts: tuple[str, str]) -> None:
    """Compare the steps a character of a short and a long text."""
    densities = []
    for text in texts:
        steps = work_of(text, MIN_STEPS + MAX_STEPS_PER_CHARACTER * len(text), write_all)
        densities.append(max(0, steps - MIN_STEPS) / len(text))
        short, long = densities[0] + MIN_STEPS / len(texts[0]), densities[-1] + MIN_STEPS / len(texts[-1])
    assert densities[1] <= DENSE_STEPS_PER_CHARACTER or long <= MAX_GROWTH * short, (densities, texts[1][:80])


def repeated(piece: str, length: int) -> str:
    return "".join(f"{piece}{number}" for number in range(length // (len(piece) + 3)))


def check_repeated(piece: str, surroundings: str) -> None:
    # Numbers keep a loop from being cut before it is read.
    check_work((surroundings.format(repeated(piece, SHORT)), surroundings.format(repeated(piece, LONG))))


def check_run(character: str, surroundings: str) -> None:
    check_work((surroundings.format(character * SHORT), surroundings.format(character * LONG)))


@pytest.mark.parametrize("part", range(8))
def test_no_piece_over_and_over_takes_more_than_its_length(part: int) -> None:
    for index, piece in enumerate(REPEATED[part::8]):
        check_repeated(piece, SURROUNDINGS[(index + part) % len(SURROUNDINGS)])
        check_repeated(piece, SURROUNDINGS[index % 2])


@pytest.mark.parametrize("part", range(4))
def test_no_run_of_a_sign_takes_more_than_its_length(part: int) -> None:
    for index, character in enumerate(SIGNS[part::4]):
        for offset in (0, 5, 11):
            check_run(character, RUN_SURROUNDINGS[(index + part + offset) % len(RUN_SURROUNDINGS)])


@pytest.mark.slow
@pytest.mark.parametrize("surroundings", RUN_SURROUNDINGS)
def test_every_piece_and_sign_in_all_surroundings(surroundings: str) -> None:
    for piece in REPEATED:
        check_repeated(piece, surroundings)
    for character in SIGNS:
        check_run(character, surroundings)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_grammar_strings_take_work_in_proportion_to_their_length(seed: int) -> None:
    check_work((generate(seed, SHORT), generate(seed, LONG)))


@pytest.mark.parametrize(
    ("opening", "closing"),
    [(r"\begin{aligned}", r"\end{aligned}"), (r"\left(", r"\right)"), ("{a^b^c", "}^d^e"), ("{", "}"), ("x^{", "}"),
     (r"\begin{itemize}\item a ", r"\end{itemize}"), (r"\begin{enumerate}\item ", r"\item b\end{enumerate}"),
     (r"\begin{tabular}{c}", r"\end{tabular}"), (r"\begin{quote}", r"\end{quote}"), (r"\sqrt[", "]{x}")],
)  # fmt: skip
def test_closed_nesting_of_every_depth(opening: str, closing: str) -> None:
    for depth in (10, 39, 40, 41, 150):
        nested = f"{opening * depth} x {closing * depth}"
        for text in (nested, rf"\[ {nested} \]"):
            work_of(text, MIN_STEPS + 2 * MAX_STEPS_PER_CHARACTER * len(text), write_all)


def test_the_counter_sees_what_is_quadratic() -> None:
    """The measure itself: scanning again and again from the beginning is more than the limit allows."""
    from got_ocr.rendering import source

    def scan(text: str) -> None:
        for _ in range(len(text)):
            source.clean(text)

    short, long = (work_of("a" * length, 10**9, scan) for length in (SHORT, 4 * SHORT))
    assert long > 8 * short
    with pytest.raises(WorkLimitError):
        work_of("a" * SHORT, short // 2, scan)
    with counted(10**9) as counter:
        source.clean("a" * SHORT)
    assert counter.characters >= SHORT
