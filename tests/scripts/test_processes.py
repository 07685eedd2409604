"""Processes are known by pid and start time, ports are asked for before they are taken."""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from pathlib import Path

import psutil
import pytest

from configs.errors import KitError
from scripts.services.ports import require_free_port
from scripts.services.processes import LOCAL, PidFile, stop, wait_until

FOREVER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(600)",
]


def test_a_process_outlives_its_starter_and_is_found_and_stopped(tmp_path: Path) -> None:
    pid_file, log = PidFile(tmp_path / "run" / "x.json"), tmp_path / "x.log"
    process = LOCAL.launch(FOREVER, pid_file=pid_file, log=log)
    assert os.getsid(process.pid) == process.pid
    assert pid_file.process() == process
    assert stop(pid_file, timeout=10)
    assert not process.is_running()
    assert pid_file.process() is None
    assert not stop(pid_file, timeout=10)


@pytest.mark.slow
def test_one_that_does_not_listen_is_ended_with_its_children(tmp_path: Path) -> None:
    pid_file, log = PidFile(tmp_path / "x.json"), tmp_path / "x.log"
    LOCAL.launch(STUBBORN, pid_file=pid_file, log=log)
    assert wait_until(lambda: log.read_text(encoding="utf-8").endswith("\n"), timeout=20)
    child = psutil.Process(int(log.read_text(encoding="utf-8")))
    assert stop(pid_file, timeout=0.2)
    assert wait_until(lambda: not psutil.pid_exists(child.pid) or child.status() == psutil.STATUS_ZOMBIE, timeout=10)


def test_a_process_gets_its_limits_and_its_caller_keeps_its_own(tmp_path: Path) -> None:
    log, own = tmp_path / "x.log", resource.getrlimit(resource.RLIMIT_NOFILE)
    command = [sys.executable, "-c", "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"]
    LOCAL.launch(command, pid_file=PidFile(tmp_path / "x.json"), log=log, limits={resource.RLIMIT_NOFILE: (64, 64)})
    assert wait_until(lambda: log.read_text(encoding="utf-8").endswith("\n"), timeout=20)
    assert log.read_text(encoding="utf-8") == "(64, 64)\n"
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == own


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        json.dumps({"pid": 2**30, "create_time": 1.0}),
        json.dumps({"pid": os.getpid(), "create_time": 1.0}),  # given to another process, as after a reboot
    ],
    ids=["empty", "cut off", "no record", "a pid that nobody has", "a pid that another process has"],
)
def test_a_stale_pid_file_counts_as_not_running_and_is_removed(tmp_path: Path, content: str) -> None:
    pid_file = PidFile(tmp_path / "x.json")
    pid_file.path.write_text(content, encoding="utf-8")
    assert pid_file.process() is None
    assert not pid_file.path.exists()


def test_a_busy_port_is_named_with_its_owner_and_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(KitError) as raised:
            require_free_port(port, "127.0.0.1", "Postgres", "postgres.port")
    message = str(raised.value)
    assert f"port {port} is in use by" in message
    assert str(os.getpid()) in message
    assert "postgres.port" in message
    assert "SERVICES=external" in message
    require_free_port(port, "127.0.0.1", "Postgres", "postgres.port")
