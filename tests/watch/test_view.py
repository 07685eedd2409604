"""What a snapshot says in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from scripts.watch.sample import AT, sample_snapshot
from scripts.watch.snapshot import Batches, LakeFigures, NoAnswer, Orders, Snapshot, StateFile
from scripts.watch.view import MAX_PARTITIONS, Row, elapsed, view


def stage(snapshot: Snapshot, name: str) -> Row:
    (row,) = (row for row in view(snapshot).stages.rows if row.cells[0] == name)
    return row


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (-3.0, "0 s"),
        (0.617, "0.62 s"),
        (9.99, "10 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (86_400 * 4 + 3600 * 3, "4 d 3 h"),
    ],
)
def test_a_time_span_has_its_two_greatest_units(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_a_pipeline_under_load() -> None:
    shown = view(sample_snapshot())
    assert [row.cells for row in shown.stages.rows] == [
        ("Postgres", "1,247 rows", "12.4/s", "newest 2025-11-19T09:45:28.750000Z"),
        ("State", "2.2 s behind", "", "at     2025-11-19T09:45:26.500000Z"),
        ("Topic", "1,235 messages", "11.8/s", "3 partitions"),
        ("Consumer", "1,231 read", "11.7/s", "lag 4"),
        ("Batches", "96 finished", "", "took 0.62 s, 1 s ago; batch 96 under way"),
        ("Lake", "1,222 rows", "11.1/s", "191 files; 1 not in the sink log"),
        ("Quarantine", "9 messages", "", "2 reasons"),
    ]
    assert [row.cells for row in shown.partitions.rows] == [
        ("0", "412", "411", "1"),
        ("1", "420", "418", "2"),
        ("2", "403", "402", "1"),
    ]
    assert shown.processes.rows[0].cells == ("postgres", "up", "4127", "71 MiB", "12 min 34 s", "127.0.0.1:5432")
    assert not any(row.is_wrong for row in shown.stages.rows)
    assert shown.summary == "lag 4"


@pytest.mark.parametrize(
    ("after", "distance"),
    [(0, "at the newest"), (-18_000, "5 h behind"), (90, "1 min 30 s ahead")],
)
def test_the_distance_of_the_state_to_the_newest_row(after: float, distance: str) -> None:
    snapshot = replace(sample_snapshot(), orders=Orders(1, AT), state=StateFile("x", AT + timedelta(seconds=after)))
    assert stage(snapshot, "State").cells[1] == distance


@pytest.mark.parametrize(
    ("state", "text", "is_wrong"),
    [
        (StateFile(None, None), "no state file", False),
        (StateFile("", None), "the state file is empty", True),
        (StateFile("tomorrow", None), "no timestamp in it: 'tomorrow'", True),
    ],
)
def test_a_program_that_keeps_no_state_or_another_form(state: StateFile, text: str, is_wrong: bool) -> None:
    row = stage(replace(sample_snapshot(), state=state), "State")
    assert row.cells[3] == text
    assert row.is_wrong is is_wrong


def test_what_does_not_answer_says_so_in_its_row_and_leaves_the_others() -> None:
    silent = NoAnswer("Kafka does not answer at 127.0.0.1:9092")
    snapshot = sample_snapshot()
    snapshot = replace(snapshot, topic=silent, flow=replace(snapshot.flow, lag=None, published=None))
    assert stage(snapshot, "Topic") == Row(("Topic", "", "", silent.text), is_wrong=True)
    assert stage(snapshot, "Consumer").cells == ("Consumer", "1,231 read", "11.7/s", "lag unknown")
    assert view(snapshot).partitions.rows[0].cells == ("0", "-", "411", "-")


def test_a_checkpoint_of_another_topic_is_named() -> None:
    batches = Batches(1, 1, {}, other_topics=("orders",))
    row = stage(replace(sample_snapshot(), batches=batches), "Consumer")
    assert row.cells[3] == "has read orders, not 2025em1100471_food_orders_raw"
    assert row.is_wrong


def test_a_consumer_beyond_the_end_of_the_topic_is_wrong() -> None:
    snapshot = sample_snapshot()
    row = stage(replace(snapshot, flow=replace(snapshot.flow, lag=-5)), "Consumer")
    assert row.is_wrong
    assert "lag -5" in row.cells[3]


def test_a_consumer_that_has_not_finished_a_batch() -> None:
    assert stage(replace(sample_snapshot(), batches=Batches(None, None, {})), "Batches").cells[3] == "no checkpoint yet"
    under_way = replace(sample_snapshot(), batches=Batches(0, None, {}))
    assert stage(under_way, "Batches").cells[3] == "batch 0 under way"


def test_a_lake_that_is_not_parquet_or_cannot_be_read_is_wrong() -> None:
    other = replace(sample_snapshot(), lake=LakeFigures((), other_format="3 CSV files"))
    assert stage(other, "Lake") == Row(("Lake", "", "", "not Parquet: 3 CSV files"), is_wrong=True)
    assert stage(replace(sample_snapshot(), lake=LakeFigures((), unreadable=2)), "Lake").is_wrong


def test_of_many_partitions_those_with_the_greatest_lag_come_first() -> None:
    topic = dict.fromkeys(range(MAX_PARTITIONS + 4), 10)
    batches = Batches(0, 0, {**topic, 9: 3, 11: 8})
    rows = view(replace(sample_snapshot(), topic=topic, batches=batches)).partitions.rows
    assert [row.cells[0] for row in rows][:4] == ["9", "11", "0", "1"]
    assert len(rows) == MAX_PARTITIONS + 4
