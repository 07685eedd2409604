"""Three drills for real: ours comes out clean, and the naive baseline does not, so that the drills can see a loss."""

from __future__ import annotations

import pytest

from scripts.drills import all_drills
from scripts.drills.model import Result
from scripts.drills.report import verdict
from scripts.drills.runner import Planned, Session
from scripts.pipeline.programs import NAIVE
from scripts.services.stack import OURS, Programs

pytestmark = pytest.mark.services


def run(programs: Programs, *names: str) -> dict[str, Result]:
    """Run drills on one stack, whatever comes of them."""
    session = Session(programs)
    try:
        return {name: session.run(Planned(all_drills()[name], seed=1)) for name in names}
    finally:
        session.close()


def test_ours_loses_and_repeats_nothing() -> None:
    results = run(OURS, "late_commit", "ties_at_the_limit", "producer_killed_after_publish")
    assert {name: verdict(result) for name, result in results.items()} == dict.fromkeys(results, "clean")
    assert results["producer_killed_after_publish"].balance.repeats_removed > 0


def test_the_naive_baseline_loses_and_repeats() -> None:
    results = run(NAIVE, "late_commit", "ties_at_the_limit", "producer_killed_after_publish")
    assert results["late_commit"].balance.lost == 10
    assert results["ties_at_the_limit"].balance.lost >= 30
    assert results["producer_killed_after_publish"].balance.repeated > 0
