"""Markdown files of the repository, as their tests see them: links, headings, code."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


@dataclass(frozen=True)
class Code:
    """A block of code.

    Attributes:
        language: What stands behind the fence.
        text: The code.
        is_run: Whether it can be run: no `<!-- not run: why -->` stands before it.
    """

    language: str
    text: str
    is_run: bool


def markdown_files() -> list[Path]:
    """List the repository's Markdown files, built and installed ones left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):  # A source archive has no history.
        listed = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.md")]
    ours = [name for name in listed if name and not re.search(r"(^|/)(\.|_build|build|dist|runs|node_modules)", name)]
    return sorted(ROOT / name for name in ours if (ROOT / name).is_file())


@cache
def tokens(file: Path) -> list[Token]:
    """Parse a file; a model card's metadata is left out."""
    text = FRONT_MATTER.sub("", file.read_text(encoding="utf-8"))
    return MarkdownIt("commonmark").enable("table").parse(text)


def links(file: Path) -> Iterator[str]:
    """Yield where the links and pictures of a file lead."""
    for token in tokens(file):
        for child in token.children or []:
            target = child.attrGet("href") or child.attrGet("src")
            if target:
                yield str(target)


def anchors(file: Path) -> set[str]:
    """Collect the anchors of a file's headings, as GitHub and the site make them."""
    found: set[str] = set()
    inside = False
    for token in tokens(file):
        if token.type == "inline" and inside:
            words = "".join(child.content for child in token.children or [])
            found.add(re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-"))
        inside = token.type == "heading_open"
    return found


def code_blocks(file: Path) -> Iterator[Code]:
    """Yield the fenced blocks of a file."""
    before = ""
    for token in tokens(file):
        if token.type == "fence":
            yield Code(token.info.strip(), token.content, not before.startswith("<!-- not run:"))
        if token.level == 0:
            before = token.content if token.type == "html_block" else ""


def code_blocks_by_section(file: Path) -> dict[str, list[Code]]:
    """Group the fenced blocks of a file by the heading that they stand under."""
    found: dict[str, list[Code]] = {}
    title, blocks = "", iter(code_blocks(file))
    for before, token in zip([None, *tokens(file)], tokens(file), strict=False):
        if before is not None and before.type == "heading_open":
            title = token.content
        if token.type == "fence":
            found.setdefault(title, []).append(next(blocks))
    return found


def code_spans(file: Path) -> Iterator[str]:
    """Yield the code within a file's sentences and tables."""
    for token in tokens(file):
        yield from (child.content for child in token.children or [] if child.type == "code_inline")


def sections(file: Path) -> dict[str, str]:
    """Part a file by its headings of the second level: title to text."""
    parts = re.split(r"^## (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
