"""The facts behind the charts, from submissions as a pipeline leaves them."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from grader.builder import CHECKPOINT, LAKE, MOMENT, ROUNDS, STATE, Submission, give_times, order
from grader.evidence.orders import moment_us
from grader.renderers.charts import charts
from grader.renderers.timeline import MAX_BARS, MAX_MOMENTS, Batch, Moment, Span, Timeline, timeline


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    made = Submission(tmp_path)
    made.edit(give_times)
    return made


def facts_of(submission: Submission) -> Timeline:
    submission.build()
    return timeline(submission.evidence())


def values(facts: Timeline, name: str) -> list[int]:
    return [value for moment in facts.moments if (value := getattr(moment, name)) is not None]


def test_rows_pass_through_every_stage_in_order(submission: Submission) -> None:
    facts = facts_of(submission)
    assert [moment.what for moment in facts.moments] == [
        "batch 0 planned",
        "batch 0 in the lake",
        "round 1 begins",
        "round 1: 5 rows inserted",
        "batch 1 planned",
        "batch 1 in the lake",
        "round 1 ends",
        "round 2 begins",
        "round 2: 5 rows inserted",
        "batch 2 planned",
        "batch 2 in the lake",
        "round 2 ends",
        "graded",
    ]
    assert values(facts, "postgres") == [10, 15, 15, 15, 20, 20, 20]
    assert values(facts, "kafka") == [10, 10, 15, 15, 15, 20, 20, 20]
    assert values(facts, "lake") == [10, 10, 15, 15, 15, 20, 20, 20]
    assert facts.rounds == (Span("round 1", 2, 6), Span("round 2", 7, 11))


def test_newest_order_and_state_climb_together(submission: Submission) -> None:
    facts = facts_of(submission)
    newest = moment_us("2025-11-19T12:24:20.123456Z")
    assert values(facts, "newest_in_lake_us")[-1] == values(facts, "state_us")[-1] == newest
    assert values(facts, "state_us") == sorted(values(facts, "state_us"))
    (watermark,) = [chart for chart in charts(facts) if chart.id == "watermark"]
    assert watermark.answer == "The state is at the newest order in the lake, 2025-11-19T12:24:20.123456Z."


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        ("2025-11-19T12:24:00.123456Z", "The state is 0:00:20 behind the newest order in the lake."),
        ("2025-11-21T12:24:20.123456Z", "The state is 2 days, 0:00:00 ahead of the newest order in the lake."),
        ("2025-11-19T12:24:20Z", "The state is at the newest order in the lake, 2025-11-19T12:24:20.123456Z."),
        ("", "There is no state to compare with."),
    ],
)
def test_distance_of_the_state(submission: Submission, state: str, answer: str) -> None:
    for name in ("round1", "round2"):
        submission.remove(f"{ROUNDS}/{name}.json")
    submission.edits.reverse()  # the times are given by the records
    submission.edits.sort(key=lambda edit: edit is not give_times)
    submission.state = state
    (watermark,) = [chart for chart in charts(facts_of(submission)) if chart.id == "watermark"]
    assert watermark.answer == answer


def test_batches_read_and_written(submission: Submission) -> None:
    submission.lose(14)
    submission.append_batch(submission.rows[-2:])
    assert facts_of(submission).batches == (
        Batch("0", 10, 10),
        Batch("1", 5, 4),
        Batch("2", 5, 5),
        Batch("3", 2, 2),
    )


def test_batches_that_the_checkpoint_forgot(submission: Submission) -> None:
    """Spark keeps the last 100; without sources/0/0 even the first rows are unknown."""

    def forget(root: Path) -> None:
        (root / CHECKPOINT / "offsets" / "0").unlink()
        shutil.rmtree(root / CHECKPOINT / "sources")

    submission.edit(forget)
    facts = facts_of(submission)
    assert facts.batches == (Batch("1", None, 5), Batch("2", 5, 5))
    assert "an earlier batch in the lake" in [moment.what for moment in facts.moments]


def many(submission: Submission, batches: int, days: int) -> None:
    for at in range(batches):
        submission.append_batch([order(100 + at, MOMENT + timedelta(days=at * days))])


def test_many_batches_and_moments_are_folded(submission: Submission) -> None:
    many(submission, batches=90, days=0)
    facts = facts_of(submission)
    assert len(facts.batches) <= MAX_BARS
    assert sum(batch.read or 0 for batch in facts.batches) == 110
    assert all(batch.read == batch.written for batch in facts.batches)
    assert facts.batches[0].label == "0–2"
    assert len(facts.moments) <= MAX_MOMENTS
    assert values(facts, "lake")[-1] == values(facts, "kafka")[-1] == 110
    assert [span.name for span in facts.rounds] == ["round 1", "round 2"]


@pytest.mark.parametrize(
    ("days", "first", "title"),
    [(1, ("2025-11", 31), "Rows per month"), (30, ("2025", 22), "Rows per year")],
)
def test_many_dates_become_months_and_years(
    submission: Submission, days: int, first: tuple[str, int], title: str
) -> None:
    many(submission, batches=60, days=days)
    facts = facts_of(submission)
    assert sum(rows for _, rows in facts.dates) == 80
    assert len(facts.dates) <= MAX_BARS
    assert facts.dates[0] == first
    assert title in [chart.title for chart in charts(facts)]


def test_folders_without_a_date_are_counted(submission: Submission) -> None:
    for order_id in range(1, 11):
        submission.days[order_id] = f"day-{order_id}"
    many(submission, batches=60, days=1)
    assert ("no date", 10) in facts_of(submission).dates


def test_a_lake_without_a_log_has_no_times(tmp_path: Path) -> None:
    submission = Submission(tmp_path, log=False)
    facts = facts_of(submission)
    assert all(batch.written is None for batch in facts.batches)
    assert values(facts, "lake") == [10, 15, 15, 20, 20]  # the rounds', and now


@pytest.mark.parametrize("gone", ["datalake", "checkpoints", STATE, ROUNDS])
def test_what_is_missing_leaves_the_rest(submission: Submission, gone: str) -> None:
    def remove(root: Path) -> None:
        shutil.rmtree(root / gone) if (root / gone).is_dir() else (root / gone).unlink()

    submission.edit(remove)
    assert charts(facts_of(submission))


def test_nothing_there(tmp_path: Path) -> None:
    assert timeline(Submission(tmp_path, has_database=False).evidence()) == Timeline()
    assert charts(Timeline()) == []


def test_damaged_files_are_left_out(submission: Submission) -> None:
    def damage(root: Path) -> None:
        (root / CHECKPOINT / "offsets" / "1").write_text("v1\n[]\n-")
        (root / LAKE / "_spark_metadata" / "2").write_text('v1\n{"path": 1}')
        min((root / LAKE).glob("date=*/*.parquet")).write_bytes(b"PAR1")

    submission.edit(damage)
    assert charts(facts_of(submission))


@pytest.mark.parametrize("state_us", [-(10**18), 0, 10**18])
def test_times_that_no_calendar_has(state_us: int) -> None:
    facts = Timeline(moments=(Moment(10**18, "x", state_us=state_us, newest_in_lake_us=1),))
    assert len(charts(facts)) == 1


def test_a_database_says_what_is_there_now(submission: Submission) -> None:
    submission.insert([order(21, MOMENT)])
    submission.build()
    evidence = submission.evidence()
    assert timeline(evidence).moments[-1].postgres == 21
