"""Programs that do not want to stop: they ignore signals, or the signal comes before they listen. Nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from configs.settings import PROJECT
from scripts.pipeline import programs
from scripts.pipeline.student_programs import find_programs
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.services.processes import members_of_session, session_of, wait_until
from scripts.services.stack import PRODUCER, Stack

pytestmark = [pytest.mark.jvm, pytest.mark.slow]  # Java is asked for its version
LIMIT = 10.0  # seconds, as docs/student.md says

STUBBORN = """\
import signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ignores signals", flush=True)
while True:
    time.sleep(1)
"""
POLITE = """\
import time
print("runs", flush=True)
try:
    while True:
        time.sleep(1)
except KeyboardInterrupt:
    print("cleaned up", flush=True)
"""


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    for name in ("orders_cdc_producer.py", "orders_stream_consumer.py"):
        (tmp_path / name).write_text(request.param, encoding="utf-8")
    with temporary_stack(programs=find_programs(tmp_path)) as stack:
        yield stack


def log_has(stack: Stack, text: str) -> bool:
    log = stack.log(PRODUCER)
    return wait_until(lambda: log.is_file() and text in log.read_text(encoding="utf-8"), timeout=20)


def session(stack: Stack) -> int:
    process = stack.pid_file(PRODUCER).process()
    assert process is not None
    found = session_of(process)
    assert found is not None
    return found


@pytest.mark.parametrize("stack", [STUBBORN], indirect=True)
def test_a_program_that_ignores_signals_is_gone_within_the_limit_with_all_it_started(stack: Stack) -> None:
    programs.start(stack, [PRODUCER])
    assert log_has(stack, "ignores signals")
    number, begun = session(stack), time.monotonic()
    assert programs.stop(stack, [PRODUCER]) == ["The producer has stopped"]
    assert time.monotonic() - begun < LIMIT
    assert alive(number) == []


@pytest.mark.parametrize("stack", [STUBBORN, POLITE], indirect=True)
def test_a_stop_that_comes_at_once_leaves_nothing(stack: Stack) -> None:
    process = programs.launch(stack, PRODUCER)
    number, begun = session(stack), time.monotonic()
    assert programs.stop(stack, [PRODUCER]) == ["The producer has stopped"]
    assert time.monotonic() - begun < LIMIT
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert alive(number) == []


@pytest.mark.parametrize("stack", [POLITE], indirect=True)
def test_a_program_that_listens_may_clean_up(stack: Stack) -> None:
    programs.start(stack, [PRODUCER])
    assert log_has(stack, "runs")
    programs.stop(stack, [PRODUCER])
    assert log_has(stack, "cleaned up")


def alive(number: int) -> list[psutil.Process]:
    """What of a session still runs. An orphan that has ended waits for the machine's init to collect it."""
    return [process for process in members_of_session(number) if process.status() != psutil.STATUS_ZOMBIE]


def in_foreground(stack: Stack) -> subprocess.Popen[str]:
    """`make producer` in a terminal: Ctrl-C goes to its whole process group."""
    folder = stack.programs.folder
    assert folder is not None
    return subprocess.Popen(
        [sys.executable, "-m", "scripts", PRODUCER, "--config", str(stack.settings.source)],
        cwd=PROJECT,
        env={**os.environ, "PROGRAMS": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("stack", [STUBBORN], indirect=True)
@pytest.mark.parametrize(("presses", "limit"), [(1, LIMIT), (2, 4.0)])
def test_ctrl_c_ends_a_program_that_ignores_it_and_a_second_one_does_so_at_once(
    stack: Stack, presses: int, limit: float
) -> None:
    running = in_foreground(stack)
    assert running.stdout is not None
    assert "ignores signals" in running.stdout.readline()
    begun = time.monotonic()
    for _ in range(presses):
        os.killpg(running.pid, signal.SIGINT)
        wait_until(lambda: False, timeout=0.5)
    _, complaints = running.communicate(timeout=30)
    assert "Killed" not in complaints
    assert time.monotonic() - begun < limit
    assert alive(running.pid) == []
