"""configs/contract.py: timestamps, state files and names as handed-in work has them."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from configs.contract import (
    COLUMN_NAMES,
    format_timestamp,
    parse_state,
    parse_timestamp,
    seen_file,
    state_file,
    table_spellings,
)
from configs.settings import PROJECT

MOMENT = datetime(2025, 12, 7, 16, 46, 36, 751961, timezone.utc)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-12-07 16:46:36.751961", MOMENT),
        ("2025-12-07T16:46:36.751961Z\n", MOMENT),
        ("2025-12-07T22:16:36.751961+05:30", MOMENT),
        ("2025-12-07T16:46:36.751961999Z", MOMENT),
        ("2025-12-07 16:46:36.75", MOMENT.replace(microsecond=750000)),
        ("2025-12-07 16:46:36", MOMENT.replace(microsecond=0)),
        ("2025-12-07 16:46:36.751961+00", MOMENT),
        ("2025-12-07 11:46:36.751961-05", MOMENT),
        ("2025-12-07 22:16:36.751961+0530", MOMENT),
    ],
)
def test_timestamps_as_students_write_them(text: str, expected: datetime) -> None:
    assert parse_timestamp(text) == expected


def test_a_timestamp_survives_being_written_and_read() -> None:
    assert parse_timestamp(format_timestamp(MOMENT)) == MOMENT


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2025-12-07", "1765125996751", "2025-13-07 00:00:00", "٢٠٢٥-12-07 00:00:00"]
)
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a timestamp|month must be"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    ("text", "order_id"),
    [
        ("2025-12-07 16:46:36.751961", None),
        ("2025-12-07 16:46:36.751961|403", 403),
        ('{"last_processed": "2025-12-07T16:46:36.751961Z", "last_id": 403}', 403),
        ('"2025-12-07T16:46:36.751961Z"', None),
        ("\ufeff2025-12-07 16:46:36.751961\r\n", None),
        ('{"updated_at": "2025-12-08 00:00:00", "last_processed_timestamp": "2025-12-07T16:46:36.751961Z"}', None),
        ('{"last_run": "2025-12-08 00:00:00", "last_processed": "2025-12-07T16:46:36.751961Z"}', None),
    ],
)
def test_state_files_as_students_write_them(text: str, order_id: int | None) -> None:
    state = parse_state(text)
    assert (state.timestamp, state.order_id) == (MOMENT, order_id)


@pytest.mark.parametrize("text", ["", "\n", "\0\0\0", "{}", "{", '{"a": 1}', "|403"])
def test_a_state_without_a_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"empty|no timestamp|not a timestamp|Expecting"):
        parse_state(text)


def test_the_state_location_is_a_file_or_a_folder_that_holds_one(tmp_path: Path) -> None:
    assert state_file(tmp_path / "state") == tmp_path / "state"
    (tmp_path / "last_processed_timestamp.txt.lock").touch()  # the producer's, before its first write
    assert state_file(tmp_path) == tmp_path / "last_processed_timestamp.txt"
    seen_file(state_file(tmp_path)).write_text('{"state": "2025-11-18T12:24:00.123456Z"}', encoding="utf-8")
    (tmp_path / "last.txt").touch()
    assert state_file(tmp_path) == tmp_path / "last.txt"


def test_a_table_is_looked_up_as_written_then_folded() -> None:
    assert table_spellings("2025EM01_orders") == ('"2025EM01_orders"', '"2025em01_orders"')
    assert table_spellings('sales."X_orders"') == ('"sales"."X_orders"', '"sales"."x_orders"')
    assert table_spellings('a"b') == ('"a""b"', '"a""b"')


def test_the_table_of_db_orders_sql_has_the_contracts_columns() -> None:
    statement = (PROJECT / "db" / "orders.sql").read_text(encoding="utf-8")
    body = statement.split("CREATE TABLE", 1)[1].split(");", 1)[0].split("(", 1)[1]
    assert tuple(re.findall(r"^    (\w+) ", body, re.MULTILINE)) == COLUMN_NAMES
