"""`got-ocr`: what it prints, writes and answers, with a model that reads nothing but sizes."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from got_ocr.cli import exit_codes, main
from got_ocr.cli.output import page_stem, write_atomically
from got_ocr.cli.progress import Progress
from got_ocr.processing.mode import Mode

ERROR = "got-ocr: error: "


def errors(stderr: str) -> list[str]:
    return [line.removeprefix(ERROR) for line in stderr.splitlines() if line.startswith(ERROR)]


def shown(folder: str) -> list[str]:
    """The files that a listing shows: not the journal."""
    return sorted(path.name for path in Path(folder).iterdir() if not path.name.startswith("."))


def make_pdf(path: str, num_pages: int, password: str | None = None) -> None:
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter()
    for number in range(1, num_pages + 1):
        writer.add_blank_page(width=72 * number, height=72)
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    writer.write(path)


# ---------------------------------------------------------------------------------------------------- standard output


def test_text_on_stdout_and_the_model_on_stderr(run: Any, picture: Any) -> None:
    picture("a.png", 30, 20)
    code, out, err = run("a.png")
    assert (code, out) == (0, "30x20\n")
    assert err.splitlines()[0].startswith("got-ocr: model: ")
    assert err.splitlines()[0].endswith("checkpoint (GOT_OCR_MODEL)")
    assert len(err.splitlines()) == 1


def test_quiet(run: Any, picture: Any) -> None:
    picture("a.png")
    assert run("a.png", "-q") == (0, "20x10\n", "")


def test_pages_are_separated_by_a_form_feed(run: Any, picture: Any) -> None:
    picture("a.png", 30, 20)
    picture("b.png", 40, 20)
    assert run("a.png", "b.png")[1] == "30x20\n\f40x20\n"


def test_options_between_inputs(run: Any, picture: Any, model: Any) -> None:
    picture("a.png")
    picture("b.png")
    code, out, _ = run("a.png", "--type", "format", "b.png", "--box", "[1, 2,3,4]", "--max-new-tokens", "9")
    assert (code, out.count("20x10")) == (0, 2)
    (first, _) = model.calls
    assert first["mode"] == Mode(ocr_type="format", box=(1, 2, 3, 4))
    assert first["max_new_tokens"] == 9


def test_a_draft_is_asked_for(run: Any, picture: Any, model: Any) -> None:
    picture("a.png")
    assert run("a.png", "--draft")[0] == 0
    assert run("a.png")[0] == 0
    assert [call["draft"] for call in model.calls] == [True, None]


def test_the_built_in_model_is_no_model_to_verify_its_own_draft(
    picture: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picture("a.png")
    code = main(["a.png", "--draft", "--model", "nano", "-q"])
    err = capsys.readouterr().err
    assert (code, len(err.splitlines())) == (2, 1)
    assert "one of its kind, which gains nothing. Leave --draft out, or choose --model full." in err


def test_defaults_reach_the_model(run: Any, picture: Any, model: Any) -> None:
    picture("a.png")
    run("a.png")
    (call,) = model.calls
    assert call["mode"] == Mode()
    assert {name: call[name] for name in ("num_images", "max_new_tokens", "batch_size", "on_text")} == {
        "num_images": 1,
        "max_new_tokens": 4096,
        "batch_size": 1,
        "on_text": None,
    }


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--color", "RED"], {"mode": Mode(color="red")}),
        (["--box", "-10,-5,20,30"], {"mode": Mode(box=(-10, -5, 20, 30))}),
        (["--box=-.5,2"], {"mode": Mode(box=(-0.5, 2))}),
        (["--crop", "--max-tiles", "12"], {"mode": Mode(crop=True, max_tiles=12)}),
        (["--multi-page"], {"mode": Mode(multi_page=True)}),
        (["--slice"], {"mode": Mode(slice_pages=True)}),
        (["--no-slice"], {"mode": Mode(slice_pages=False)}),
        (["--instruction", "Chart to table"], {"mode": Mode(instruction="Chart to table")}),
        (["--batch-size", "3"], {"batch_size": 3}),
    ],
)
def test_modes_reach_the_model(
    run: Any, picture: Any, model: Any, arguments: list[str], expected: dict[str, Any]
) -> None:
    picture("a.png")
    assert run("a.png", *arguments)[0] == 0
    assert expected.items() <= model.calls[0].items()


def test_batches(run: Any, picture: Any, model: Any) -> None:
    for number in range(5):
        picture(f"{number}.png", 20 + number)
    code, out, _ = run(".", "--batch-size", "2")
    assert code == 0
    assert [call["num_images"] for call in model.calls] == [2, 2, 1]
    assert out.split("\n\f") == ["20x10", "21x10", "22x10", "23x10", "24x10\n"]


def test_sliced_models_get_one_page_a_call(run: Any, picture: Any, model: Any) -> None:
    model.config.slicing = {"lines": 3}
    picture("a.png")
    picture("b.png")
    run("a.png", "b.png", "--batch-size", "4")
    assert [(call["num_images"], call["batch_size"]) for call in model.calls] == [(1, 4), (1, 4)]


def test_stream(run: Any, picture: Any) -> None:
    picture("a.png", 30, 20)
    picture("b.png", 40, 20)
    assert run("a.png", "b.png", "--stream")[1] == "30x20\n\f40x20\n"


def test_stdin(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.new("L", (25, 20)).save(buffer, "PNG")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(buffer.getvalue())))
    code, out, _ = run("-", "--json")
    assert code == 0
    assert json.loads(out)["input"] == "-"
    assert json.loads(out)["text"] == "25x20"


def test_empty_stdin(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    code, _, err = run("-")
    assert code == exit_codes.NO_PAGE_READ
    assert errors(err) == ["-: is empty (0 bytes): get it anew."]


def test_multi_page(run: Any, picture: Any, model: Any) -> None:
    picture("a.png", 30, 20)
    picture("b.png", 40, 20)
    code, out, err = run("a.png", "b.png", "broken.png", "--multi-page", "--json")
    assert code == exit_codes.SOME_PAGES_FAILED
    failed, read = (json.loads(line) for line in out.splitlines())
    assert failed["input"] == "broken.png"
    assert read["input"] == ["a.png", "b.png"]
    assert read["page"] is None
    assert read["text"] == "30x20 40x20"
    assert errors(err) == ["broken.png: no such file or folder: check the name."]


def test_json_lines(run: Any, picture: Any) -> None:
    picture("a.png", 30, 20)
    make_pdf("doc.pdf", 2)
    code, out, _ = run("a.png", "doc.pdf", "gone.png", "--json", "--dpi", "36")
    assert code == exit_codes.SOME_PAGES_FAILED
    records = [json.loads(line) for line in out.splitlines()]
    assert [(record["input"], record["page"], record["text"]) for record in records] == [
        ("a.png", 1, "30x20"),
        ("doc.pdf", 1, "36x36"),
        ("doc.pdf", 2, "72x36"),
        ("gone.png", 1, ""),
    ]
    assert set(records[0]) == {
        *("input", "page", "text", "finish_reason", "num_tokens", "mean_probability", "min_probability", "seconds"),
        *("error", "limit", "lines", "size"),
    }
    assert records[0]["finish_reason"] == "stop"
    assert (records[0]["num_tokens"], records[0]["mean_probability"], records[0]["min_probability"]) == (7, 0.5, 0.25)
    assert records[0]["error"] is None
    assert records[3]["finish_reason"] == "error"
    assert records[3]["error"] == "gone.png: no such file or folder: check the name."


def test_a_cut_answer_is_noticed(run: Any, picture: Any) -> None:
    picture("a.png", 15)
    code, _, err = run("a.png")
    assert code == 0
    assert "got-ocr: a.png: cut at 4096 tokens (--max-new-tokens)." in err


# ---------------------------------------------------------------------------------------------------------- bad pages


def test_one_bad_page_does_not_cost_the_others(run: Any, picture: Any) -> None:
    picture("in/1.png", 21)
    picture("in/2.png", 13)  # the model refuses it
    Path("in/3.png").write_bytes(b"broken")
    picture("in/4.png", 24)
    picture("in/5.png", 14)  # out of memory
    code, out, err = run("in", "--batch-size", "4", "--json")
    assert code == exit_codes.SOME_PAGES_FAILED
    records = [json.loads(line) for line in out.splitlines()]
    assert [(record["input"], record["text"]) for record in records] == [
        ("in/1.png", "21x10"),
        ("in/2.png", ""),
        ("in/3.png", ""),
        ("in/4.png", "24x10"),
        ("in/5.png", ""),
    ]
    assert errors(err) == [
        "in/2.png: The box lies outside the picture of 13 pixels.",
        "in/3.png: is no picture that can be read, or its beginning is damaged: "
        "PNG, JPEG, TIFF, WebP, BMP, GIF and PDF are.",
        "in/5.png: not enough memory: lower --batch-size or --max-tiles, or try --device cpu.",
    ]


def test_no_page_read_and_the_model_not_loaded(run: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("the model must not be loaded for nothing")

    monkeypatch.setattr("got_ocr.cli.read._load", refuse)
    Path("empty").mkdir()
    code, out, err = run("gone.png", "empty", "file:///etc/passwd")
    assert (code, out) == (exit_codes.NO_PAGE_READ, "")
    assert len(errors(err)) == 3


def test_encrypted_and_damaged_pdf(run: Any) -> None:
    make_pdf("secret.pdf", 2, password="sesame")
    Path("damaged.pdf").write_bytes(b"%PDF-1.7 nothing")
    code, _, err = run("secret.pdf", "damaged.pdf")
    assert code == exit_codes.NO_PAGE_READ
    assert errors(err) == [
        "secret.pdf: is an encrypted PDF: give its --password, or save it without one.",
        "damaged.pdf: is a damaged PDF, or none: get it anew, or print it to a new PDF.",
    ]
    assert run("secret.pdf", "--password", "sesame", "--dpi", "72")[:2] == (0, "72x72\n\f144x72\n")


def test_pages_of_a_document(run: Any) -> None:
    make_pdf("doc.pdf", 5)
    assert run("doc.pdf", "--pages", "4-,1", "--dpi", "72")[1] == "72x72\n\f288x72\n\f360x72\n"
    code, _, err = run("doc.pdf", "--pages", "9")
    assert code == exit_codes.NO_PAGE_READ
    assert errors(err) == ["doc.pdf: has 5 pages, but page 9 was asked for."]


def test_notices_of_our_modules_are_lines_of_ours(run: Any) -> None:
    frames = [Image.new("L", (20, 20), level) for level in (0, 99)]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    _, _, err = run("a.gif")
    assert "got-ocr: a.gif: is animated, its first frame is taken." in err.splitlines()
    assert run("a.gif", "-q")[2] == ""


def test_max_pixels(run: Any, picture: Any) -> None:
    picture("a.png", 100, 100)
    code, _, err = run("a.png", "--max-pixels", "9999")
    assert code == exit_codes.NO_PAGE_READ
    assert "100 x 100 pixels are 10,000, at most 9,999 are allowed" in err


# -------------------------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to read: give a picture, a folder, a PDF or a URL (see got-ocr --help)"),
        (["--quiet"], "nothing to read: give a picture, a folder, a PDF or a URL."),
        (["a.png", "--type", "pdf"], "argument --type: invalid choice: 'pdf'"),
        (["a.png", "--color", "pink"], "argument --color: invalid choice: 'pink'"),
        (["a.png", "--box", "1,2,3"], "box must be 4 numbers"),
        (["a.png", "--box", "__import__('os').system('id')"], "box must be 4 numbers"),
        (["a.png", "--box", "9,9,1,1"], "x1 < x2 and y1 < y2"),
        (["a.png", "--box", "1,2,3,4", "--color", "red"], "box and color were both given"),
        (["a.png", "--crop", "--multi-page"], "crop and multi_page were both given"),
        (["a.png", "--box", "1,2,3,4", "--crop"], "box and crop were both given"),
        (["a.png", "--pages", "3-1"], "pages must be like 1-3,7 or 5-"),
        (["a.png", "--dpi", "0"], "argument --dpi: must be a number above 0, got '0'"),
        (["a.png", "--dpi", "nan"], "argument --dpi: must be a number above 0, got 'nan'"),
        (["a.png", "--batch-size", "-1"], "argument --batch-size"),
        (["a.png", "--max-new-tokens", "1.5"], "must be a whole number above 0, got '1.5'"),
        (["a.png", "--no-such-option"], "unrecognized arguments: --no-such-option"),
        (["a.png", "--stream", "--json"], "--stream prints text as it comes"),
        (["a.png", "--stream", "-o", "out"], "--stream prints text as it comes"),
        (["a.png", "--max-tiles", "3"], "--max-tiles is for --crop"),
        (["-", "a.png", "-"], "- (the pipe) was given twice"),
    ],
)
def test_wrong_usage(run: Any, arguments: list[str], message: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (exit_codes.WRONG_USAGE, "")
    assert err.startswith(ERROR)
    assert message in err
    assert len(err.splitlines()) == 1


def test_help_and_version(run: Any) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for flag in (
        *("--type", "--box", "--color", "--crop", "--multi-page", "--slice", "--no-slice", "--model", "--device"),
        *("--dtype", "--batch-size", "--stream", "--output", "--json", "--dpi", "--pages", "--max-new-tokens"),
        *("--draft", "--render", "--quiet", "--version", "--force", "exit codes:", "examples:"),
    ):
        assert flag in out
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("got-ocr 0.")


def test_a_command_that_is_not_installed(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from got_ocr.cli import dispatch

    monkeypatch.setitem(dispatch.COMMANDS, "frob", "got_ocr.cli.frob")
    code, _, err = run("frob", "x")
    assert code == exit_codes.PART_MISSING
    assert errors(err) == ["the command 'frob' is not part of this installation: install a newer or complete got-ocr."]


def test_a_command_whose_package_is_missing(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from got_ocr.cli import dispatch

    def refuse(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'nltk'", name="nltk")

    monkeypatch.setattr(dispatch.importlib, "import_module", refuse)
    code, _, err = run("score", "x")
    assert code == exit_codes.PART_MISSING
    assert errors(err) == ["the command 'score' needs the package nltk: pip install nltk."]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("two\nlines"), exit_codes.WRONG_USAGE, "two lines"),
        (OSError(28, "No space left on device", "x.txt"), exit_codes.OUTPUT_FAILED, "x.txt: No space left on device."),
        (ImportError("needs nltk: pip install nltk"), exit_codes.PART_MISSING, "needs nltk"),
        (
            TypeError("oops"),
            exit_codes.INTERNAL_ERROR,
            "internal error: TypeError: oops (GOT_OCR_DEBUG=1 shows where)",
        ),
    ],
)
def test_every_failure_is_one_line(
    run: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, line: str
) -> None:
    def fail(args: Any) -> int:
        raise error

    monkeypatch.setattr("got_ocr.cli.read.run", fail)
    actual, _, err = run("a.png")
    assert actual == code
    assert len(err.splitlines()) == 1
    assert line in err


def test_interrupt(run: Any, picture: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "read", interrupt)
    picture("a.png")
    code, out, err = run("a.png", "-q")
    assert (code, out, err) == (exit_codes.INTERRUPTED, "", "got-ocr: interrupted.\n")


# -------------------------------------------------------------------------------------------------------------- files


def test_one_file_a_page_and_resume(run: Any, picture: Any, model: Any) -> None:
    picture("in/scan 1.png", 21)
    picture("in/scan 10.png", 22)
    picture("in/scan 2.png", 13)
    make_pdf("doc.pdf", 2)
    code, out, _ = run("in", "doc.pdf", "--output", "texts", "--dpi", "72")
    assert (code, out) == (exit_codes.SOME_PAGES_FAILED, "")
    names = ["doc-001.txt", "doc-002.txt", "scan 1.txt", "scan 10.txt"]
    assert shown("texts") == names
    assert Path("texts/doc-002.txt").read_text() == "144x72\n"
    # The failed page is tried again, the others are not, and what people changed stays.
    Path("texts/scan 1.txt").write_text("mended by hand")
    picture("in/scan 2.png", 23)
    model.calls.clear()
    code, _, err = run("in", "doc.pdf", "--output", "texts", "--dpi", "72")
    assert code == 0
    assert len(model.calls) == 1
    assert "skipped 4 pages that are written already (--force reads them again)." in err
    assert Path("texts/scan 2.txt").read_text() == "23x10\n"
    assert Path("texts/scan 1.txt").read_text() == "mended by hand"
    assert run("in", "--output", "texts", "--force")[0] == 0
    assert Path("texts/scan 1.txt").read_text() == "21x10\n"


def test_nothing_to_do_loads_no_model(run: Any, picture: Any, model: Any) -> None:
    picture("a.png")
    run("a.png", "-o", "out")
    model.calls.clear()
    assert run("a.png", "-o", "out")[0] == 0
    assert model.calls == []


def test_suffixes(run: Any, picture: Any) -> None:
    picture("a.png")
    run("a.png", "-o", "out", "--type", "format")
    run("a.png", "-o", "out", "--json")
    assert shown("out") == ["a.json", "a.md"]
    assert json.loads(Path("out/a.json").read_text())["text"] == "20x10"


@pytest.mark.parametrize(("target", "is_folder"), [("out", True), ("v1.2", True), ("x.d/", True), ("all.md", False)])
def test_a_folder_or_a_file(run: Any, picture: Any, target: str, is_folder: bool) -> None:
    picture("a.png")
    assert run("a.png", "-o", target)[0] == 0
    assert Path(target).is_dir() == is_folder


def test_two_pages_of_one_name(run: Any, picture: Any) -> None:
    picture("x/a.png", 21)
    picture("y/A.jpg", 22)
    assert run("x/a.png", "y/A.jpg", "-o", "out/")[0] == 0
    assert shown("out") == ["A~2.txt", "a.txt"]


def test_one_file(run: Any, picture: Any) -> None:
    picture("a.png", 21)
    picture("b.png", 22)
    assert run("a.png", "gone.png", "b.png", "--output", "new/all.txt")[0] == exit_codes.SOME_PAGES_FAILED
    assert Path("new/all.txt").read_bytes() == b"21x10\n\f22x10\n"
    code, _, err = run("a.png", "--output", "new/all.txt")
    assert code == exit_codes.OUTPUT_FAILED
    assert errors(err) == ["new/all.txt exists already: --force overwrites it, or name another file."]
    assert run("a.png", "--output", "new/all.txt", "--force")[0] == 0
    assert Path("new/all.txt").read_text() == "21x10\n"
    assert [path.name for path in Path("new").iterdir()] == ["all.txt"]


def test_a_file_gets_its_name_when_it_is_whole(
    run: Any, picture: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture("a.png", 21)
    picture("b.png", 22)
    read = model.read

    def interrupt_second(*arguments: Any, **options: Any) -> Any:
        if model.calls:
            raise KeyboardInterrupt
        return read(*arguments, **options)

    monkeypatch.setattr(model, "read", interrupt_second)
    assert run("a.png", "b.png", "-o", "all.txt")[0] == exit_codes.INTERRUPTED
    assert not Path("all.txt").exists()
    assert Path("all.txt.part").read_text() == "21x10\n"


def test_json_file_grows_and_resumes(run: Any, picture: Any, model: Any) -> None:
    picture("a.png", 21)
    picture("b.png", 13)
    assert run("a.png", "b.png", "--json", "-o", "all.jsonl")[0] == exit_codes.SOME_PAGES_FAILED
    with open("all.jsonl", "a") as file:
        file.write('{"input": "a crash cut this li')
    picture("b.png", 22)
    picture("c.png", 23)
    model.calls.clear()
    assert run("a.png", "b.png", "c.png", "--json", "-o", "all.jsonl")[0] == 0
    assert len(model.calls) == 2
    records = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    assert [(record["input"], record["text"]) for record in records] == [
        ("a.png", "21x10"),
        ("b.png", "22x10"),  # The line of the failure was replaced.
        ("c.png", "23x10"),
    ]
    assert run("c.png", "--json", "-o", "all.jsonl", "--force")[0] == 0
    assert len(Path("all.jsonl").read_text().splitlines()) == 1


def test_a_foreign_file_is_not_added_to(run: Any, picture: Any) -> None:
    picture("a.png")
    Path("notes.json").write_text("[1, 2]\n")
    code, _, err = run("a.png", "--json", "-o", "notes.json")
    assert code == exit_codes.OUTPUT_FAILED
    assert errors(err) == ["notes.json exists, but its line 1 is none of got-ocr's: --force overwrites it."]
    assert Path("notes.json").read_text() == "[1, 2]\n"


def test_an_input_is_never_overwritten(run: Any, picture: Any) -> None:
    picture("a.png")
    code, _, err = run("a.png", "-o", "./a.png", "--force")
    assert code == exit_codes.WRONG_USAGE
    assert errors(err) == ["--output names an input, ./a.png: choose another name."]


@pytest.mark.parametrize("target", ["a.png/out/", "a.png/out.txt"])
def test_output_in_the_way(run: Any, picture: Any, model: Any, target: str) -> None:
    picture("a.png")
    code, _, err = run("a.png", "-o", target)
    assert code == exit_codes.OUTPUT_FAILED
    assert len(errors(err)) == 1
    assert model.calls == []


def test_read_only_output_is_found_before_reading(
    run: Any, picture: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture("a.png")

    def refuse(self: Path, *_: Any, **__: Any) -> Any:
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    code, _, err = run("a.png", "-o", "out/")
    assert code == exit_codes.OUTPUT_FAILED
    assert errors(err) == ["out can't be written: Read-only file system: choose another --output."]
    assert model.calls == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk(run: Any, picture: Any) -> None:
    picture("a.png")
    code, _, err = run("a.png", "--json", "-o", "/dev/full")
    assert code == exit_codes.OUTPUT_FAILED
    assert errors(err) == [
        "/dev/full can't be written: No space left on device: make room; pages already written are kept."
    ]
    assert run("a.png", "-o", "/dev/full")[0] == exit_codes.OUTPUT_FAILED


def test_a_file_that_can_not_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("old")

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("source", "number", "is_document", "expected"),
    [
        ("dir/scan.png", 1, False, "scan"),
        ("a.b.pdf", 12, True, "a.b-012"),
        ("-", 1, False, "stdin"),
        ("https://host/x/p%C3%A1gina%201.png?size=9", 1, False, "página 1"),
        ("https://host/", 1, False, "host"),
        ("..", 1, False, "page"),
        ("a\nb:c|d.png", 1, False, "a_b_c_d"),
        ("é" * 200 + ".png", 1, False, "é" * 75),
    ],
)
def test_names_of_files(source: str, number: int, is_document: bool, expected: str) -> None:
    assert page_stem(source, number, is_document) == expected


# ------------------------------------------------------------------------------------------------ rendering, progress


def test_render(run: Any, picture: Any) -> None:
    pytest.importorskip("got_ocr.rendering.document")
    picture("in/a.png", 30, 20)
    assert run("--render", "in/a.png")[:2] == (0, "30x20\n")  # the name belongs to the inputs
    assert "30x20" in Path("a.html").read_text()
    code, _, err = run("in/a.png", "--render")
    assert code == exit_codes.OUTPUT_FAILED
    assert "a.html exists already: --force overwrites it" in err
    assert run("in/a.png", "gone.png", "--render", "out.html")[0] == exit_codes.SOME_PAGES_FAILED
    assert "30x20" in Path("out.html").read_text()
    assert sorted(path.name for path in Path().iterdir()) == ["a.html", "in", "out.html"]


def test_render_without_its_room(run: Any, picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "got_ocr.rendering", None)
    picture("a.png")
    code, _, err = run("a.png", "--render")
    assert code == exit_codes.PART_MISSING
    assert "pip install pikepdf rdkit verovio" in err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_shows_itself_only_when_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr("got_ocr.cli.progress.REFRESH_S", 0.01)
    for delay_s, shown in ((60.0, False), (0.01, True)):
        monkeypatch.setattr("got_ocr.cli.progress.DELAY_S", delay_s)
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        with Progress(total=4) as progress:
            progress.note = "GPUs 85 % busy"
            progress.advance()
            end = time.monotonic() + 10 * shown
            while time.monotonic() < end and "85 % busy" not in terminal.getvalue():
                time.sleep(0.01)
        assert ("1/4" in terminal.getvalue()) == ("GPUs 85 % busy" in terminal.getvalue()) == shown


def test_no_bar_without_a_terminal() -> None:
    assert not Progress(total=4).shows_bar


def test_main_takes_the_arguments_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["got-ocr", "--version"])
    assert main() == 0
