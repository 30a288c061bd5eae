"""Whatever the model writes: it renders, nothing of it can run, and none of its words are lost."""

# ruff: noqa: SIM905 - lists of words are read more easily as text

import os
import re
import unicodedata
from html import unescape
from html.parser import HTMLParser

import nh3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from got_ocr.rendering import Document, render
from got_ocr.rendering.source import clean
from got_ocr.rendering.svg import _ATTRIBUTES, _ELEMENTS

PIECES = (
    r"\(", r"\over ", r"\bf ", r"\displaystyle ", r"\color{red}", r"\substack{", r"\sqrt[", r"\limits", r"\)", r"\[", r"\]", "$", "$$", "{", "}", r"\frac{", r"\left(", r"\right)", r"\begin{array}{c}", r"\end{array}",  # noqa: E501
    r"\begin{tabular}{|c|c|}", r"\end{tabular}", " & ", r" \\ ", r"\hline", r"\multirow{2}{*}{", r"\multicolumn{3}{c}{",  # noqa: E501
    r"\begin{tikzpicture}", r"\draw (0,0) -- (1,1);", r"\node at (0,0) {", r"\end{tikzpicture}", "{'values': {'a': 1}}",  # noqa: E501
    "<smiles>", "</smiles>", "\n", "\n\n", "\t", "# ", "- ", "1. ", "> ", "| a | b |\n", "|---|---|\n", "**", "*", "`", "```\n",  # noqa: E501
    "~~", r"\textbf{", r"\section*{", r"\title{", r"\begin{itemize}", r"\item ", r"\end{itemize}", "<script>alert(1)</script>",  # noqa: E501
    "<img src=x onerror=alert(1)>", "javascript:alert(1)", "]]>", "-->", "</style>", "</title>", "</math>", "<!--", "&lt;",  # noqa: E501
    "&#x3c;", '"', "'", "\\", "^", "_", r"\text{", r"\href{", r"\sum_{", r"\begin{foo}", "{'title': '", "\x00", "\u202e", "中文", "𝒳",  # noqa: E501
)  # fmt: skip
WORDS = ("alphaword", "Beta7", "gammaword", "Δelta", "слово", "文字")  # Behind a backslash none is a command.
MARKUP = st.lists(st.sampled_from([*PIECES, *WORDS]), max_size=40).map("".join)
ANY_TEXT = st.text(max_size=300)
FEW = settings(
    max_examples=int(os.environ.get("GOT_OCR_EXAMPLES", "120")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)

HTML_TAGS = set(
    "article p div h1 h2 h3 h4 h5 h6 span strong em u s sup sub code small pre blockquote section ul ol li figure figcaption "  # noqa: E501
    "table tbody tr td th hr br details summary img".split()
)
MATH_TAGS = set(
    "math semantics annotation mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover "
    "mtable mtr mtd mstyle mphantom mpadded".split()
)
SAFE = "class colspan rowspan lang alt src href id".split()
MATH_ATTRIBUTES = set(
    "display mathvariant stretchy form fence lspace rspace minsize maxsize symmetric movablelimits accent accentunder "
    "linethickness displaystyle scriptlevel width mathcolor columnspan rowspan encoding class xmlns".split()
)


class Markup(HTMLParser):
    """Reader of the written page: its elements, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.oddities: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.oddities.append(data)

    def handle_pi(self, data: str) -> None:
        self.oddities.append(data)

    def unknown_decl(self, data: str) -> None:
        self.oddities.append(data)


def check_safe(document: Document) -> Markup:
    """The fragment has only elements and attributes that can't run anything, by our list and by nh3's parser."""
    html = document.to_html_fragment()
    markup = Markup(html)
    assert markup.oddities == []
    lower_elements = {name.lower() for name in _ELEMENTS}
    lower_attributes = {name.lower() for name in _ATTRIBUTES}
    for tag, attributes in markup.elements:
        assert tag in HTML_TAGS | MATH_TAGS | lower_elements, tag
        for name, value in attributes.items():
            assert name in MATH_ATTRIBUTES | lower_attributes | set(SAFE) | {"xmlns"}, (tag, name)
            assert not name.startswith("on")
            assert name != "href" or (value or "").startswith("#")
            assert name != "src" or (value or "").startswith("data:image/jpeg")
    # A browser's parser (html5ever, in nh3) must see what we meant: cleaned by an allow list of all we write, nothing goes.  # noqa: E501
    tags = HTML_TAGS | MATH_TAGS | _ELEMENTS
    attributes = {tag: MATH_ATTRIBUTES | _ATTRIBUTES | set(SAFE) for tag in tags}
    removed_nothing = nh3.clean(
        html, tags=tags, attributes=attributes, strip_comments=False, link_rel=None, url_schemes={"data"}
    )
    kept, ours = Markup(removed_nothing), markup
    assert len(kept.elements) == len(ours.elements)
    # And cleaned of everything but text, no word of a script survives as markup.
    assert "<script" not in nh3.clean(html).lower()
    return markup


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


@FEW
@given(ANY_TEXT)
def test_any_text_renders_safely_and_keeps_its_letters(text: str) -> None:
    document = render(text, geometry="python")
    markup = check_safe(document)
    shown = unicodedata.normalize("NFD", "".join(markup.text))  # \'A is shown as Á.
    unmarked = re.sub(r"\\[A-Za-z]+", " ", clean(text))  # Commands such as \o are signs of their own.
    for letter in set(unicodedata.normalize("NFD", "".join(words_of(unmarked)))):
        assert letter in shown


@FEW
@given(MARKUP)
def test_any_markup_renders_safely_and_keeps_its_words(text: str) -> None:
    document = render(text, geometry="python")
    markup = check_safe(document)
    shown = "".join(markup.text)
    for word in WORDS:
        if word in text:
            # Letters of a formula are elements of their own; its source stands in the annotation.
            assert word in shown or all(letter in shown for letter in word), (word, text)


def test_a_command_for_a_letter_shows_the_letter_outside_of_formulas() -> None:
    assert "".join(check_safe(render(r"\gamma and gamma", geometry="python")).text).split() == ["γ", "and", "gamma"]


@FEW
@given(st.one_of(MARKUP, ANY_TEXT))
def test_every_target_is_written(text: str) -> None:
    document = render(text, geometry="python")
    assert document.to_latex().endswith("\\end{document}\n")
    document.to_markdown()
    document.to_markdown(tables="html")
    document.to_text()
    document.to_json()
    page = document.to_html()
    assert page.count("<script") == 0
    assert "Content-Security-Policy" in page


@FEW
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), st.sampled_from(["plain", "markdown"]))
def test_words_survive_in_every_target(words: list[str], kind: str) -> None:
    text = " ".join(words)
    document = render(text, kind)
    assert unescape(re.sub(r"<[^>]*>", "", document.to_html_fragment())).split() == words
    for written in (document.to_text(), document.to_markdown()):
        assert written.split() == words
    assert text in document.to_latex()
    assert text in document.to_json()


@FEW
@given(MARKUP)
def test_latex_groups_and_environments_are_balanced(text: str) -> None:
    written = render(text, geometry="python").to_latex(document=False)
    bare = re.sub(r"\\[\\{}]", "", written)
    depth = 0
    for mark in re.findall(r"[{}]", bare):
        depth += 1 if mark == "{" else -1
        assert depth >= 0
    assert depth == 0
    stack = []
    for begins, name in re.findall(r"(?<!\\)\\(begin|end)\{([a-z*]+)\}", written):
        if begins == "begin":
            stack.append(name)
        else:
            assert stack
            assert stack.pop() == name
    assert stack == []


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("joint", ["{number} ", "{number}", "\n{number}"])
def test_one_piece_over_and_over(piece: str, joint: str) -> None:
    """The number keeps the piece from being taken for a loop; tests/rendering/measure.py times such texts."""
    text = "".join(piece + joint.format(number=number) for number in range(4000 // (len(piece) + 4)))
    render(text, geometry="python").to_html_fragment()
