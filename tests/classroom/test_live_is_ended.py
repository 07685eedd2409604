"""A live run that is cancelled, or whose own process is killed, leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from configs.settings import PROJECT
from scripts.classroom.live import RUNNING, run_live
from tests.classroom.submissions import write_submission

pytestmark = pytest.mark.services
RUN = """
import sys
from pathlib import Path
from scripts.classroom.live import run_live
run_live(Path(sys.argv[1]), Path(sys.argv[2]), sandbox="bubblewrap", on_step=lambda line: print(line, flush=True))
"""


def descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_a_cancelled_run_ends_at_once_with_all_that_it_started(needs_bubblewrap: None, tmp_path: Path) -> None:
    submission = write_submission(tmp_path / "class")
    cancelled, begun = threading.Event(), threading.Event()
    others = descendants()  # a sandbox of other tests

    def on_step(line: str) -> None:
        if line.startswith("The producer is starting"):
            begun.set()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(
            run_live, submission, tmp_path / "out", sandbox="bubblewrap", on_step=on_step, cancelled=cancelled
        )
        assert begun.wait(120)
        started = [one for one in descendants() if one not in others]
        assert {"postgres", "java"} <= {one.name() for one in started}
        cancelled.set()
        result = running.result(timeout=20)
    assert result.is_machine_fault
    assert result.note == "the run was cancelled"
    assert psutil.wait_procs(started, timeout=10)[1] == []
    assert list((tmp_path / "out").iterdir()) == []


def test_after_kill_9_nothing_runs_and_the_next_run_starts_over(needs_bubblewrap: None, tmp_path: Path) -> None:
    submission, out = write_submission(tmp_path / "class"), tmp_path / "out"
    command = [sys.executable, "-c", RUN, str(submission), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("The producer is starting"):
                break
        started = psutil.Process(process.pid).children(recursive=True)
        assert {"postgres", "java"} <= {one.name() for one in started}
        process.send_signal(signal.SIGKILL)
    assert psutil.wait_procs(started, timeout=10)[1] == []
    assert [path.name for path in out.iterdir()] == [RUNNING]
    result = run_live(submission, out, sandbox="bubblewrap")
    assert (result.producer, result.consumer, result.note) == ("ran", "ran", "")
    assert not (out / RUNNING).exists()
