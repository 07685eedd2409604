"""The state file: nothing is lost of its timestamp, and a write that fails leaves the old one."""

from __future__ import annotations

import multiprocessing
import resource
import signal
from datetime import datetime, timezone
from pathlib import Path

import pytest

from configs.errors import KitError, TaskNotDoneError
from tests.contract.student_module import student_module

state_file = student_module("producers/state_file.py")

EARLIER = datetime(2025, 11, 18, 12, 24, 0, 1, timezone.utc)
LATER = datetime(2025, 11, 18, 12, 24, 0, 2, timezone.utc)


def test_a_first_run_has_no_state(tmp_path: Path) -> None:
    assert state_file.read_state(tmp_path / "state.txt") is None


def test_a_written_timestamp_is_read_again_with_all_its_microseconds(tmp_path: Path) -> None:
    path = tmp_path / "state.txt"
    for moment in (EARLIER, LATER):
        state_file.write_state(path, moment)
        assert state_file.read_state(path) == moment


def test_the_folder_of_the_state_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "state.txt"
    state_file.write_state(path, EARLIER)
    assert path.is_file()


@pytest.mark.parametrize("content", ["", "not a time", "2025-11-"])
def test_a_state_without_a_timestamp_stops_the_producer(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(KitError) as raised:
        state_file.read_state(path)
    if isinstance(raised.value, TaskNotDoneError):
        raise raised.value
    assert path.read_text(encoding="utf-8") == content


def _write_on_a_full_disk(path: Path) -> None:
    """No byte can be written: as when the disk is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    state_file.write_state(path, LATER)


def test_a_write_that_fails_leaves_the_old_timestamp(tmp_path: Path) -> None:
    path = tmp_path / "state.txt"
    state_file.write_state(path, EARLIER)
    writer = multiprocessing.get_context("fork").Process(target=_write_on_a_full_disk, args=(path,))
    writer.start()
    writer.join()
    assert writer.exitcode != 0, "the failed write was not reported: write_state must raise an error"
    assert state_file.read_state(path) == EARLIER
