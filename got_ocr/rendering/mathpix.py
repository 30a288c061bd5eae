"""The optional exact route: Mathpix's own renderer, a Node package installed on this machine, never from a CDN.

Music, geometry and charts, which that package does not know, are drawn as always.
"""

# ruff: noqa: SIM905 - lists of words are read more easily as text

import json
import os
import shutil
import subprocess
from html import escape
from html.parser import HTMLParser
from pathlib import Path

from got_ocr.rendering.blocks import Block
from got_ocr.rendering.document import render
from got_ocr.rendering.drawing import prepare
from got_ocr.rendering.html_writer import STYLE, HtmlWriter
from got_ocr.rendering.source import one_line

PACKAGES = {"mathpix-markdown-it": "2.0.40", "jsdom": "29.1.1"}
TIMEOUT_S = 300.0
_OWN_KINDS = ("music", "geometry", "chart")
_SCRIPT = """
const { JSDOM } = require("jsdom");
const dom = new JSDOM();
Object.assign(global, { window: dom.window, document: dom.window.document, DOMParser: dom.window.DOMParser });
const { MathpixMarkdownModel } = require("mathpix-markdown-it");
const pieces = JSON.parse(require("fs").readFileSync(0, "utf-8"));
const options = { htmlTags: false, breaks: true, typographer: false };
console.log = () => {};
const html = pieces.map(piece => MathpixMarkdownModel.markdownToHTML(piece, options));
process.stdout.write(JSON.stringify({ style: MathpixMarkdownModel.getMathpixStyle(true), html }));
"""
_DROPPED = frozenset("script iframe object embed link meta base form input button textarea select video audio".split())
_VOID = frozenset({"br", "hr", "img", "wbr", "col"})


def node_folder() -> Path:
    """Where the packages are looked for: GOT_OCR_NODE, else the user's cache."""
    named = os.environ.get("GOT_OCR_NODE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "got-ocr" / "node"


def check_packages() -> str:
    """Find Node and the packages in the versions this route is made for.

    Returns:
        The path of node.

    Raises:
        OSError: If node or a package is missing, or of another version; says how to install them.
    """
    node = shutil.which("node")
    if node is None:
        raise OSError("--renderer mathpix needs Node (https://nodejs.org); the Python renderer needs nothing.")
    folder = node_folder()
    for name, version in PACKAGES.items():
        found = folder / "node_modules" / name / "package.json"
        installed = json.loads(found.read_text(encoding="utf-8")).get("version") if found.exists() else None
        if installed != version:
            wanted = " ".join(f"{package}@{number}" for package, number in PACKAGES.items())
            raise OSError(
                f"--renderer mathpix needs {name} {version}, found {installed or 'none'} in {folder}: "
                f"npm install --ignore-scripts --prefix {folder} {wanted}"
            )
    return node


def render_mathpix(text: str, title: str | None = None) -> str:
    """Render a page by mathpix-markdown-it.

    Args:
        text: What the model wrote.
        title: The file's title; the page's own by default.

    Returns:
        One HTML file without scripts, that may load nothing.

    Raises:
        OSError: If node or its packages are missing, or fail.
    """
    node = check_packages()
    document = render(text)
    prepare(document.blocks)
    groups: list[list[Block]] = []
    for block in document.blocks:
        if groups and block.kind not in _OWN_KINDS and groups[-1][0].kind not in _OWN_KINDS:
            groups[-1].append(block)
        else:
            groups.append([block])
    texts = ["\n\n".join(block.source for block in group) for group in groups if group[0].kind not in _OWN_KINDS]
    style, pages = _run(node, texts)
    writer, found = HtmlWriter(), iter(pages)
    parts = [writer.block(group[0]) if group[0].kind in _OWN_KINDS else _Cleaner(next(found)).html for group in groups]
    # MathJax places its glyphs by style attributes, so styles are allowed here; scripts and loading are not.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    safe_style = (style + STYLE).replace("</", "<\\/")
    return (
        f'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(one_line(title or document.title))}</title>\n<style>{safe_style}</style>\n</head>\n"
        f"<body><article>\n{''.join(parts)}\n</article></body>\n</html>\n"
    )


def _run(node: str, texts: list[str]) -> tuple[str, list[str]]:
    if not texts:
        return "", []
    environment = {**os.environ, "NODE_PATH": str(node_folder() / "node_modules")}
    try:
        done = subprocess.run(
            [node, "-e", _SCRIPT],
            input=json.dumps(texts).encode(),
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"mathpix-markdown-it did not finish within {TIMEOUT_S:g} s.") from None
    if done.returncode:
        raise OSError(f"mathpix-markdown-it failed: {done.stderr.decode(errors='replace').strip()[-300:]}")
    answer = json.loads(done.stdout)
    return answer["style"], answer["html"]


class _Cleaner(HTMLParser):
    """Writer of the package's HTML without anything that runs or loads."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.dropping = 0
        self.feed(html)
        self.close()

    @property
    def html(self) -> str:
        """What is left."""
        return "".join(self.parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write an element and the attributes that only describe or draw."""
        if tag in _DROPPED or self.dropping:
            self.dropping += tag in _DROPPED
            return
        kept = []
        for name, value in attrs:
            text = value or ""
            if name.startswith("on") or name in ("srcdoc", "formaction", "action", "ping", "target"):
                continue
            points_out = name in ("href", "xlink:href", "src") and not text.startswith(("#", "data:image/"))
            if points_out or "javascript:" in text.lower():
                continue
            kept.append(f' {name}="{escape(text, quote=True)}"')
        self.parts.append(f"<{tag}{''.join(kept)}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write an element without an inside."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID and tag not in _DROPPED and not self.dropping:
            self.parts.append(f"</{tag}>")
        self.dropping = max(0, self.dropping - (tag in _DROPPED))

    def handle_endtag(self, tag: str) -> None:
        """Write an element's end."""
        if tag in _DROPPED:
            self.dropping = max(0, self.dropping - 1)
        elif not self.dropping and tag not in _VOID:
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Write text; the package's own style sheets as they are."""
        if not self.dropping:
            in_style = bool(self.parts) and self.parts[-1].startswith("<style")
            self.parts.append(data.replace("<", "") if in_style else escape(data))
