"""A few damaged submissions; `make fuzz N=10000` does many."""

from __future__ import annotations

import subprocess
import sys

import pytest

from configs.settings import PROJECT


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 1_000_001])
def test_damaged_submissions_are_graded(seed: int) -> None:
    # in a process of its own: the fuzzer watches every file that its process opens
    command = [sys.executable, "-m", "grader.selftest.fuzz", "--runs", "40", "--seed", str(seed)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broke the grader" in done.stdout
