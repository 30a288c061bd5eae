"""Pages are known by what they are: nothing is lost, mixed up or read twice, whatever it is called."""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from got_ocr.cli import exit_codes
from tests.cli.test_cli_read import errors, make_pdf, shown
from tests.support.hostile import nested_forms_pdf


def texts(folder: str) -> dict[str, str]:
    return {name: Path(folder, name).read_text().strip() for name in shown(folder)}


def records(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


@pytest.mark.parametrize("options", [[], ["--json"], ["--type", "format"]])
def test_two_folders_with_equal_names(run: Any, picture: Any, options: list[str]) -> None:
    picture("jan/page1.png", 21)
    picture("feb/page1.png", 22)
    picture("mar/Page1.jpg", 23)
    for folder in ("jan/", "feb/", "mar/", "jan/", "feb/"):
        assert run(folder, "-o", "out/", *options)[0] == 0
    assert len(shown("out")) == 3
    found = "".join(texts("out").values())
    assert all(f"{width}x10" in found for width in (21, 22, 23))


def test_two_folders_into_one_json_file(run: Any, picture: Any, model: Any) -> None:
    picture("jan/page1.png", 21)
    picture("feb/page1.png", 22)
    run("jan/", "-o", "out.jsonl", "--json")
    run("feb/", "-o", "out.jsonl", "--json")
    run("jan/", "feb/", "-o", "out.jsonl", "--json")
    assert [record["text"] for record in records("out.jsonl")] == ["21x10", "22x10"]
    assert len(model.calls) == 2


def test_the_same_file_by_another_way_is_the_same(
    run: Any, picture: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture("jan/page1.png", 21)
    out = Path("out").resolve()
    run("jan/", "-o", out)
    run("./jan/../jan/page1.png", "-o", out)
    run(Path("jan").resolve(), "-o", out)
    monkeypatch.chdir("jan")
    run("page1.png", "-o", out)
    assert len(model.calls) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["--box", "0,0,5,5"], ["--box", "5,5,10,10"]),
        (["--box", "1,1"], []),
        ([], ["--color", "red"]),
        ([], ["--crop"]),
        (["--crop"], ["--crop", "--max-tiles", "2"]),
        ([], ["--slice"]),
        ([], ["--max-new-tokens", "5"]),
        ([], ["--instruction", "Chart to table"]),
    ],
)
@pytest.mark.parametrize("target", ["out/", "out.jsonl"])
def test_what_is_asked_is_part_of_the_page(
    run: Any, picture: Any, model: Any, first: list[str], second: list[str], target: str
) -> None:
    picture("a.png", 20)
    options = ["--json"] if target.endswith("l") else []
    for arguments in (first, second, first, second):
        assert run("a.png", "-o", target, *options, *arguments)[0] == 0
    assert len(model.calls) == 2
    assert len(shown("out") if target == "out/" else records(target)) == 2


def test_how_a_box_is_spelled_is_not(run: Any, picture: Any, model: Any) -> None:
    picture("a.png", 20)
    for box in ("1,2,3,4", "[1, 2, 3, 4]", "1.0 2.0 3 4"):
        run("a.png", "-o", "out", "--box", box)
    assert len(model.calls) == 1


@pytest.mark.parametrize("target", ["out/", "out.jsonl"])
def test_a_replaced_picture_is_read_again(run: Any, picture: Any, model: Any, target: str) -> None:
    options = ["--json"] if target.endswith("l") else []
    picture("a.png", 21)
    times = os.stat("a.png")
    run("a.png", "-o", target, *options)
    picture("a.png", 22)
    os.utime("a.png", ns=(times.st_atime_ns, times.st_mtime_ns))  # As a copy that keeps times does.
    run("a.png", "-o", target, *options)
    assert len(model.calls) == 2
    if target == "out/":
        assert texts("out") == {"a.txt": "22x10"}
    else:
        assert [record["text"] for record in records(target)] == ["22x10"]


@pytest.mark.parametrize("target", ["out/", "out.jsonl"])
def test_a_copied_folder_is_not_read_again(run: Any, picture: Any, model: Any, target: str) -> None:
    options = ["--json"] if target.endswith("l") else []
    picture("a.png", 21)
    run("a.png", "-o", target, *options)
    data = Path("a.png").read_bytes()
    Path("a.png").unlink()
    Path("a.png").write_bytes(data)
    run("a.png", "-o", target, *options)
    assert len(model.calls) == 1


def test_other_weights_are_another_model(run: Any, picture: Any, model: Any) -> None:
    picture("a.png", 21)
    weights = Path(os.environ["GOT_OCR_MODEL"], "model.safetensors")
    weights.write_bytes(b"1")
    run("a.png", "-o", "out")
    run("a.png", "-o", "out")
    assert len(model.calls) == 1
    weights.write_bytes(b"22")
    run("a.png", "-o", "out")
    assert len(model.calls) == 2


def test_a_file_of_others_is_left_alone(run: Any, picture: Any) -> None:
    picture("a.png", 21)
    Path("out").mkdir()
    Path("out/a.txt").write_text("my own notes")
    _, _, err = run("a.png", "-o", "out")
    assert texts("out") == {"a.txt": "my own notes", "a~2.txt": "21x10"}
    assert "a.txt holds another page: a~2.txt is written." in err


def test_force_overwrites_the_page_and_no_other(run: Any, picture: Any) -> None:
    picture("jan/a.png", 21)
    picture("feb/a.png", 22)
    run("jan", "-o", "out", "--box", "1,2,3,4")
    run("jan", "-o", "out", "--box", "5,6,7,8", "--force")
    assert shown("out") == ["a.txt"]
    run("feb", "-o", "out", "--force")
    assert texts("out") == {"a.txt": "21x10", "a~2.txt": "22x10"}


NAMES = [b"a\xff.png", b"a\xfe.png", b"a?.png", b"a\x1b[31m.png", b"a\n.png", b"A?.png", "a\u202e.png".encode()]


@pytest.mark.parametrize("target", ["out/", "out.jsonl"])
def test_names_are_bytes(run: Any, picture: Any, model: Any, target: str) -> None:
    options = ["--json"] if target.endswith("l") else []
    picture("base.png", 21)
    Path("in").mkdir()
    for number, name in enumerate(NAMES):
        Image.new("L", (20 + number + (number > 2), 10), 255).save(Path("base.png"))
        os.replace("base.png", os.path.join(b"in", name))
    code, out, err = run("in", "-o", target, *options)
    assert code == 0
    assert "\x1b" not in out + err
    again = run("in", "-o", target, *options)
    assert again[0] == 0
    assert len(model.calls) == len(NAMES)
    if target == "out/":
        assert len(texts("out")) == len(NAMES)
    else:
        found = records(target)
        assert {os.fsencode(record["input"]) for record in found} == {b"in/" + name for name in NAMES}


def test_names_that_fail_do_not_reach_the_terminal(run: Any) -> None:
    code, out, err = run("a\x1b]0;title\x07.png", "b\x9b31m.png", "x" * 5000, "--json")
    assert code == exit_codes.NO_PAGE_READ
    assert not [char for char in out + err if not char.isprintable() and char != "\n"]
    assert all(len(line) < 1000 for line in err.splitlines())


def test_answers_do_not_command_the_terminal(
    run: Any, picture: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = model.read

    def hostile(*arguments: Any, **options: Any) -> Any:
        (answer,) = read(*arguments, **options)
        return [type(answer)("a\x1b[2Jb\x9bc\x07\r\td\ne\udc80", "stop")]

    monkeypatch.setattr(model, "read", hostile)
    picture("a.png")
    code, out, _ = run("a.png")
    assert (code, out) == (0, "a[2Jbc\td\ne?\n")
    line = run("a.png", "--json")[1]
    assert not [char for char in line if not char.isprintable() and char != "\n"]
    assert json.loads(line)["text"] == "a\x1b[2Jb\x9bc\x07\r\td\ne\udc80"


# ------------------------------------------------------------------------------------------------------------ failures


def test_a_failed_page_has_one_line_and_loses_it_when_it_is_fixed(run: Any, picture: Any) -> None:
    picture("a.png", 21)
    Path("b.png").write_bytes(b"broken")
    picture("c.png", 23)
    for _ in range(3):
        assert run("a.png", "b.png", "c.png", "-o", "o.jsonl", "--json")[0] == exit_codes.SOME_PAGES_FAILED
    assert [bool(record["error"]) for record in records("o.jsonl")] == [False, True, False]
    picture("b.png", 22)
    assert run("a.png", "b.png", "c.png", "-o", "o.jsonl", "--json")[0] == 0
    assert [record["text"] for record in records("o.jsonl")] == ["21x10", "22x10", "23x10"]


@pytest.mark.parametrize("target", ["out/", "out.jsonl"])
@pytest.mark.parametrize("kind", ["page", "document"])
def test_a_page_that_broke_a_limit_is_not_tried_again(
    run: Any, picture: Any, monkeypatch: pytest.MonkeyPatch, target: str, kind: str
) -> None:
    from got_ocr.processing import isolation
    from got_ocr.processing.options import PageError

    options = ["--json"] if target.endswith("l") else []
    Path("bomb.pdf").write_bytes(nested_forms_pdf())
    picture("a.png", 21)
    tried = []
    name = "load" if kind == "page" else "list_pages"
    work = getattr(isolation.Document, name)

    def give_up(self: Any, *arguments: Any) -> Any:
        if not str(self.data).endswith(".pdf"):
            return work(self, *arguments)
        tried.append(1)
        raise PageError("bomb.pdf: takes longer than 60 seconds to decode.", "time")

    monkeypatch.setattr(isolation.Document, name, give_up)
    code, _, err = run("bomb.pdf", "a.png", "-o", target, *options)
    assert (code, errors(err)) == (1, ["bomb.pdf: takes longer than 60 seconds to decode."])
    code, _, err = run("bomb.pdf", "a.png", "-o", target, *options)
    assert code == 1
    assert len(tried) == 1
    assert "1 pages took too much time or memory in an earlier run and were not tried (--retry-failed" in err
    run("bomb.pdf", "-o", target, *options, "--retry-failed")
    assert len(tried) == 2
    make_pdf("bomb.pdf", 1)  # Another file under the name is another page.
    monkeypatch.setattr(isolation.Document, name, work)
    assert run("bomb.pdf", "-o", target, *options)[0] == 0
    if options:
        assert [record["limit"] for record in records(target)] == [None, None]


# ------------------------------------------------------------------------------------------------- stops and rendering


def interrupted_at(model: Any, monkeypatch: pytest.MonkeyPatch, calls: int) -> Any:
    read = model.read

    def interrupt(*arguments: Any, **options: Any) -> Any:
        if len(model.calls) == calls:
            raise KeyboardInterrupt
        return read(*arguments, **options)

    monkeypatch.setattr(model, "read", interrupt)
    return read


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_rendering_after_a_stop_has_all_pages(
    run: Any, picture: Any, model: Any, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    for number in range(4):
        picture(f"in/{number}.png", 20 + number)
    read = interrupted_at(model, monkeypatch, 2)
    assert run("in", "-o", "out", "--render", "new/r.html", *options)[0] == exit_codes.INTERRUPTED
    assert not Path("new/r.html").exists()
    monkeypatch.setattr(model, "read", read)
    for _ in range(2):
        assert run("in", "-o", "out", "--render", "new/r.html", *options)[0] == 0
        page = Path("new/r.html").read_text()
        places = [page.index(f"{20 + number}x10") for number in range(4)]
        assert places == sorted(places)
    assert len(model.calls) == 4


def test_searchable_keeps_what_was_read(run: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pikepdf")
    make_pdf("doc.pdf", 4)
    read = interrupted_at(model, monkeypatch, 3)
    assert run("doc.pdf", "--searchable", "new/s.pdf", "--dpi", "72")[0] == exit_codes.INTERRUPTED
    assert shown("new") == []
    monkeypatch.setattr(model, "read", read)
    code, out, _ = run("doc.pdf", "--searchable", "new/s.pdf", "--dpi", "72")
    assert code == 0
    assert len(model.calls) == 4
    assert out == "72x72\n\f144x72\n\f216x72\n\f288x72\n"
    assert [path.name for path in Path("new").iterdir()] == ["s.pdf"]


def test_a_searchable_pdf_that_can_not_be_written_costs_no_page(
    run: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pikepdf")
    make_pdf("doc.pdf", 2)
    make_pdf("old.pdf", 7)
    old = Path("old.pdf").read_bytes()
    fsync = os.fsync

    def full(descriptor: int) -> None:
        if "/.old." in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    if sys.platform == "linux":
        monkeypatch.setattr(os, "fsync", full)
        code, _, err = run("doc.pdf", "--searchable", "old.pdf", "--force")
        assert code == exit_codes.OUTPUT_FAILED
        assert "old.pdf can't be written: No space left on device: make room; pages already written are kept." in err
        assert Path("old.pdf").read_bytes() == old
        monkeypatch.setattr(os, "fsync", fsync)
        assert len(model.calls) == 2


# --------------------------------------------------------------------------------------------------------- two writers


@pytest.mark.parametrize("target", ["out/", "out.txt", "out.jsonl"])
def test_a_second_writer_is_refused(
    run: Any, picture: Any, model: Any, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    from got_ocr.cli.output import open_output

    picture("a.png", 21)
    first = open_output(target, as_json=target.endswith("l"), suffix=".txt", force=False)
    options = ["--json"] if target.endswith("l") else []
    code, _, err = run("a.png", "-o", target, *options)
    assert code == exit_codes.OUTPUT_FAILED
    assert "is being written by another got-ocr: wait till it is done, or name another output." in errors(err)[0]
    assert model.calls == []
    first.finish()
    Path("out.txt").unlink(missing_ok=True)
    assert run("a.png", "-o", target, *options)[0] == 0


def test_starting_at_the_same_moment(tmp_path: Path) -> None:
    """No probe file of one start is in the way of another."""
    from got_ocr.cli.writing import try_folder

    troubles: list[Exception] = []

    def start() -> None:
        try:
            for _ in range(100):
                try_folder(tmp_path)
        except OSError as error:
            troubles.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------ before a model loads


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["a.png", "--render", "out.pdf"],
            2,
            "--render writes .html, .htm, .docx, .md, .tex, got out.pdf: choose",
        ),
        (["a.png", "--render", "doc.pdf"], 2, "a PDF to be read stands before --render"),
        (["a.png", "--render", "out.txt"], 2, "got out.txt: choose one of these."),
        (["a.png", "--render", "a.png/x.html"], 5, "a.png/x.html can't be written"),
        (["a.png", "--searchable", "a.png/x.pdf"], 5, "a.png/x.pdf can't be written"),
        (["a.png", "--searchable", "x.png"], 2, "--searchable writes a PDF: end its name in .pdf"),
        (["a.png", "--render", "x.html", "-o", "./x.html"], 2, "--output and --render name the same file"),
        (["a.png", "--redo"], 2, "--redo is for --searchable FILE.pdf: give both."),
        (["a.png", "--page-timeout", "-1"], 2, "argument --page-timeout: must be a number above 0"),
        (["a.png", "--max-memory", "x"], 2, "argument --max-memory: must be a number above 0"),
        (["a.png", "--instruction", " "], 2, "instruction must be a text that is not empty"),
        (["a.png", "--model", "no-such"], 4, "no folder no-such here"),
        (["a.png", "--box", "0.1,0.2,0.5,0.6"], 2, "look like fractions of the page"),
    ],
)
def test_everything_is_checked_before_a_page_is_read(
    run: Any, picture: Any, model: Any, arguments: list[str], code: int, message: str
) -> None:
    picture("a.png", 21)
    make_pdf("doc.pdf", 1)
    actual, out, err = run(*arguments)
    assert (actual, out) == (code, "")
    assert message in errors(err)[0]
    assert model.calls == []


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_narrow_encoding_is_said(
    run: Any, picture: Any, model: Any, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    import io

    read = model.read

    def greek(*arguments: Any, **options: Any) -> Any:
        return [type(answer)("αβ \U0001d6fc x", "stop") for answer in read(*arguments, **options)]

    monkeypatch.setattr(model, "read", greek)
    picture("a.png")
    for options in ([], ["--json"], ["--stream"]):
        buffer = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding=encoding))
        code, _, err = run("a.png", *options)
        if options == ["--json"]:
            assert json.loads(buffer.getvalue())["text"] == "αβ \U0001d6fc x"
            assert "became ?" not in err
        elif not options:
            assert buffer.getvalue() == b"?? ? x\n"
            assert f"letters that {encoding}, the encoding of standard output, does not know became ?" in err
        assert code == 0


def test_pages_are_shared_out_to_processes(tmp_path: Path) -> None:
    """As torchrun starts them: each page once, and equal names stay apart."""
    from tests.support.processes import run as run_process
    from tests.support.processes import start, write_pictures

    write_pictures(tmp_path / "jan", 5, first_width=20)
    write_pictures(tmp_path / "feb", 5, first_width=40)

    def parts(count: int, *options: str) -> list[tuple[int, str]]:
        processes = [
            start("jan", "feb", *options, cwd=tmp_path, environment={"RANK": str(rank), "WORLD_SIZE": str(count)})
            for rank in range(count)
        ]
        return [(process.communicate()[1], process.returncode)[::-1] for process in processes]

    for _ in range(2):
        assert [code for code, _ in parts(3, "-o", "out/")] == [0, 0, 0]
        found = sorted(path.read_text().strip() for path in (tmp_path / "out").glob("*.txt"))
        assert found == [f"{width}x10" for width in (*range(20, 25), *range(40, 45))]
    # A run that is not shared out knows what the parts wrote.
    code, _, err = run_process("jan", "feb", "-o", "out/", cwd=tmp_path)
    assert (code, "skipped 10 pages" in err) == (0, True)
    for options in (["-o", "out.jsonl", "--json"], [], ["-o", "out/", "--render", "x.html"]):
        for code, err in parts(2, *options):
            assert code == 2
            assert "give a folder to --output" in err or "leave out torchrun" in err


def test_pages_are_shared_out_to_devices(run: Any, picture: Any, model: Any) -> None:
    for number in range(7):
        picture(f"in/{number}.png", 21 + number)
    Path("in/3.png").write_bytes(b"broken")
    code, out, _ = run("in", "--device", "cpu,cpu", "--json")
    assert code == 1
    assert [json.loads(line)["text"] for line in out.splitlines()] == [
        "" if number == 3 else f"{21 + number}x10" for number in range(7)
    ]
    assert len(model.calls) == 6
