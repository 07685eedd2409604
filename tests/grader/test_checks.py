"""Every check against the submissions that it must pass and must fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from grader.api import grade
from grader.builder import CONFIG, MOMENT, Submission, order
from grader.checks import all_checks
from grader.model import Check, Status
from grader.selftest.corpus import Outcome, cases, grade_submission
from tests.grader.conftest import of_the_corpus

CHECKS = all_checks()
EXAMPLES = [(case.check, case.example.name) for case in cases()]


@of_the_corpus
@pytest.mark.parametrize("example", [pytest.param(name, id=f"{check.id}-{name}") for check, name in EXAMPLES])
def test_example(example: str, outcomes: list[Outcome]) -> None:
    """A mutant fails its check and no other, a correct variant none."""
    (unexpected,) = [outcome.unexpected for outcome in outcomes if outcome.case.example.name == example]
    assert unexpected == ()


def test_a_correct_submission_passes_every_check(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    submission.add_round_3()
    submission.add_round_4()
    submission.add_load((1, "12:00:01.000000", 0.01))
    submission.build()
    findings = grade_submission(submission).findings
    assert {finding.id: finding.actual for finding in findings if finding.status is not Status.PASS} == {}


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_every_check_has_a_failing_example_and_documentation(check: Check) -> None:
    assert check.failing, f"{check.id}: add a submission that it must fail, with @{check.id}.fails"
    assert check.title.endswith(".")
    assert check.hint
    assert check.doc, f"{check.id}: say after the first line what it looks at and why it matters"


def test_example_names_are_unique() -> None:
    names = [name for _, name in EXAMPLES]
    assert sorted(names) == sorted(set(names))


def test_a_config_whose_topic_changed_after_the_rounds_fails_one_check(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    config = submission.build() / CONFIG
    config.write_text(config.read_text().replace("_food_orders_raw", "_food_orders_raw_2"))
    failed = [finding for finding in grade_submission(submission).findings if finding.status is Status.FAIL]
    assert [finding.id for finding in failed if not finding.is_advice] == ["topic_is_configured"]


def newest_rows_first_and_a_limit_without_order_by(submission: Submission) -> None:
    base = [order(n, MOMENT - timedelta(days=2, minutes=20 * n)) for n in range(1, 11)]
    submission.inserts[0], submission.batches[0] = base[:5], base[:5]
    submission.insert(base[5:])


def order_backdated_a_day(submission: Submission) -> None:
    submission.insert([order(21, MOMENT - timedelta(days=2))])


def rounds_that_sent_nothing_bad(submission: Submission) -> None:
    assert submission.rounds == 2


def state_ahead_and_messages_without_a_trace(submission: Submission) -> None:
    submission.add_round_3()
    submission.has_quarantine = submission.has_database = False
    submission.rounds = 0


@pytest.mark.parametrize(
    ("check_id", "build", "why"),
    [
        ("no_missing_orders", newest_rows_first_and_a_limit_without_order_by, "5 missing: backdated, or"),
        ("no_missing_orders", order_backdated_a_day, "1 missing: backdated, or skipped by a LIMIT without"),
        ("round_rejected_bad_rows", rounds_that_sent_nothing_bad, "no round sent a bad row"),
        ("state_matches_newest_order", state_ahead_and_messages_without_a_trace, "may be one that had to be"),
    ],
)
def test_what_cannot_be_judged_is_no_evidence(
    check_id: str, build: Callable[[Submission], None], why: str, tmp_path: Path
) -> None:
    submission = Submission(tmp_path)
    build(submission)
    submission.build()
    finding = next(finding for finding in grade_submission(submission).findings if finding.id == check_id)
    assert finding.lacks_evidence
    assert why in (finding.actual or "")


@pytest.mark.parametrize(
    ("example", "step"),
    [
        ("batch_published_twice", "One batch was delivered again, as after a restart."),
        ("whole_table_sent_again", "The producer sent the whole table again. Keep its state file."),
        ("whole_table_sent_at_every_poll", "The producer sends the whole table at every poll."),
        ("topic_read_again_without_the_checkpoint", "The consumer read the topic again. Keep its checkpoint"),
        ("last_row_sent_at_every_poll", "The producer reads its newest rows again at every poll."),
        ("row_twice_in_one_batch", "The batches above show which program delivered twice."),
    ],
)
def test_the_next_step_fits_the_duplicates(example: str, step: str, tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    next(case.example for case in cases() if case.example.name == example).build(submission)
    submission.build()
    found = next(one for one in grade_submission(submission).findings if one.id == "no_duplicate_orders")
    assert found.hint.startswith(step)
    assert found.hint.endswith("The consumer must drop duplicates by order_id.")


def test_strict_does_not_fail_what_correct_work_could_have_left(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    submission.add_round_3()
    submission.has_quarantine = submission.has_database = False  # 5 rejected messages without a trace
    submission.rounds = 0
    submission.build()
    with grade(submission.folder, database=submission.database(), strict=True) as graded:
        found = {finding.id: finding.status for finding in graded.report.findings}
    assert found["offsets_add_up"] == found["state_matches_newest_order"] == Status.SKIP
    assert found["no_missing_orders"] is Status.FAIL  # there is no database at all
