"""The corpus: every mistake is caught by its check, and no correct submission fails one."""

from __future__ import annotations

import pytest

from grader.checks import all_checks
from scripts.fidelity.__main__ import run_corpus
from scripts.fidelity.corpus import Outcome
from scripts.fidelity.faults import CONSUMER, FAULTY, PRODUCER, program_text


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return run_corpus()


def test_the_corpus_is_large_enough_and_judged_right(outcomes: list[Outcome]) -> None:
    mutants = [outcome for outcome in outcomes if outcome.is_mutant]
    assert len(mutants) >= 80
    assert len(outcomes) - len(mutants) >= 30
    assert [outcome.example.name for outcome in outcomes if outcome.unexpected] == []


def test_every_check_is_the_only_one_to_catch_some_mutant(outcomes: list[Outcome]) -> None:
    """A check that never decides alone could be taken out and nothing would be missed."""
    alone = {outcome.check.id for outcome in outcomes if outcome.is_mutant and len(outcome.caught_by) == 1}
    assert set(all_checks()) - alone == set()


def test_every_faulty_pair_differs_from_the_correct_one_by_its_changes() -> None:
    """What is to be changed stands in the programs exactly once, and what comes of it is Python."""
    for faulty in FAULTY:
        for program in (PRODUCER, CONSUMER):
            compile(program_text(program, faulty.changes), program, "exec")
    assert sum(bool(faulty.fault) for faulty in FAULTY) >= 15


def test_the_checks_that_must_catch_a_faulty_pair_are_there() -> None:
    assert {check for faulty in FAULTY for check in faulty.expected} <= set(all_checks())
