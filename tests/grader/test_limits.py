"""A grading that takes too much memory or time, or crashes with its reader, still has an end and a report."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.settings import PROJECT
from grader import limits
from grader.builder import LAKE, Submission
from grader.limits import NO_LIMITS, Ended, Limits, OnStep, run_guarded


def test_the_exit_code_is_that_of_the_work() -> None:
    assert run_guarded(lambda _: 1, NO_LIMITS) == 1


def test_too_much_memory_ends_it_and_names_the_step() -> None:
    def hoard(on_step: OnStep) -> int:
        on_step("lake_readable")
        held = [bytearray(b"x" * (16 << 20)) for _ in range(200)]
        return len(held)

    ended = run_guarded(hoard, Limits(400 << 20, 0))
    assert isinstance(ended, Ended)
    assert ended.step == "lake_readable"
    assert "400 MiB" in ended.why
    assert "--memory-limit" in ended.why


def test_a_step_that_no_signal_reaches_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(on_step: OnStep) -> int:
        on_step("no_missing_orders")
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
        time.sleep(600)
        return 0

    monkeypatch.setattr(limits, "GRACE", 0.1)
    started = time.monotonic()
    ended = run_guarded(stuck, Limits(0, 0.2))
    assert isinstance(ended, Ended)
    assert ended.step == "no_missing_orders"
    assert "0.2 s" in ended.why
    assert time.monotonic() - started < 30


def test_many_steps_may_together_take_longer_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(on_step: OnStep) -> int:
        begin, number = time.monotonic(), 0
        while time.monotonic() < begin + 0.6:
            on_step(str(number := number + 1))
            time.sleep(0.01)
        return 0

    monkeypatch.setattr(limits, "GRACE", 0.0)
    assert run_guarded(steps, Limits(0, 0.5)) == 0


def test_a_reader_that_crashes_is_no_end_of_the_grader() -> None:
    def crash(_: OnStep) -> int:
        faulthandler.disable()  # pytest's, which would print every thread
        os.kill(os.getpid(), signal.SIGSEGV)
        return 0

    assert run_guarded(crash, NO_LIMITS) == Ended("the start", "its process was ended by SIGSEGV")


def test_what_was_unpacked_goes_away_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def unpack(_: OnStep) -> int:
        (Path(tempfile.mkdtemp()) / "lake").write_text("x")
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    assert isinstance(run_guarded(unpack, NO_LIMITS), Ended)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_small_file_of_many_rows_has_a_report_in_every_format(tmp_path: Path) -> None:
    root = Submission(tmp_path / "2025em1100471", log=False).build()
    row = pq.read_table(next((root / LAKE).rglob("*.parquet"))).slice(0, 1)
    rows = row.take(pa.array([0] * 1_000_000)).combine_chunks()
    bomb = next((root / LAKE).glob("date=*")) / "bomb.parquet"
    with pq.ParquetWriter(bomb, row.schema, compression="zstd") as writer:
        for _ in range(20):
            writer.write_table(rows)
    assert bomb.stat().st_size < 1 << 20
    started = time.monotonic()
    command = [sys.executable, "-m", "grader", "grade", str(root), "--database", "off", "--memory-limit", "300"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "2025em1100471: the grading did not end: at " in done.stderr
    assert "300 MiB" in done.stderr
    assert time.monotonic() - started < 30
    report = json.loads((root / "reports" / "report.json").read_text())
    jsonschema.validate(report, json.loads((PROJECT / "docs" / "report.schema.json").read_text()))
    assert report["verdict"] == "error"
    assert {check["status"] for check in report["checks"]} == {"ERROR"}
    assert "grade again with a higher limit" in (root / "reports" / "report.md").read_text()
    assert {path.name for path in (root / "reports").iterdir()} == {
        "report.json",
        "report.xml",
        "report.md",
        "report.html",
        "results.json",
    }


def test_what_ends_the_grader_ends_the_grading_too(tmp_path: Path) -> None:
    script = (
        "import os, sys, time; from pathlib import Path; from grader.limits import NO_LIMITS, run_guarded\n"
        f"work = lambda _: (Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())), time.sleep(600))[0]\n"
        "run_guarded(work, NO_LIMITS)"
    )
    grader = subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT)
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        grading = int((tmp_path / "pid").read_text())
        grader.terminate()
        assert grader.wait(30) == 128 + signal.SIGTERM
    finally:
        grader.kill()
        grader.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(grading, 0)
