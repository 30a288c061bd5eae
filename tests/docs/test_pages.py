"""What the documentation promises of itself: it is short where it must be, fresh, and names its figures' scripts."""

import re

import pytest

from docs.draw import ARCHITECTURE, PICTURES, ROOMS, STATIC, architecture_text
from got_ocr.synthesis import KINDS
from got_ocr.synthesis.degradation.degradations import DEGRADATIONS
from got_ocr.version import __version__
from tests.support.markdown import ROOT, markdown_files, sections
from tests.support.rooms import OUTSIDE, modules, room_of

README_WORDS = 1200


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < README_WORDS


@pytest.mark.parametrize("name", PICTURES)
def test_drawings_are_fresh(name: str) -> None:
    assert (STATIC / name).read_text(encoding="utf-8") == PICTURES[name](), "stale: python -m docs.draw"


def test_the_graph_of_rooms_is_fresh() -> None:
    assert ARCHITECTURE.read_text(encoding="utf-8") == architecture_text(), "stale: python -m docs.draw"


def test_every_room_is_told_of() -> None:
    rooms = {room_of(module) for module in modules()} - OUTSIDE
    table = set(re.findall(r"^\| `(\w+)` \|", ARCHITECTURE.read_text(encoding="utf-8"), re.MULTILINE))
    assert rooms <= set(ROOMS)
    assert rooms == table


@pytest.mark.parametrize(("title", "text"), sections(ROOT / "docs" / "figures.md").items())
def test_figures_name_their_script(title: str, text: str) -> None:
    """By a link or code that names a script, a module or a target; that these exist is tested for all documents."""
    named = re.search(r"python -m [\w.]+|make [a-z-]+|`got-ocr eval`|[\w/]+\.py\b", text)
    assert named, f"docs/figures.md, {title}: no script is named"


def test_tests_that_documents_name_exist() -> None:
    """`test_x` in `tests/y.py`, and `test_x` alone, which any file may hold."""
    sources = {file: file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py")}
    count = 0
    for file in markdown_files():
        text = file.read_text(encoding="utf-8")
        for name, place in re.findall(r"`(test_\w+)`(?: in `([\w/]+\.py)`)?", text):
            held = [sources[ROOT / place]] if place else sources.values()
            assert any(f"def {name}(" in source for source in held), f"{file.relative_to(ROOT)} names {name}"
            count += 1
    assert count > 10


def test_counts_of_kinds_and_degradations_are_right() -> None:
    """Numbers that are spelled before `kinds` and `degradations` in README, docs and the rooms' documents."""
    teens = [f"{part}teen" for part in ("thir", "four", "fif", "six", "seven", "eigh", "nine")]
    numbers = ["ten", "eleven", "twelve", *teens, "twenty"]
    right = {"kinds": len(KINDS), "degradations": len(DEGRADATIONS)}
    for file in markdown_files():
        if file.name in ("LOG.md", "CHANGELOG.md"):
            continue
        for number, word in re.findall(r"(\w+) (kinds|degradations)\b", file.read_text(encoding="utf-8").lower()):
            if number in numbers:
                assert numbers.index(number) + 10 == right[word], f"{file.relative_to(ROOT)}: {number} {word}"


def test_the_changelog_has_this_version() -> None:
    assert __version__ in sections_of_changelog()
    assert "0.1.0" in sections_of_changelog()


def sections_of_changelog() -> list[str]:
    return [title.split("]")[0].lstrip("[") for title in sections(ROOT / "CHANGELOG.md")]


def test_the_citation_has_this_version() -> None:
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
