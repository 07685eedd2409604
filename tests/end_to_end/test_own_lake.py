"""Round 4 and the load, with the kit's own programs: nothing is lost, and the user's own evidence stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.contract import BAD_MESSAGES_RECORD, LOAD_RECORD
from configs.settings import load_settings
from grader.evidence.load import lost_orders
from grader.evidence.rounds import Rounds
from scripts.pipeline.temporary_stack import write_config
from scripts.rounds.bad_messages import run_bad_messages
from scripts.rounds.load import run_load
from scripts.services.stack import Stack

pytestmark = pytest.mark.services


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    settings = load_settings(write_config(tmp_path / "my kit", {}, "2025own01"), environment={})
    return Stack(settings, reads_environment=False)


def files(stack: Stack) -> set[str]:
    return {path.name for path in stack.settings.root.rglob("*") if path.is_file()} - {"orders_stream.yml"}


def test_nothing_is_lost_under_load(stack: Stack) -> None:
    lines: list[str] = []
    record = run_load(stack, lines.append)
    assert lost_orders(record) == ()
    assert record.repeated == ()
    assert record.ended is None
    assert len(record.rows) > 200
    assert max(row.open_sec for row in record.rows) > 0.3
    assert Rounds(stack.settings.rounds_folder).load == record
    assert f"{len(record.rows)} of {len(record.rows)} orders are in the lake" in lines
    assert files(stack) == {LOAD_RECORD}


def test_no_bad_message_stops_the_programs_or_reaches_the_lake(stack: Stack) -> None:
    record = run_bad_messages(stack, lambda _: None)
    outcomes = {one.mistake: one.outcome for one in record.messages}
    assert len(outcomes) == len(record.messages)
    assert not {mistake for mistake, outcome in outcomes.items() if outcome in ("stopped", "not tried")}
    assert {one.mistake for one in record.messages if one.must_be_rejected and one.outcome == "in the lake"} == set()
    assert outcomes["an order of 2 MB"] == "in the lake"
    assert files(stack) == {BAD_MESSAGES_RECORD}
