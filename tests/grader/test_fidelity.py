"""The corpus: every mistake is caught by its check, and no correct submission fails one."""

from __future__ import annotations

import pytest

from grader.checks import all_checks
from grader.selftest import corpus
from grader.selftest.corpus import Outcome, cases, grade_corpus
from scripts.fidelity.faults import CONSUMER, FAULTY, PRODUCER, program_text
from tests.grader.conftest import of_the_corpus


@of_the_corpus
def test_the_corpus_is_large_enough_and_judged_right(outcomes: list[Outcome]) -> None:
    mutants = [outcome for outcome in outcomes if outcome.case.is_mutant]
    assert len(mutants) >= 80
    assert len(outcomes) - len(mutants) >= 30
    assert [outcome.case.example.name for outcome in outcomes if outcome.unexpected] == []


@of_the_corpus
def test_every_check_is_the_only_one_to_catch_some_mutant(outcomes: list[Outcome]) -> None:
    """A check that never decides alone could be taken out and nothing would be missed."""
    alone = {outcome.case.check.id for outcome in outcomes if outcome.case.is_mutant and len(outcome.caught_by) == 1}
    assert set(all_checks()) - alone == set()


@of_the_corpus
def test_outcomes_come_in_the_order_of_the_examples(outcomes: list[Outcome]) -> None:
    asked = [outcome.case.example.name for outcome in outcomes]
    assert asked == [case.example.name for case in cases()]


def test_one_process_says_of_an_example_what_a_pool_says() -> None:
    names = [case.example.name for case in cases()][::100]
    alone, pooled = grade_corpus(names, workers=1), grade_corpus(names, workers=2)
    assert alone == pooled
    assert [outcome.case.example.name for outcome in alone] == names


def test_an_example_that_breaks_is_an_outcome_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Outcome:
        raise ValueError("a broken example")

    monkeypatch.setattr(corpus, "run_case", fail)
    (outcome,) = grade_corpus([cases()[3].example.name], workers=1)
    assert outcome.case == cases()[3]
    (said,) = outcome.unexpected
    assert "a broken example" in said


def test_every_faulty_pair_differs_from_the_correct_one_by_its_changes() -> None:
    """What is to be changed stands in the programs exactly once, and what comes of it is Python."""
    for faulty in FAULTY:
        for program in (PRODUCER, CONSUMER):
            compile(program_text(program, faulty.changes), program, "exec")
    assert sum(bool(faulty.fault) for faulty in FAULTY) >= 15


def test_the_checks_that_must_catch_a_faulty_pair_are_there() -> None:
    assert {check for faulty in FAULTY for check in faulty.expected} <= set(all_checks())
