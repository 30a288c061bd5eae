"""How the documentation is built: `make docs` writes docs/_build/html, without a network."""

import os
import re
import sys
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

from got_ocr.version import __version__  # noqa: E402

project = "got-ocr"
author = "the got-ocr authors"
copyright = f"{author}, Apache-2.0"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
# A link to a file of the repository that is no page of the site becomes a download.
myst_all_links_external = False

autodoc_member_order = "bysource"
# Imported at once by a module that is told of, and no part of the extra `docs`.
autodoc_mock_imports = ["rapidfuzz"]
# As written: the value of a default such as os.environ is this machine's.
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": False}
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"got-ocr {__version__}"
html_static_path = ["_static"]
html_theme_options = {"navigation_with_keys": True}

# Pages of the site that are READMEs of the repository: they live where people meet them first.
README_PAGES = {
    "rooms/configuration": "configuration/README.md",
    "rooms/modeling": "modeling/README.md",
    "rooms/processing": "processing/README.md",
    "rooms/training": "got_ocr/training/README.md",
    "rooms/synthesis": "got_ocr/synthesis/README.md",
    "rooms/evaluation": "got_ocr/evaluation/README.md",
    "rooms/nano": "got_ocr/nano/README.md",
    "rooms/nano_card": "got_ocr/assets/nano/README.md",
    "rooms/gallery": "examples/gallery/README.md",
    "contributing": "CONTRIBUTING.md",
    "changelog": "CHANGELOG.md",
    "log": "LOG.md",
    "security": "SECURITY.md",
}
README_PAGES = {page: name for page, name in README_PAGES.items() if (ROOT / name).is_file()}
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s#:]+)(#[^)\s]*)?\)")


def show_readme(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace a page of README_PAGES by the README's text, its links as they lead from the page."""
    if docname not in README_PAGES:
        return
    readme = ROOT / README_PAGES[docname]
    text = readme.read_text(encoding="utf-8")
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)  # A model card's metadata.
    page_of = {ROOT / name: ROOT / "docs" / f"{page}.md" for page, name in README_PAGES.items()}
    here = (DOCS / docname).parent

    def lead(match: re.Match[str]) -> str:
        target = (readme.parent / match[2]).resolve()
        if target.is_dir():
            # A folder can't be downloaded; where it has a README, that is what the link means.
            target = target / "README.md" if (target / "README.md") in page_of else target
        if target.is_dir():
            return match[1].lstrip("!").removesuffix("](")[1:]
        return f"{match[1]}{os.path.relpath(page_of.get(target, target), here)}{match[3] or ''})"

    source[0] = LINK.sub(lead, text)
    app.env.note_dependency(str(readme))


LITERAL = re.compile(r"(:[a-z:]+:`[^`]*`|``[^`]*``|`[^`]*`)")


def read_as_text(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let a docstring's `code` be code and its signs be signs: docstrings here are plain text."""
    pieces = LITERAL.split("\n".join(lines))
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            piece = re.sub(r"(?<!\\)([*|])", r"\\\1", piece)
            pieces[index] = re.sub(r"(\w)_(?=\W|$)", r"\1\\_", piece)
        elif not piece.startswith((":", "``")):
            # reStructuredText knows no code that begins or ends with a space.
            pieces[index] = f"``{piece[1:-1].strip(' ')}``"
    told = "".join(pieces).split("\n")
    lines[:] = _as_listings(told, lines) if what == "module" else told


def _as_listings(told: list[str], plain: list[str]) -> list[str]:
    """Show what a module's docstring indents as it stands there: commands, code, lists in columns."""
    shown: list[str] = []
    in_listing = False
    for line, as_written in zip(told, plain, strict=True):
        if as_written.startswith("    ") and (in_listing or (shown and not shown[-1].strip())):
            shown += [as_written] if in_listing else ["::", "", as_written]
            in_listing = True
        else:
            in_listing = in_listing and not as_written.strip()
            shown.append(line)
    return shown


def setup(app: Sphinx) -> None:
    """Register what is ours."""
    # GitHub draws Mermaid; on the site the drawing is an SVG and the Mermaid text is shown as text.
    app.add_lexer("mermaid", TextLexer)
    app.connect("source-read", show_readme)
    app.connect("autodoc-process-docstring", read_as_text, priority=100)  # Before Napoleon.
