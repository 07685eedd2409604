"""Causes come first: what a failed check explains stands under it, and the marks stay the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from configs.contract import format_timestamp, parse_timestamp
from grader.builder import STATE, Submission
from grader.checks import all_checks
from grader.grading import explained, judge_checks
from grader.model import Finding, Report, Status
from grader.renderers import by_urgency, gradescope, html, junit, markdown, terminal, to_fix
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
    return {finding.id: finding.explained_by for finding in explained(failed(*ids, **actual), all_checks())}


def example_report(name: str, folder: Path) -> Report:
    submission = Submission(folder)
    next(case.example for case in cases() if case.example.name == name).build(submission)
    submission.build()
    return grade_submission(submission)


def test_a_time_zone_explains_wrong_folders_and_a_wrong_state(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    for row in submission.rows:
        local = format_timestamp(parse_timestamp(row.created_at) + timedelta(hours=14))
        submission.change_in_lake(row.order_id, created_at=local)
        submission.days[row.order_id] = row.created_at[:10]
    submission.state = "2025-11-20T12:24:20.123456Z"
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
    found = explained((passed, *failed("date_folders")), all_checks())
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
    without = {check_id: replace(check, explains=()) for check_id, check in known.items()}
    one, other = (judge_checks(submission.evidence(), "s", checks, rubric) for checks in (known, without))
    assert [(f.id, f.points) for f in one.findings] == [(f.id, f.points) for f in other.findings]
    assert any(finding.explained_by for finding in one.findings)
    assert not any(finding.explained_by for finding in other.findings)


def test_causes_come_before_other_failures_and_effects_after_their_cause() -> None:
    ids = ("state_moved_forward", "no_missing_orders", "sink_log_agrees", "few_files")
    report = Report("s", "0", "a" * 64, {}, explained(failed(*ids), all_checks()))
    shown = [finding.id for finding in by_urgency(report)]
    assert shown == ["sink_log_agrees", "no_missing_orders", "state_moved_forward", "few_files"]
    assert [finding.id for finding in to_fix(report)] == ["sink_log_agrees", "state_moved_forward", "few_files"]


def test_advice_that_explains_lost_marks_comes_with_them() -> None:
    advice = replace(failed("quarantine_holds_bad_only")[0], max_points=0)
    report = Report(
        "s", "0", "a" * 64, {}, explained((*failed("few_files", "no_missing_orders"), advice), all_checks())
    )
    assert [finding.id for finding in to_fix(report)] == ["quarantine_holds_bad_only", "few_files"]


def test_only_the_cause_has_a_next_step_and_the_effect_is_still_shown() -> None:
    report = Report("s", "0", "a" * 64, {}, explained(failed("no_time_shift", "date_folders"), all_checks()))
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
