"""What the build writes into the package's metadata: README with links that work on an index, and the project's links.

README shows its own links relative, so that they work in a checkout, on GitHub and on the Hub. An index shows README
alone: there they lead to the repository of `got_ocr/version.py`, at the version's tag. That name is the one to change.
"""

import re
import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

ROOT = Path(__file__).resolve().parent
_PICTURE = re.compile(r"(!\[[^\]]*\]\()(?![a-z][a-z+.-]*:|#)([^)\s]+)")
_LINK = re.compile(r"((?<!!)\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*\]\()(?![a-z][a-z+.-]*:|#)([^)\s]+)")


def absolute_links(text: str, repository: str, version: str) -> str:
    """Make a README's relative links absolute.

    Args:
        text: Markdown.
        repository: On GitHub, OWNER/NAME.
        version: Whose tag they lead to.

    Returns:
        It, with pictures as files and everything else as pages of the repository.
    """
    text = _PICTURE.sub(rf"\g<1>https://raw.githubusercontent.com/{repository}/v{version}/\g<2>", text)
    return _LINK.sub(rf"\g<1>https://github.com/{repository}/blob/v{version}/\g<2>", text)


def project_links(repository: str) -> dict[str, str]:
    """List the links that an index shows beside the package."""
    home = f"https://github.com/{repository}"
    return {
        "Repository": home,
        "Documentation": f"{home}/blob/main/docs/index.md",
        "Changelog": f"{home}/blob/main/CHANGELOG.md",
        "Issues": f"{home}/issues",
        "Paper": "https://arxiv.org/abs/2409.01704",
        "Checkpoint": "https://huggingface.co/stepfun-ai/GOT-OCR2_0",
    }


class LinksHook(MetadataHookInterface):
    """Hatch's hook, found by its place in pyproject.toml."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Write README and links."""
        facts = runpy.run_path(str(ROOT / "got_ocr" / "version.py"))
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        text = absolute_links(text, facts["REPOSITORY"], facts["__version__"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = project_links(facts["REPOSITORY"])
