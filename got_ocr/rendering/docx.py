"""Write Word documents by pandoc, where it is installed: formulas become Word's own, tables keep their spans."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from got_ocr.rendering.document import Document

TIMEOUT_S = 120.0


def write_docx(document: "Document", path: Path) -> None:
    """Write a .docx.

    Args:
        document: What to write.
        path: Where.

    Raises:
        OSError: If pandoc isn't installed or fails.
    """
    pandoc = shutil.which("pandoc")
    if pandoc is None:
        raise OSError("writing .docx needs pandoc (https://pandoc.org); .html and .md need nothing.")
    html = f"<html><body>{document.to_html_fragment(notes=False)}</body></html>"
    with tempfile.TemporaryDirectory(prefix="got-ocr-docx-") as folder:
        target = Path(folder, "page.docx")
        command = [pandoc, "--from=html", "--to=docx", f"--output={target}"]
        try:
            done = subprocess.run(
                command, input=html.encode(), cwd=folder, capture_output=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise OSError(f"pandoc did not finish within {TIMEOUT_S:g} s.") from None
        if done.returncode or not target.exists():
            raise OSError(f"pandoc failed: {done.stderr.decode(errors='replace').strip()[:300]}")
        path.write_bytes(target.read_bytes())
