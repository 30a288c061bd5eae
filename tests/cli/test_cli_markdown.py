"""`--markdown github`: what a formatted page's answer becomes on its way out."""

import json
from pathlib import Path
from typing import Any

import pytest

from got_ocr.cli import exit_codes
from got_ocr.reading.answer import GotOcrAnswer

ANSWER = r"""\title{Sums}

So \( a_1 + b \) and
\[ \frac{a}{b} \]
\begin{tabular}{|l|r|}
\hline
\multicolumn{2}{|c|}{both} \\
x & 1 \\
\hline
\end{tabular}

\begin{tabular}{lr}
x & 1 \\
y & 2 \\
\end{tabular}"""
WRITTEN = """# Sums

So $a_{1}+b$ and

$$
\\frac{a}{b}
$$

<table>
<tr><td align="center" colspan="2">both</td></tr>
<tr><td>x</td><td align="right">1</td></tr>
</table>

| x | 1 |
| --- | --: |
| y | 2 |"""


@pytest.fixture
def formatted(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model answers each page with formulas and tables."""

    def read(processor: Any, images: Any, **options: Any) -> list[GotOcrAnswer]:
        return [GotOcrAnswer(ANSWER, "stop") for _ in images]

    monkeypatch.setattr(model, "read", read)


def test_on_standard_output(run: Any, picture: Any, formatted: None) -> None:
    assert run(picture("a.png"), "--type", "format")[1].strip() == ANSWER
    assert run(picture("a.png"), "--type", "format", "--markdown", "mathpix")[1].strip() == ANSWER
    assert run(picture("a.png"), "--type", "format", "--markdown", "github")[1].strip() == WRITTEN


def test_in_files_and_records(run: Any, picture: Any, formatted: None) -> None:
    github = ("--type", "format", "--markdown", "github")
    assert run(picture("a.png"), *github, "--output", "out")[0] == exit_codes.OK
    assert Path("out/a.md").read_text().strip() == WRITTEN
    record = json.loads(run(picture("a.png"), *github, "--json")[1])
    assert record["text"] == WRITTEN


def test_the_other_form_is_written_anew(run: Any, picture: Any, formatted: None) -> None:
    run(picture("a.png"), "--type", "format", "--output", "all.jsonl", "--json")
    run(picture("a.png"), "--type", "format", "--markdown", "github", "--output", "all.jsonl", "--json")
    texts = [json.loads(line)["text"] for line in Path("all.jsonl").read_text().splitlines()]
    assert WRITTEN in texts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--markdown", "github"], "--markdown is for --type format: give both."),
        (["--type", "format", "--markdown", "github", "--stream"], "leave out --stream"),
        (["--type", "format", "--markdown", "github", "--render", "a.html"], "leave out --render"),
    ],
)
def test_what_does_not_go_together(run: Any, picture: Any, arguments: list[str], message: str) -> None:
    code, _, err = run(picture("a.png"), *arguments)
    assert code == exit_codes.WRONG_USAGE
    assert message in err
