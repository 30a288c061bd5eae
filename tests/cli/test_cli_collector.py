"""The garbage collector rests while the libraries are imported, and works afterwards."""

import gc
import sys

import pytest

from got_ocr.cli.collector import collector_at_rest


@pytest.fixture
def without_torch(monkeypatch):
    """A process that has not imported torch; what the test froze is thawed."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    gc.unfreeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("without_torch")
def test_collector_rests_and_what_was_made_is_left_alone():
    with collector_at_rest():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(made)


@pytest.mark.usefixtures("without_torch")
def test_collector_works_again_after_a_failed_import():
    with pytest.raises(ImportError, match="no such"), collector_at_rest():
        raise ImportError("no such library")
    assert gc.isenabled()


@pytest.mark.usefixtures("without_torch")
def test_collector_that_somebody_stopped_stays_stopped():
    gc.disable()
    try:
        with collector_at_rest():
            pass
        assert not gc.isenabled()
        assert gc.get_freeze_count() == 0
    finally:
        gc.enable()


def test_process_that_has_torch_is_left_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", sys)
    before = gc.get_freeze_count()
    with collector_at_rest():
        assert gc.isenabled()
    assert gc.get_freeze_count() == before
