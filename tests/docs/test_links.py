"""Every relative link of every Markdown file leads to a file that is there, and to a heading that it has."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.markdown import ROOT, anchors, links, markdown_files

# Pages of the site that stand for a README: their text is the README's.
STANDS_FOR = "<!-- This page is a README"


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def read_as(file: Path) -> Path:
    """The file whose text a page of the site shows."""
    if file.is_relative_to(ROOT / "docs") and file.read_text(encoding="utf-8").startswith(STANDS_FOR):
        return ROOT / readme_pages()[str(file.relative_to(ROOT / "docs").with_suffix(""))]
    return file


def readme_pages() -> dict[str, str]:
    text = (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")
    listed = text[text.index("README_PAGES = {") : text.index("}", text.index("README_PAGES = {"))]
    return dict(line.strip().rstrip(",").replace('"', "").split(": ") for line in listed.splitlines()[1:] if line)


def links_to_files(file: Path) -> Iterator[tuple[str, Path, str]]:
    """Each relative link of a file, what it leads to and the heading there; a heading alone is the file's own."""
    for link in links(file):
        path, _, anchor = link.partition("#")
        if "://" not in link and not link.startswith("mailto:"):
            yield link, (file.parent / path).resolve() if path else file, anchor


def test_files_are_found() -> None:
    assert {"README.md", "docs/index.md", "configuration/README.md"} <= set(map(name_of, markdown_files()))


@pytest.mark.parametrize("file", markdown_files(), ids=name_of)
def test_links_lead_somewhere(file: Path) -> None:
    dead = []
    for link, target, anchor in links_to_files(file):
        if not target.exists():
            dead.append(f"{link}: no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(read_as(target)):
            dead.append(f"{link}: no such heading; there are {', '.join(sorted(anchors(read_as(target))))}")
    assert not dead, f"{name_of(file)}: " + "\n".join(dead)


def test_pages_of_the_site_link_to_pages_or_to_files_that_can_be_downloaded() -> None:
    """The site has no place for a folder, nor for Markdown that is no page of it: the build ends with a warning."""
    docs = ROOT / "docs"
    lost = []
    for file in markdown_files():
        if not file.is_relative_to(docs) or read_as(file) != file:  # A README's links are led elsewhere: conf.py.
            continue
        for link, target, _ in links_to_files(file):
            outside = target.suffix == ".md" and not target.is_relative_to(docs)
            if target.is_dir() or outside:
                lost.append(f"{name_of(file)}: {link}")
    assert not lost, "name these without a link: " + ", ".join(lost)


def test_every_page_that_stands_for_a_readme_has_one() -> None:
    pages = [file for file in (ROOT / "docs").rglob("*.md") if "_build" not in file.parts]
    standing = {
        str(file.relative_to(ROOT / "docs").with_suffix(""))
        for file in pages
        if file.read_text(encoding="utf-8").startswith(STANDS_FOR)
    }
    listed = {page for page, name in readme_pages().items() if (ROOT / name).is_file()}
    assert standing == listed


def test_every_page_is_in_the_table_of_contents() -> None:
    pages = {
        str(file.relative_to(ROOT / "docs").with_suffix(""))
        for file in (ROOT / "docs").rglob("*.md")
        if "_build" not in file.parts
    }
    listed = {"index"}
    for index in ("index.md", "api/index.md"):
        folder = (ROOT / "docs" / index).parent.relative_to(ROOT / "docs")
        for line in (ROOT / "docs" / index).read_text(encoding="utf-8").splitlines():
            if (folder / line.strip()).as_posix() in pages and line.strip():
                listed.add((folder / line.strip()).as_posix())
    assert pages == listed
