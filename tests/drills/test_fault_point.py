"""The exact points of a state file's writing: reached once, only when armed, and nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.drills.pipeline import FAULT_POINT

IN_PLACE = "state.write_text('new', encoding='utf-8')"
REPLACED = """
temporary = state.with_name('.' + state.name + '.new')
with temporary.open('w', encoding='utf-8') as stream:
    stream.write('new')
temporary.replace(state)
"""


def run(tmp_path: Path, program: str, point: str | None, *, watched: bool = True) -> str:
    """Run a program that writes its state; return what it said, and leave its files in tmp_path."""
    state, fault = tmp_path / "state.txt", tmp_path / "fault"
    state.write_text("old", encoding="utf-8")
    if point is not None:
        fault.write_text(point, encoding="utf-8")
    source = f"from pathlib import Path\nstate = Path({str(state)!r})\n{program}\nprint('went on')"
    environment = {**os.environ, "PYTHONPATH": str(FAULT_POINT)}
    if watched:
        environment.update(DRILL_FAULT_FILE=str(fault), DRILL_STATE_FILE=str(state))
    # Between this test and the program stands a shell, as Spark's JVM does: the fault ends the program's parent too.
    command = ["sh", "-c", '"$0" -c "$1"; true', sys.executable, source]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(
    ("program", "point", "state"),
    [
        (IN_PLACE, "before_state_write", "old"),
        (IN_PLACE, "in_state_write", ""),
        (REPLACED, "before_state_write", "old"),
        (REPLACED, "in_state_write", "old"),
        (REPLACED, "before_state_rename", "old"),
    ],
)
def test_the_program_ends_at_the_point(tmp_path: Path, program: str, point: str, state: str) -> None:
    assert run(tmp_path, program, point) == ""
    assert (tmp_path / "state.txt").read_text(encoding="utf-8") == state
    assert not (tmp_path / "fault").exists(), "a point is reached once"


@pytest.mark.parametrize("program", [IN_PLACE, REPLACED])
def test_nothing_happens_unless_a_point_is_named(tmp_path: Path, program: str) -> None:
    assert run(tmp_path, program, None) == "went on\n"
    assert (tmp_path / "state.txt").read_text(encoding="utf-8") == "new"


def test_nothing_happens_outside_a_drill(tmp_path: Path) -> None:
    assert run(tmp_path, REPLACED, "before_state_write", watched=False) == "went on\n"


def test_a_point_that_is_not_passed_stays_armed(tmp_path: Path) -> None:
    assert run(tmp_path, IN_PLACE, "before_state_rename") == "went on\n"
    assert (tmp_path / "fault").exists()


def test_the_lock_beside_the_state_is_no_state(tmp_path: Path) -> None:
    lock = "state.with_name(state.name + '.lock').write_text('', encoding='utf-8')"
    assert run(tmp_path, lock, "before_state_write") == "went on\n"
