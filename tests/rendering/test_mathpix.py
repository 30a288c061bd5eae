"""The optional Mathpix route: says what it lacks, and lets nothing of the package's output run."""

import json
from pathlib import Path

import pytest

from got_ocr.rendering import mathpix


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOT_OCR_NODE", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/node")
    with pytest.raises(OSError, match=r"npm install --ignore-scripts --prefix .* mathpix-markdown-it@[\d.]+ jsdom@"):
        mathpix.render_mathpix("x")
    package = tmp_path / "node_modules" / "mathpix-markdown-it"
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": "0.0.1"}))
    with pytest.raises(OSError, match=r"found 0\.0\.1"):
        mathpix.render_mathpix("x")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(OSError, match="needs Node"):
        mathpix.render_mathpix("x")


def test_output_of_the_package_is_cleaned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = (
        '<p onclick="a()">text &lt;b&gt;</p><script>alert(1)</script><a href="javascript:x">l</a><img src="http://x/y">'
        '<svg><use xlink:href="#a"></use></svg><iframe srcdoc="x">inner</iframe><br>'
    )
    monkeypatch.setattr(mathpix, "check_packages", lambda: "node")
    monkeypatch.setattr(mathpix, "_run", lambda node, texts: ("p{}", [hostile for _ in texts]))
    page = mathpix.render_mathpix("words\n\n{'title': 'T', 'values': {'a': 1, 'b': 2}}\n\nmore")
    body = page[page.index("<body>") :]
    for bad in ("<script", "onclick", "javascript:", "http://x", "iframe", "inner", "alert"):
        assert bad not in body
    assert "<p>text &lt;b&gt;</p>" in body
    assert '<use xlink:href="#a">' in body
    assert body.count("<p>text") == 2
    assert 'class="chart"' in body


def test_route_where_it_is_installed() -> None:
    try:
        mathpix.check_packages()
    except OSError as error:
        pytest.skip(str(error)[:80])
    assert "<mjx-container" in mathpix.render_mathpix(r"\( x^2 \)")
