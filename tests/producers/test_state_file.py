"""The state file survives a crash at any point, and a broken one stops the producer instead of resetting it."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from configs.program import ProgramError
from producers.state_file import read_state, write_state

EARLIER = datetime(2025, 11, 18, 12, 24, 0, 1, timezone.utc)
LATER = datetime(2025, 11, 18, 12, 24, 0, 2, timezone.utc)


def test_a_timestamp_is_kept_to_the_microsecond(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "state.txt"
    assert read_state(path) is None
    write_state(path, EARLIER)
    assert path.read_text(encoding="utf-8") == "2025-11-18T12:24:00.000001Z\n"
    assert read_state(path) == EARLIER


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_timestamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "state.txt"
    write_state(path, EARLIER)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    target: object = os if step == "fsync" else Path
    monkeypatch.setattr(target, step, crash)
    with pytest.raises(KeyboardInterrupt):
        write_state(path, LATER)
    monkeypatch.undo()
    assert read_state(path) == EARLIER
    write_state(path, LATER)
    assert read_state(path) == LATER


@pytest.mark.parametrize("content", [b"", b"\n", b"2025-11-18", b"\xff\xfe", b"not a time"])
def test_an_unreadable_state_stops_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.txt"
    path.write_bytes(content)
    with pytest.raises(ProgramError) as raised:
        read_state(path)
    assert str(path) in str(raised.value)
    assert "delete the file" in str(raised.value)
    assert path.read_bytes() == content
