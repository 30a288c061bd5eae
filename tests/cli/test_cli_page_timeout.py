"""`--page-timeout`: a page that the model reads too long is one failed record, and the others are read."""

import json
from typing import Any

import pytest

from got_ocr.cli import exit_codes

LATE = "b.png: takes longer than 7 seconds to read: raise --page-timeout."


def test_the_rest_goes_on_and_what_was_read_is_kept(run: Any, picture: Any, model: Any) -> None:
    for name, width in (("a.png", 20), ("b.png", 16), ("c.png", 21)):
        picture(name, width)
    code, out, err = run("a.png", "b.png", "c.png", "--page-timeout", "7")
    assert (code, out) == (exit_codes.SOME_PAGES_FAILED, "20x10\n\f21x10\n")
    assert f"got-ocr: error: {LATE}\n" in err
    code, out, _ = run("a.png", "b.png", "c.png", "--json", "--page-timeout", "7")
    records = [json.loads(line) for line in out.splitlines()]
    assert [(one["text"], one["limit"], one["finish_reason"]) for one in records] == [
        ("20x10", None, "stop"),
        ("half", "time", "error"),
        ("21x10", None, "stop"),
    ]
    assert records[1]["error"] == LATE


@pytest.mark.parametrize("target", [["-o", "out"], ["-o", "out.jsonl", "--json"]])
def test_it_is_not_tried_again_unless_asked(run: Any, picture: Any, model: Any, target: list[str]) -> None:
    picture("a.png", 20)
    picture("b.png", 16)
    assert run("a.png", "b.png", *target)[0] == exit_codes.SOME_PAGES_FAILED
    model.calls.clear()
    code, _, err = run("a.png", "b.png", *target)
    assert code == exit_codes.SOME_PAGES_FAILED and model.calls == []
    assert "1 pages took too much time or memory in an earlier run" in err
    run("a.png", "b.png", *target, "--retry-failed")
    assert len(model.calls) == 1


@pytest.mark.parametrize(("given", "allowed"), [([], (500, 600)), (["--page-timeout", "70"], (1, 70))])
def test_what_loading_took_is_taken_off(
    run: Any, picture: Any, model: Any, given: list[str], allowed: tuple[float, float]
) -> None:
    picture("a.png")
    assert run("a.png", *given)[0] == 0
    assert allowed[0] <= model.calls[0]["page_timeout_s"] < allowed[1]
    assert run("a.png", "--page-timeout", "0")[0] == 0
    assert model.calls[1]["page_timeout_s"] is None
