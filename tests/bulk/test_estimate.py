"""Arithmetic and simulation of a large job; docs/million_pages.md shows their figures."""

import json
from dataclasses import replace

import pytest

from got_ocr.bulk.estimate import GPUS, World, estimate_row, main, simulate, write_table
from tests.support.markdown import ROOT

SMALL = World(pages=20_000, workers=8, stops=0, deaths_per_hour=0.0)


def test_the_documents_table_is_fresh():
    text = (ROOT / "docs" / "million_pages.md").read_text(encoding="utf-8")

    assert write_table() in text, "stale: python -m got_ocr.bulk.estimate"


def test_the_documents_simulations_are_fresh(capsys):
    text = (ROOT / "docs" / "million_pages.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        if "simulate --pages" not in line:
            continue
        main(line.split("got_ocr.bulk.estimate ")[1].split())
        outcome = json.loads(capsys.readouterr().out)
        redone = f"{outcome['redone']:,}".replace(",", " ") if outcome["redone"] > 9999 else str(outcome["redone"])
        assert f"| {outcome['hours']} | {outcome['busy_percent']} % | {redone}" in text, line


def test_cost_is_hours_times_price_whatever_the_number_of_pages():
    speed, days, dollars = estimate_row(GPUS["H100"], 0.5, 1e6, 1000)

    assert speed == pytest.approx(20.7)
    assert days * 24 == pytest.approx(1e6 / 20.7 / 3600)
    assert dollars == pytest.approx(days * 24 * 2.69)
    assert estimate_row(GPUS["H200"], 0.5, 1e6, 1000)[2] is None


class TestSimulation:
    def test_workers_that_are_never_stopped_are_busy(self):
        outcome = simulate(replace(SMALL, slow_share=0.0))

        assert outcome.busy_percent > 98 and outcome.redone == 0
        assert outcome.hours >= outcome.least_hours

    def test_what_goes_wrong_costs_time_and_readings(self):
        fine = simulate(SMALL)
        bad = simulate(replace(SMALL, stops=3, deaths_per_hour=5.0))

        assert bad.hours > fine.hours and bad.redone > 0

    def test_large_files_cost_more_at_a_stop(self):
        small = simulate(replace(SMALL, stops=5))
        large = simulate(replace(SMALL, stops=5, rows_per_file=8192))

        assert large.redone > 2 * small.redone

    def test_handing_out_beats_sharing_beforehand(self):
        world = replace(SMALL, slow_share=0.01, slow_factor=200.0)

        assert simulate(world).hours < simulate(replace(world, is_shared_beforehand=True)).hours

    def test_the_same_seed_gives_the_same(self):
        assert simulate(SMALL, 3) == simulate(SMALL, 3)
