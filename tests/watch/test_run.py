"""`make watch` as a process: on a terminal, elsewhere."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from configs.settings import PROJECT
from scripts.__main__ import main
from scripts.pipeline.temporary_stack import write_config
from scripts.services.processes import wait_until

ALTERNATE_SCREEN, CURSOR_HIDDEN = (b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?25l", b"\x1b[?25h")


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(write_config(tmp_path, {}, "2025em01"))


@pytest.mark.parametrize("verb", ["watch", "status"])
def test_elsewhere_than_on_a_terminal_it_is_one_snapshot_as_text(
    verb: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, "--config", config]) == 0
    printed = capsys.readouterr().out
    assert "Postgres does not answer at 127.0.0.1:" in printed
    assert "\x1b" not in printed
    assert printed.count("Orders of 2025em01") == 1


@pytest.mark.slow
def test_ctrl_c_leaves_the_terminal_as_it_was(config: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "scripts", "watch", "--config", config]
    printed = bytearray()

    def read() -> None:
        try:
            while data := os.read(ours, 65_536):
                printed.extend(data)
        except OSError:  # the other end is closed
            return

    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=PROJECT) as process:
        os.close(theirs)
        thread = threading.Thread(target=read)
        thread.start()
        try:
            assert wait_until(lambda: printed.count(b"Orders of 2025em01") >= 2, timeout=60), printed
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
            thread.join()
            os.close(ours)
    for on, off in (ALTERNATE_SCREEN, CURSOR_HIDDEN):
        assert printed.count(on) == printed.count(off) == 1
        assert printed.rindex(off) > printed.rindex(b"Orders of")
    assert b"Traceback" not in printed
