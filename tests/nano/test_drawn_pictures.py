"""What training and the benchmark draw stays as it is, to the bit."""

import json
from pathlib import Path

import pytest

from tests.support.drawn_pictures import draw_packaged, libraries

GOLDEN = Path(__file__).with_name("drawn_pictures.json")


def test_no_picture_of_training_or_benchmark_changes(tmp_path: Path) -> None:
    golden = json.loads(GOLDEN.read_text())
    if golden["libraries"] != libraries():
        pytest.skip(f"the pictures were summed up with {golden['libraries']}, here are {libraries()}")
    drawn = draw_packaged(tmp_path)
    assert drawn.keys() == golden["digests"].keys()
    changed = [name for name, sum_ in drawn.items() if golden["digests"][name] != sum_]
    assert not changed, "if that is meant: python -m tests.support.drawn_pictures > tests/nano/drawn_pictures.json"
