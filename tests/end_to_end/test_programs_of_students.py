"""Two complete pairs of programs in students' style, through rounds 1 to 3 and a load, on machines in three time zones.

The pairs lie in a folder whose name has blanks and letters outside ASCII, and so do their lakes.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import KitError
from configs.settings import load_settings, local_path
from grader.api import grade
from grader.evidence.load import lost_orders
from grader.model import Status
from scripts.pipeline import programs
from scripts.pipeline.services import services_of
from scripts.pipeline.student_programs import find_programs
from scripts.pipeline.table import make_table
from scripts.pipeline.temporary_stack import temporary_stack, write_config
from scripts.pipeline.topic import make_topic
from scripts.rounds import arrival
from scripts.rounds.load import load
from scripts.rounds.run import read_record, run_round
from scripts.services.stack import PROGRAM_NAMES, Stack

pytestmark = pytest.mark.services
STUDENTS = Path(__file__).parents[1] / "students"
STOP_LIMIT = 20.0  # seconds for both programs
LOAD_SECONDS = 8.0
LOADED_ZONE = "Asia/Kolkata"


@pytest.fixture(scope="module")
def services() -> Iterator[Stack]:
    with temporary_stack(rollnumber="2025services") as stack:
        services_of(stack).up()
        yield stack


def pipeline_of(services: Stack, folder: Path, rollnumber: str, pair: str) -> Stack:
    """A stack with its own table, topic and lake on the shared services, and a copy of the pair as its programs."""
    shared = services.settings
    changes: dict[str, dict[str, object]] = {
        "postgres": {"jdbc_url": shared.postgres.jdbc_url, "port": shared.postgres.port},
        "kafka": {"brokers": shared.kafka.brokers},
        "rounds": {"timeout_sec": 120},
    }
    settings = load_settings(write_config(folder / "Kit für #1", changes, rollnumber), environment={})
    shutil.copytree(STUDENTS / pair, folder / "Übung 50% & mehr")
    found = find_programs(folder / "Übung 50% & mehr")
    return Stack(settings, services="external", reads_environment=False, programs=found)


# Why each pair loses orders under load: its producer reads twice in a poll, or only looks for later rows.
LOSES_BY = {"pyspark_jdbc": "between two reads", "psycopg2_kafka_python": "late commit"}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
@pytest.mark.parametrize("pair", LOSES_BY)
def test_a_pair_in_students_style_gets_the_marks_that_it_deserves(
    services: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: str, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    stack = pipeline_of(services, tmp_path, f"2025{pair.partition('_')[0]}{zone[:2].lower()}", pair)
    make_table(stack.settings)
    make_topic(stack.settings.kafka)
    lines: list[str] = []
    try:
        for number in (1, 2, 3):
            run = run_round(stack, number, lines.append)
            assert run.complete
            assert run.after.lake_rows - run.before.lake_rows == 5
        with grade(None, config=stack.settings.source) as graded:
            findings = {finding.id: finding for finding in graded.report.findings}
        # The load takes half a minute, and time zones make no difference to it.
        record = load(stack, lines.append, seconds=LOAD_SECONDS) if zone == LOADED_ZONE else None
        begun = time.monotonic()
        stopped = programs.stop(stack)
        assert time.monotonic() - begun < STOP_LIMIT
        assert stopped == ["The producer has stopped", "The consumer has stopped"]
    finally:
        for name in PROGRAM_NAMES:
            programs.kill(stack, name)
        monkeypatch.undo()
        time.tzset()
    assert findings["load_lost_nothing"].status is Status.SKIP
    assert local_path(stack.settings.datalake.path).is_relative_to(tmp_path)
    failed = {name: one.actual for name, one in findings.items() if one.status in (Status.FAIL, Status.ERROR)}
    assert {name for name in failed if not findings[name].is_advice} == set(), failed
    if record is not None:
        lost = lost_orders(record)
        assert LOSES_BY[pair] in {order.cause for order in lost}
        assert {order.cause for order in lost} <= {"between two reads", "late commit"}
        assert not record.repeated
        assert record.ended is None


STATE = '"last_timestamp": newest["created_at"]'
SHIFTED = (
    '"last_timestamp": str(__import__("datetime").datetime.fromisoformat(newest["created_at"][:-1])'
    ' + __import__("datetime").timedelta(hours={}))'
)
PATIENCE = 6.0  # seconds, instead of STATE_PATIENCE
MOVED_NEVER = ("        if rows:\n", "        if rows and not state_path.exists():\n")


def stack_with_state(services: Stack, folder: Path, rollnumber: str, change: tuple[str, str]) -> Stack:
    """The pair in plain Python with another way to write its state."""
    stack = pipeline_of(services, folder, rollnumber, "psycopg2_kafka_python")
    text = stack.programs.producer.read_text(encoding="utf-8")
    assert text.count(change[0]) == 1
    stack.programs.producer.write_text(text.replace(*change), encoding="utf-8")
    return stack


def test_a_state_that_never_moves_does_not_hold_a_round_up(
    services: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "STATE_PATIENCE", PATIENCE)
    stack = stack_with_state(services, tmp_path, "2025never", MOVED_NEVER)
    lines: list[str] = []
    try:
        for number in (1, 2):
            # It raises where the state is waited for to the end.
            assert run_round(stack, number, lines.append).complete
    finally:
        for program in PROGRAM_NAMES:
            programs.kill(stack, program)
    reported = [line for line in lines if "except the state, which does not move" in line]
    assert len(reported) == 3  # not before round 1: then the state is at the last of the base rows
    assert all("2025-11-19T09:45:00.123456Z" in line for line in reported)


def test_rows_below_a_state_in_local_time_are_given_up_early(
    services: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "STATE_PATIENCE", PATIENCE)
    stack = stack_with_state(services, tmp_path, "2025ahead", (STATE, SHIFTED.format(5.5)))
    try:
        run_round(stack, 1, lambda _: None)  # its rows are years after the base rows, so more than 5.5 hours
        begun = time.monotonic()
        with pytest.raises(KitError, match=r"(?s)0 of 5 rows are in the lake.*5 h 30 min ahead of"):
            run_round(stack, 2, lambda _: None)
        assert time.monotonic() - begun < stack.settings.rounds.timeout_sec / 2
    finally:
        for program in PROGRAM_NAMES:
            programs.kill(stack, program)
    record = read_record(stack.settings.rounds_folder / "round2.json")
    assert record is not None
    assert not record.runs[-1].complete
