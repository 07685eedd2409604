"""Services and programs that start and stop side by side: who waits for whom, and what is left if one cannot start."""

from __future__ import annotations

import fcntl
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import KitError
from configs.program import WAITS_FOR, StopSignal, wait_for_services
from scripts.pipeline import programs
from scripts.pipeline.services import services_of
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.services import kafka, postgres
from scripts.services.processes import LOCAL, PidFile, begin_stop, wait_until
from scripts.services.stack import PRODUCER, PROGRAM_NAMES, Programs, Stack

SCRIPT = f"#!{sys.executable}\nimport time\ntime.sleep(600)\n"
# After its signal, the first waits for a file that the second writes after its own.
LAST_WORDS = """
import pathlib, signal, sys, time
def stop(*_):
    pathlib.Path(sys.argv[1]).touch()
    while not pathlib.Path(sys.argv[2]).exists():
        time.sleep(0.02)
    pathlib.Path(sys.argv[3]).touch()
    sys.exit()
signal.signal(signal.SIGTERM, stop)
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A lock that somebody holds who starts the services, named to the program."""
    path = tmp_path / "services.lock"
    monkeypatch.setenv(WAITS_FOR, str(path))
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield path


def waiting(stop: StopSignal) -> threading.Thread:
    thread = threading.Thread(target=wait_for_services, args=(stop,), daemon=True)
    thread.start()
    return thread


def test_a_program_waits_while_the_services_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "services.lock"
    monkeypatch.setenv(WAITS_FOR, str(path))
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        thread = waiting(StopSignal())
        thread.join(timeout=0.3)
        assert thread.is_alive()
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_a_program_that_waits_hears_the_stop_signal(lock: Path) -> None:
    stop = StopSignal()
    thread = waiting(stop)
    stop._event.set()
    thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.mark.usefixtures("lock")
def test_a_program_that_was_not_asked_to_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WAITS_FOR)
    thread = waiting(StopSignal())
    thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.fixture
def script(tmp_path: Path) -> Programs:
    path = tmp_path / "program.sh"
    path.write_text(SCRIPT, encoding="utf-8")
    path.chmod(0o755)
    return Programs("a script", path, path)


@pytest.mark.jvm  # Java is asked for its version
def test_programs_that_cannot_wait_are_not_started_before_the_services(script: Programs) -> None:
    with temporary_stack(programs=script) as stack, programs.started_beside_services(stack) as started:
        assert started == []
        assert not any(programs.is_alive(stack, name) for name in PROGRAM_NAMES)


@pytest.mark.jvm
def test_if_the_services_cannot_start_the_programs_beside_them_are_stopped(
    script: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "OURS", script)
    with temporary_stack(programs=script) as stack:

        def start_services() -> None:
            with programs.started_beside_services(stack) as started:
                assert [outcome.changed for outcome in started] == [True, True]
                assert programs.are_alive(stack)
                raise KitError("a busy port")

        with pytest.raises(KitError, match="a busy port"):
            start_services()
        assert not any(programs.is_alive(stack, name) for name in PROGRAM_NAMES)


@pytest.mark.jvm
def test_a_program_that_ran_before_survives_services_that_cannot_start(
    script: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "OURS", script)
    with temporary_stack(programs=script) as stack:
        programs.start(stack, [PRODUCER])
        with pytest.raises(KitError), programs.started_beside_services(stack):
            raise KitError("a busy port")
        assert [programs.is_alive(stack, name) for name in PROGRAM_NAMES] == [True, False]


def test_all_are_asked_to_stop_before_one_is_waited_for(tmp_path: Path) -> None:
    heard, ended = [tmp_path / f"{n} heard" for n in (1, 2)], [tmp_path / f"{n} ended" for n in (1, 2)]
    pid_files = [PidFile(tmp_path / f"{n}.json") for n in (1, 2)]
    for n, pid_file in enumerate(pid_files):
        command: list[str | Path] = [sys.executable, "-c", LAST_WORDS, heard[n], heard[1 - n], ended[n]]
        LOCAL.launch(command, pid_file=pid_file, log=tmp_path / f"{n}.log")
    logs = [tmp_path / f"{n}.log" for n in (0, 1)]
    assert wait_until(lambda: all(log.read_text(encoding="utf-8") == "up\n" for log in logs), timeout=20)
    waits = [begin_stop(pid_file, timeout=20) for pid_file in pid_files]
    assert [wait() for wait in waits] == [True, True]
    assert all(path.exists() for path in ended), "one was killed"


def busy(port: int) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    taken.listen()
    return taken


def running(stack: Stack) -> list[str]:
    return [name for name in (postgres.NAME, kafka.NAME) if stack.pid_file(name).process() is not None]


@pytest.mark.services
def test_of_two_services_the_one_that_cannot_start_is_named_and_the_other_stopped() -> None:
    with temporary_stack() as stack:
        services = services_of(stack)
        port = stack.settings.postgres.port
        with busy(port), pytest.raises(KitError, match=rf"Postgres cannot start: port {port} is in use"):
            services.up()
        assert running(stack) == []
        services.up()
        services.down()
        (stack.home / postgres.NAME / "data" / "PG_VERSION").write_text("99\n", encoding="utf-8")
        with pytest.raises(KitError, match="Postgres stopped right after its start"):
            services.up()
        assert running(stack) == [], "Kafka was launched before Postgres had failed"
        services.remove()
        port = stack.settings.kafka.first_broker[1]
        with busy(port), pytest.raises(KitError, match=rf"Kafka cannot start: port {port} is in use"):
            services.up()
        assert running(stack) == []
        postgres.up(stack)
        with busy(port), pytest.raises(KitError, match="Kafka cannot start"):
            services.up()
        assert running(stack) == [postgres.NAME], "what was up before stays up"
        assert [outcome.changed for outcome in services.up()] == [False, True]
        assert services.down() == ["Kafka has stopped", "Postgres has stopped"]
        assert running(stack) == []
