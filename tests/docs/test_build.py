"""The documentation builds without a warning, and holds what it promises. Takes a minute: `make test-all`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.markdown import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="pip install 'got-ocr[docs]'")
    pytest.importorskip("furo", reason="pip install 'got-ocr[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "--quiet", "docs", str(folder)]
    # No proxy leads anywhere: what the build would fetch fails it.
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_readmes_are_pages(site: Path) -> None:
    assert "prompt_ids_genuine.json" in (site / "rooms" / "processing.html").read_text(encoding="utf-8")
    # A link to another README leads to its page, with its anchor.
    assert 'href="processing.html"' in (site / "rooms" / "modeling.html").read_text(encoding="utf-8")
    assert 'href="configuration.html#training"' in (site / "rooms" / "training.html").read_text(encoding="utf-8")


def test_docstrings_are_in_the_reference(site: Path) -> None:
    page = (site / "api" / "got_ocr.html").read_text(encoding="utf-8")
    for name in ("GotOcrForConditionalGeneration.chat", "Mode.from_options", "GotOcrProcessor.__call__"):
        assert f'id="got_ocr.{name}"' in page
    assert "Read only what a frame of this colour encloses" in page


def test_nothing_of_this_machine_is_told(site: Path) -> None:
    """Defaults such as os.environ are shown as they are written."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert str(ROOT) not in text, page
        assert os.environ["PATH"] not in text, page


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        found = re.findall(
            r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(https?:)?//[^"]+"', page.read_text("utf-8")
        )
        assert not found, f"{page.name} loads {found}"
