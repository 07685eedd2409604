"""Causes come first: what a failed check explains stands under it, and the marks stay the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from configs.contract import format_timestamp, parse_timestamp
from grader.builder import LAKE, STATE, Submission
from grader.checks import all_checks
from grader.evidence import Evidence
from grader.grading import explained, judge_checks
from grader.model import Finding, Report, Status
from grader.renderers import by_urgency, gradescope, html, junit, markdown, next_step, terminal, to_fix
from grader.renderers import json as json_renderer
from grader.rubric import DEFAULT_RUBRIC, load_rubric
from grader.selftest.corpus import Outcome, cases, grade_submission
from tests.grader.conftest import of_the_corpus

AT = "2025-11-20T08:00:00Z"
# Two mistakes in one mutant, or evidence that fits two causes equally well. Nothing else may join this list.
NOT_FIRST = {
    "consumer_killed_in_its_last_batch",  # the same evidence as consumer_killed_before_it_wrote_anything
    "row_lost_before_the_consumer_was_killed_in_a_batch",
    "row_lost_and_no_state",
    "milliseconds_taken_for_seconds",
    # Their config is missing or names another format, and that comes first.
    "lake_of_orc_files_and_no_config",
    "lake_of_other_data_and_no_config",
    "lake_is_an_iceberg_table",
}


@of_the_corpus
def test_the_first_finding_is_the_check_that_the_mutant_is_named_for(outcomes: list[Outcome]) -> None:
    mutants = [outcome for outcome in outcomes if outcome.case.is_mutant]
    assert {outcome.case.example.name for outcome in mutants if not outcome.is_first} == NOT_FIRST


def failed(*ids: str, **actual: str) -> tuple[Finding, ...]:
    """A failure of each check, in this order."""
    return tuple(
        Finding(
            id_, f"Title of {id_}.", Status.FAIL, 0, 1, "x", actual.get(id_, f"found by {id_}"), (), f"Fix {id_}.", ""
        )
        for id_ in ids
    )


def explanations(*ids: str, **actual: str) -> dict[str, str | None]:
    return {finding.id: finding.explained_by for finding in explained(failed(*ids, **actual), explains)}


def explains(cause: str, effect: str) -> bool:
    """Without evidence that disagrees."""
    return effect in all_checks()[cause].explains


def plant(name: str, submission: Submission) -> None:
    """The mistake of a check's example."""
    next(case.example for case in cases() if case.example.name == name).build(submission)


def example_report(name: str, folder: Path) -> Report:
    submission = Submission(folder)
    plant(name, submission)
    submission.build()
    return grade_submission(submission)


def lose_order_4(submission: Submission) -> None:
    submission.lose(4)


def lose_orders_1_to_5(submission: Submission) -> None:
    submission.lose(1, 2, 3, 4, 5)


def put_order_12_in_the_folder_of_another_day(submission: Submission) -> None:
    submission.days[12] = "2025-11-10"


def take_the_state_from_the_clock(submission: Submission) -> None:
    submission.state = "2025-11-20T00:00:00.000000Z"


def alter_an_amount(submission: Submission) -> None:
    submission.change_in_lake(4, amount="104.60")


def deliver_the_first_three_orders_again(submission: Submission) -> None:
    submission.append_batch(submission.rows[:3])


def deliver_the_last_five_orders_again(submission: Submission) -> None:
    submission.append_batch(submission.rows[15:20])


def keep_a_refund(submission: Submission) -> None:
    submission.change(7, amount="-5.00")


def delete_a_file(submission: Submission) -> None:
    submission.edit(lambda root: max((root / LAKE).glob("date=*/*.parquet")).unlink())


@pytest.mark.parametrize(
    ("first", "second", "cause", "other"),
    [
        ("local_time_of_india", put_order_12_in_the_folder_of_another_day, "no_time_shift", "date_folders"),
        ("local_time_of_india", take_the_state_from_the_clock, "no_time_shift", "state_matches_newest_order"),
        ("local_time_of_india", lose_order_4, "no_time_shift", "no_missing_orders"),
        ("local_time_of_india", alter_an_amount, "no_time_shift", "values_match_database"),
        ("checkpoint_deleted_and_lake_kept", lose_order_4, "sink_log_not_ahead", "no_missing_orders"),
        (
            "checkpoint_deleted_and_lake_kept",
            take_the_state_from_the_clock,
            "sink_log_not_ahead",
            "state_matches_newest_order",
        ),
        ("lake_put_back_from_a_backup", lose_order_4, "sink_log_not_behind", "no_missing_orders"),
        ("log_of_a_batch_deleted", lose_order_4, "sink_log_complete", "no_missing_orders"),
        ("file_deleted", lose_order_4, "sink_log_agrees", "no_missing_orders"),
        ("log_edited_by_hand", lose_order_4, "sink_log_agrees", "no_missing_orders"),
        ("truncated_file", delete_a_file, "lake_readable", "sink_log_agrees"),
        (
            "newest_row_sent_at_every_poll",
            deliver_the_first_three_orders_again,
            "round_published_once",
            "no_duplicate_orders",
        ),
        ("no_state", deliver_the_last_five_orders_again, "state_readable", "no_duplicate_orders"),
        ("state_behind", deliver_the_first_three_orders_again, "state_matches_newest_order", "no_duplicate_orders"),
        ("no_checkpoint", deliver_the_last_five_orders_again, "checkpoint_readable", "no_duplicate_orders"),
        ("item_renamed_on_the_way", alter_an_amount, "round_values_kept", "values_match_database"),
        ("fields_misspelt_in_the_schema", alter_an_amount, "no_empty_column", "values_match_database"),
        ("row_of_round_2_lost", lose_order_4, "round_rows_arrived", "no_missing_orders"),
        ("clean_order_kept_out", lose_order_4, "quarantine_holds_bad_only", "no_missing_orders"),
        ("starting_offsets_latest", lose_orders_1_to_5, "reads_from_the_beginning", "no_missing_orders"),
        ("negative_amount_of_round_3_kept", keep_a_refund, "round_rejected_bad_rows", "no_negative_amount"),
        ("text_taken_for_an_order_id", keep_a_refund, "round_rejected_bad_rows", "no_negative_amount"),
        ("order_of_another_table", take_the_state_from_the_clock, "no_unknown_orders", "state_matches_newest_order"),
    ],
)
def test_a_second_mistake_has_its_own_next_step(
    first: str, second: Callable[[Submission], None], cause: str, other: str, tmp_path: Path
) -> None:
    submission = Submission(tmp_path)
    plant(first, submission)
    second(submission)
    submission.build()
    shown = {finding.id: finding for finding in to_fix(grade_submission(submission))}
    assert {cause, other} <= set(shown)
    assert next_step(shown[other]) == shown[other].hint


@pytest.mark.parametrize(
    ("first", "second", "cause", "effect"),
    [
        ("no_state", lambda s: s.append_batch(s.rows), "state_readable", "no_duplicate_orders"),
        ("state_behind", deliver_the_last_five_orders_again, "state_matches_newest_order", "no_duplicate_orders"),
        (
            "newest_row_sent_at_every_poll",
            deliver_the_last_five_orders_again,
            "round_published_once",
            "no_duplicate_orders",
        ),
    ],
)
def test_duplicates_that_fit_the_cause_stand_below_it(
    first: str, second: Callable[[Submission], None], cause: str, effect: str, tmp_path: Path
) -> None:
    submission = Submission(tmp_path)
    plant(first, submission)
    second(submission)
    submission.build()
    found = {finding.id: finding for finding in grade_submission(submission).findings}
    assert found[effect].explained_by == cause


def test_a_cause_whose_evidence_cannot_be_read_explains_nothing(tmp_path: Path) -> None:
    def broken(evidence: Evidence) -> bool:
        raise ZeroDivisionError

    known = dict(all_checks())
    known["no_time_shift"] = replace(known["no_time_shift"], explains={"keeps_microseconds": broken})
    submission = Submission(tmp_path)
    plant("shifted_and_cut_to_milliseconds", submission)
    submission.build()
    errors: list[str] = []
    rubric = load_rubric(DEFAULT_RUBRIC, known)
    report = judge_checks(submission.evidence(), "s", known, rubric, on_error=errors.append)
    assert {finding.explained_by for finding in report.findings} == {None}
    assert "ZeroDivisionError" in errors[0]


def test_a_time_zone_explains_wrong_folders_and_a_wrong_state(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    for row in submission.rows:
        local = format_timestamp(parse_timestamp(row.created_at) + timedelta(hours=14))
        submission.change_in_lake(row.order_id, created_at=local)
        submission.days[row.order_id] = row.created_at[:10]
    submission.state = "2025-11-20T02:24:20.123456Z"
    submission.build()
    report = grade_submission(submission)
    (cause,) = [finding.id for finding in to_fix(report)]
    assert cause == "no_time_shift"
    below = {finding.id for finding in report.findings if finding.explained_by == cause}
    assert {"date_folders", "state_matches_newest_order"} <= below


def test_a_deleted_checkpoint_explains_what_the_log_and_the_rounds_show(tmp_path: Path) -> None:
    report = example_report("checkpoint_deleted_and_lake_kept", tmp_path)
    assert [finding.id for finding in to_fix(report)] == ["sink_log_not_ahead"]
    assert [finding.id for finding in report.findings if finding.explained_by] == ["round_advanced_offsets"]


def test_rows_sent_at_every_poll_explain_duplicates(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    for _ in range(4):
        submission.append_batch(submission.rows)
    submission.remove(STATE)
    submission.build()
    report = grade_submission(submission)
    assert [finding.id for finding in to_fix(report) if not finding.is_advice] == ["state_readable"]
    assert explanations("round_published_once", "no_duplicate_orders")["no_duplicate_orders"] == "round_published_once"


def test_the_first_cause_of_a_chain_explains_all_of_it() -> None:
    assert explanations("round_rows_arrived", "no_missing_orders", "sink_log_complete") == {
        "sink_log_complete": None,
        "round_rows_arrived": "sink_log_complete",
        "no_missing_orders": "sink_log_complete",
    }


def test_what_did_not_fail_explains_nothing(tmp_path: Path) -> None:
    passed = replace(failed("no_time_shift")[0], status=Status.PASS)
    found = explained((passed, *failed("date_folders")), explains)
    assert [finding.explained_by for finding in found] == [None, None]


def test_a_lack_of_evidence_that_strict_fails_is_no_cause() -> None:
    assert set(explanations("no_time_shift", "date_folders", no_time_shift="no evidence: x").values()) == {None}
    assert set(explanations("no_time_shift", "date_folders", date_folders="no evidence: x").values()) == {None}


@pytest.mark.parametrize("name", ["log_of_a_batch_deleted", "file_deleted", "clean_order_kept_out"])
def test_marks_do_not_depend_on_causes(name: str, tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    next(case.example for case in cases() if case.example.name == name).build(submission)
    submission.build()
    known = all_checks()
    rubric = load_rubric(DEFAULT_RUBRIC, known)
    without = {check_id: replace(check, explains={}) for check_id, check in known.items()}
    one, other = (judge_checks(submission.evidence(), "s", checks, rubric) for checks in (known, without))
    assert [(f.id, f.points) for f in one.findings] == [(f.id, f.points) for f in other.findings]
    assert any(finding.explained_by for finding in one.findings)
    assert not any(finding.explained_by for finding in other.findings)


def test_causes_come_before_other_failures_and_effects_after_their_cause() -> None:
    ids = ("state_moved_forward", "no_missing_orders", "sink_log_agrees", "few_files")
    report = Report("s", "0", "a" * 64, {}, explained(failed(*ids), explains))
    shown = [finding.id for finding in by_urgency(report)]
    assert shown == ["sink_log_agrees", "no_missing_orders", "state_moved_forward", "few_files"]
    assert [finding.id for finding in to_fix(report)] == ["sink_log_agrees", "state_moved_forward", "few_files"]


def test_advice_that_explains_lost_marks_comes_with_them() -> None:
    advice = replace(failed("quarantine_holds_bad_only")[0], max_points=0)
    report = Report("s", "0", "a" * 64, {}, explained((*failed("few_files", "no_missing_orders"), advice), explains))
    assert [finding.id for finding in to_fix(report)] == ["quarantine_holds_bad_only", "few_files"]


def test_only_the_cause_has_a_next_step_and_the_effect_is_still_shown() -> None:
    report = Report("s", "0", "a" * 64, {}, explained(failed("no_time_shift", "date_folders"), explains))
    pages = [terminal.render(report), *(one.render(report, AT) for one in (markdown, html, junit, gradescope))]
    for text in pages:
        assert "Fix no" in text
        assert "Fix date" not in text
        assert "found by date" in text
    assert "explains  date_folders (0/1): found by date_folders" in pages[0]
    assert "see no_time_shift, which explains this" in pages[3]
    assert "see no_time_shift, which explains this" in pages[4]
    found = {one.id: one.explained_by for one in json_renderer.document(report, AT).checks}
    assert found == {"no_time_shift": None, "date_folders": "no_time_shift"}
