"""What of a model's LaTeX may run: tokens are looked at, files are closed, programs have limits."""

# ruff: noqa: E501 - attacks are read more easily in one line

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from got_ocr.rendering import drawing, limits, render, tex, tex_guard, tikz
from got_ocr.rendering.svg import DrawingError

SECRET = "0 0\n1 1\n2 0\n"  # What `plot file` draws: two lines.
# Ways to a file, to the shell, or to another meaning of letters: each gets by one kind of filter of text.
ATTACKS = (
    r"\draw plot file {secret.dat};",
    "\\draw plot%\nfile{secret.dat};",
    "\\draw plot % a comment\n  file {secret.dat};",
    "\\draw plot\\\\%\nfile{secret.dat};",
    "\\draw plot\n\n file{secret.dat};",
    r"\draw plot[smooth] file{secret.dat};",
    r"\draw plot [smooth] [mark=x] % c" + "\n file{secret.dat};",
    r"\draw plot+[smooth] file{secret.dat};",
    r"{\draw plot file \x;}",
    r"\foreach \x in {1} {\draw plot file {secret.dat};}",
    r"\foreach \x in {plot file {secret.dat}} {\draw \x;}",
    r"\foreach \x in {file} {\draw plot \x {secret.dat};}",
    r"\draw plot FILE {secret.dat};",
    r"\draw plot function{x};",
    r"\draw plot [id=secret,prefix=./] function {x};",
    r"\draw plot gnuplot {x};",
    r"\draw[raw gnuplot] plot function {x};",
    r"\input{secret}",
    r"\input secret",
    "\\inp%\nut{secret}",
    r"\csname input\endcsname{secret}",
    r"\expandafter\input\x",
    "^^5cinput{secret}",
    "^%\n^5cinput{secret}",
    r"\catcode`\|=0 |input{secret}",
    r"\openin1=secret \read1 to\x \x",
    r"\immediate\write18{touch pwned}",
    r"\write\x{a}",
    r"\directlua{os.execute('touch pwned')}",
    r"\pdffiledump length 9 {secret}",
    r"\special{shell:touch pwned}",
    r"\includegraphics{secret}",
    r"\let\x=\input \x secret",
    r"\def\x{\input}",
    r"\begin{filecontents}{x}\end{filecontents}",
    r"\begin {filecontents*}{x}\end{filecontents*}",
    "\\begin%\n{filecontents}{x}\\end{filecontents}",
    r"\begin{tikzpicture}\end{document}",
    r"\usetikzlibrary{../secret}",
    r"\usetikzlibrary{external}",
    r"\usetikzlibrary{calc,/tmp/secret}",
    r"\usetikzlibrary\x",
    r"\tikzset{a/.code={\input secret}}",
    r"\node {\verbatiminput{secret}};",
    r"\pgfplotstableread{secret}\x",
    r"\usepackage{shellesc}",
    r"\newread\x",
    r"\@@input secret",
    r"\makeatletter\@input{secret}",
    r"\scantokens{x}",
    "\\\u00e9 x",
)


def picture(body: str) -> str:
    return f"\\begin{{tikzpicture}}{body}\\end{{tikzpicture}}"


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_may_do_more_than_draw_is_refused(attack: str) -> None:
    assert tex_guard.unsafe_command(picture(attack)) != ""
    with pytest.raises(DrawingError):
        tex.compile_tikz(picture(attack))


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_tex_output_shows_it_verbatim(attack: str) -> None:
    written = render(picture(attack), "geometry").to_latex()
    body = written.split("\\begin{document}")[1]
    if "\\begin{tikzpicture}" in body:  # What was taken off made it harmless.
        assert tex_guard.unsafe_command(body.split("\\begin{center}")[1].split("\\end{center}")[0]) == ""
    for command in (
        "\\input",
        "\\write",
        "\\csname",
        "\\openin",
        "\\catcode",
        "\\directlua",
        "\\usetikzlibrary",
        "^^",
    ):
        assert command not in body


@pytest.mark.parametrize(
    "harmless",
    [
        r"\draw[->] (0,0) -- (1,1) node[above] {$x_{1}$};",
        r"\draw plot[domain=0:1,smooth] (\x,{\x^2});",
        "\\draw plot % a curve\n coordinates {(0,0) (1,1)};",
        r"\draw plot [smooth] coordinates {(0,0)};",
        r"\foreach \x/\y in {1/2,3/4} \node at (\x,\y) {\textbf{\x}};",
        r"\node {100\% \& \# \{ \} \_ \$};",
        r"\usetikzlibrary{calc, arrows.meta}",
        r"\begin{scope}[rotate=30] \fill (0,0) circle (1); \end {scope}",
        r"\node {$\frac{1}{2}\alpha \le \beta$};",
    ],
)
def test_what_draws_is_let_by(harmless: str) -> None:
    assert tex_guard.unsafe_command(picture(harmless)) == ""


@pytest.mark.parametrize(
    ("source", "without"),
    [
        ("a%b\n  c", "ac"),
        (r"a\%b", r"a\%b"),
        ("a\\\\%b\nc", "a\\\\c"),
        ("a%b", "a"),
        ("%\n%\nx", "x"),
        ("a\n%x\n\nb", "a\n\nb"),
    ],
)
def test_comments_go_as_tex_takes_them(source: str, without: str) -> None:
    assert tex_guard.remove_comments(source) == without
    assert tex_guard.remove_comments(without) == without


needs_latex = pytest.mark.skipif(tex.find_latex() is None, reason="no LaTeX on this machine")


@needs_latex
@pytest.mark.parametrize("attack", [r"\draw plot file {secret.dat};", r"\draw plot[id=secret] function {x};"])
def test_files_stay_closed_even_behind_the_filter(
    attack: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A picture that gets by the filter draws nothing from a file, on a machine where TeX may open any."""
    for name in ("secret.dat", "secret.table", "drawing.table"):
        (tmp_path / name).write_text(SECRET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("openin_any", "a")
    monkeypatch.setenv("openin_any_pdflatex", "a")
    monkeypatch.setenv("shell_escape", "t")
    monkeypatch.setattr(tex, "unsafe_command", lambda source: "")
    absolute = attack.replace("secret", str(tmp_path / "secret"))
    for source in (attack, absolute):
        with pytest.raises(DrawingError, match="could not compile"):
            tex.compile_tikz(picture(source))


@needs_latex
def test_no_shell_and_no_file_outside_behind_the_filter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret.tex").write_text(r"\draw (0,0) -- (1,1);")
    monkeypatch.setenv("openin_any_pdflatex", "a")
    monkeypatch.setenv("openout_any_pdflatex", "a")
    monkeypatch.setenv("TEXINPUTS", f"{tmp_path}:")
    monkeypatch.setattr(tex, "unsafe_command", lambda source: "")
    for body in (rf"\input{{{tmp_path}/secret}}", r"\input{secret}"):
        with pytest.raises(DrawingError):
            tex.compile_tikz(picture(body))
    for body in (
        rf"\immediate\write18{{touch {tmp_path}/pwned}} \draw (0,0)--(1,1);",
        rf"\newwrite\w\immediate\openout\w={tmp_path}/pwned \immediate\write\w{{x}} \draw (0,0)--(1,1);",
    ):
        with contextlib.suppress(DrawingError):
            tex.compile_tikz(picture(body))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.tex"]


@needs_latex
def test_an_endless_picture_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tex, "unsafe_command", lambda source: "")
    with pytest.raises(DrawingError, match="did not finish within 2 s"):
        tex.compile_tikz(picture(r"\loop\iftrue\repeat"), timeout_s=2)


# ---- the page's budget


def test_a_page_has_a_budget_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    calls: list[float] = []

    def compile_slowly(source: str, timeout_s: float) -> str:
        calls.append(timeout_s)
        clock[0] += min(25.0, timeout_s)
        raise DrawingError("LaTeX did not finish")

    monkeypatch.setattr(drawing.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(drawing.tex, "compile_tikz", compile_slowly)
    monkeypatch.setattr(drawing.tex, "find_latex", lambda: ("pdflatex", "pdftocairo"))
    drawing._compiled.clear()
    pictures = [picture(rf"\draw (0,0) -- ({number},1);") for number in range(9)]
    document = render("\n\n".join(pictures))
    html = document.to_html_fragment()
    assert calls == [20.0, 20.0, 20.0]
    assert html.count("LaTeX has drawn for 60 s on this page: shown as source") == 6
    assert html.count("<svg") == 3, "what was within the budget is drawn without LaTeX"
    assert all(f"({number},1)" in html for number in range(9)), "every source is shown"
    calls.clear()
    document.to_html_fragment()
    assert len(calls) == 3, "what LaTeX failed at is not tried again; the second writing has a budget of its own"
    drawing._compiled.clear()


def test_pictures_beyond_the_pages_share_are_shown_as_source() -> None:
    many = "\n\n".join(
        f"{{'values': {{'a{number}': {number}}}}}" for number in range(drawing.MAX_DRAWINGS_PER_PAGE + 9)
    )
    html = render(many).to_html_fragment()
    assert html.count('class="chart" role') == drawing.MAX_DRAWINGS_PER_PAGE
    assert html.count("more pictures than are drawn") == 9
    assert f">a{drawing.MAX_DRAWINGS_PER_PAGE + 8}<" in html, "the table of its data is shown"


@pytest.mark.parametrize(
    "body",
    [
        r"\foreach \a in {1,...,400}{\foreach \b in {1,...,400}{\foreach \c in {1,...,400}{}}}",
        r"\foreach \x in {" + "1,...,9," * 500 + "1} {}",
        r"\foreach " + r"\a  \b  " * 200 + "i",
        r"\foreach \x in {a,...,𝒳} {}",
        r"\draw (0,0) grid[step=0.01] (400,400);" * 40,
        r"\draw plot (\x,{sin(\x r)+cos(\x r)*\x^2});" * 200,
        r"\foreach \x in {1,...,2} {" + "a" * 30000 + "}",
    ],
)
def test_python_draws_no_more_than_the_pictures_length(body: str) -> None:
    made = tikz.Picture(tikz.MIN_WORK + tikz.WORK_PER_CHARACTER * len(body))
    with contextlib.suppress(ValueError, OverflowError):
        made.read(tikz.fix_tikz(picture(body)))
    assert len(made.parts) <= tikz.MIN_WORK + tikz.WORK_PER_CHARACTER * len(body)
    assert sum(map(len, made.parts)) < 60 * (tikz.MIN_WORK + tikz.WORK_PER_CHARACTER * len(body))


# ---- other programs


def script(path: Path, text: str) -> str:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.skipif(os.name != "posix", reason="limits of processes are POSIX's")
def test_programs_run_within_limits(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    memory = script(tmp_path / "memory", "x = bytearray(3_000_000_000)")
    assert limits.run_limited([memory], work, timeout_s=20).returncode != 0
    output = script(tmp_path / "output", "open('big', 'wb').write(bytes(2_000_000)); open('more', 'w')")
    limits.run_limited([output], work, timeout_s=20, output_bytes=1_000_000)
    assert (work / "big").stat().st_size <= 1_000_000
    child = script(
        tmp_path / "child",
        "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', \"import time; time.sleep(4); open('late', 'w')\"])\n"
        "time.sleep(60)",
    )
    with pytest.raises(subprocess.TimeoutExpired):
        limits.run_limited([child], work, timeout_s=1)
    told = script(tmp_path / "told", "import os, sys; print(sorted(os.environ)); print(sys.stdin.read()); sys.exit(3)")
    os.environ["GOT_OCR_SECRET"] = "x"
    try:
        done = limits.run_limited([told], work, timeout_s=20, given=b"hello", variables={"OWN": "1"})
    finally:
        del os.environ["GOT_OCR_SECRET"]
    assert done.returncode == 3
    assert b"hello" in done.stdout
    assert b"GOT_OCR_SECRET" not in done.stdout
    assert b"OWN" in done.stdout
    subprocess.run(["sleep", "4"], check=True)
    assert not (work / "late").exists(), "what the program started is ended too"


def test_pandoc_runs_in_its_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    script(
        tmp_path / "pandoc",
        f"import sys\nopen({str(log)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\nsys.stderr.write('\\x1b[31mno\\n'); sys.exit(9)",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(OSError, match=r"^pandoc failed: no$"):
        render("a").to_docx(tmp_path / "a.docx")
    assert log.read_text().startswith("--sandbox ")
    assert log.read_text().count("\n") == 1, "it is not run again without its sandbox"


def test_the_browsers_sandbox_is_on_but_for_root(monkeypatch: pytest.MonkeyPatch) -> None:
    from got_ocr.rendering import browser

    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert browser.sandbox_flags() == []
    monkeypatch.setenv(browser.SANDBOX_VARIABLE, "0")
    assert browser.sandbox_flags() == ["--no-sandbox"]
    monkeypatch.delenv(browser.SANDBOX_VARIABLE)
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert browser.sandbox_flags() == ["--no-sandbox"]
    assert "--no-sandbox" not in browser._FLAGS
