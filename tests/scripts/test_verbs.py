"""What the verbs say to bad input: one message with the remedy, the right exit code, no trace, nothing lost."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from configs.settings import PROJECT
from scripts.__main__ import main
from scripts.pipeline.temporary_stack import write_config
from scripts.services import kafka

Verb = Callable[..., "Ended"]


@dataclass(frozen=True)
class Ended:
    """How a verb ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    """A verb in this process: `python -m scripts` without the start of a Python, which takes longer than most verbs."""

    def run(*words: str, **environment: str) -> Ended:
        with monkeypatch.context() as patch:
            patch.chdir(PROJECT)
            for name, value in environment.items():
                patch.setenv(name, value)
            try:
                code = main(words)
            except SystemExit as stopped:  # argparse's
                code = int(stopped.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return Ended(code, said.out, said.err)

    return run


def process(*words: str) -> subprocess.CompletedProcess[str]:
    """A verb as its line in the Makefile calls it."""
    command = [sys.executable, "-m", "scripts", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, timeout=120)


@pytest.mark.parametrize(
    ("words", "environment", "told", "code"),
    [
        (["status"], {"CONFIG": "/no/such.yml"}, "/no/such.yml: no such config file", 2),
        (["up"], {"SERVICES": "cloud"}, "allowed: embedded, docker, external", 1),
        (["status"], {"ROLLNUMBER": "a b"}, "rollnumber is 'a b'; allowed: letters, digits", 2),
        (["status"], {"ORDERS_POSTGRES__PORT": "x"}, "postgres.port is 'x'", 2),
        (["up"], {"ORDERS_POSTGRES__HOST": "db.example"}, "SERVICES=external", 1),
        (["fly"], {}, "invalid choice", 2),
        (["psql"], {"ARGS": "-c 'select 1", "SERVICES": "external"}, "No closing quotation", 1),
        (["kafka-topics"], {"ARGS": "--fly", "SERVICES": "external"}, "unrecognized arguments: --fly", 2),
    ],
)
def test_wrong_input_gets_one_message_and_the_right_code(
    verb: Verb, words: list[str], environment: dict[str, str], told: str, code: int
) -> None:
    done = verb(*words, **environment)
    assert told in done.stderr
    assert done.returncode == code


@pytest.mark.parametrize("name", ["db", "topic", "up", "psql", "kafka-topics", "kafka-console"])
def test_external_services_that_do_not_answer_are_named(
    verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(kafka, "ANSWER_TIMEOUT", 0.2)
    config = write_config(tmp_path, {}, "2025em01")
    done = verb(name, "--config", str(config), SERVICES="external")
    assert done.returncode == 1
    assert "Is it up" in done.stderr
    assert "127.0.0.1" in done.stderr


@pytest.mark.parametrize(
    ("section", "service"),
    # Postgres is up before Kafka's turn.
    [("postgres", "Postgres"), pytest.param("kafka", "Kafka", marks=pytest.mark.services)],
)
def test_a_busy_port_stops_the_start_and_leaves_nothing_running(
    verb: Verb, tmp_path: Path, section: str, service: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        changes = {
            "postgres": {"postgres": {"port": port, "jdbc_url": f"jdbc:postgresql://127.0.0.1:{port}/food_delivery"}},
            "kafka": {"kafka": {"brokers": f"127.0.0.1:{port}"}},
        }[section]
        config = write_config(tmp_path, changes, "2025em01")
        done = verb("up", "--config", str(config))
        assert done.returncode == 1
        assert f"{service} cannot start: port {port} is in use by" in done.stderr
        assert verb("reset", "--config", str(config)).returncode == 0
    assert not (tmp_path / ".kit").exists()


def test_nothing_runs_and_nothing_is_lost_by_asking(verb: Verb, tmp_path: Path) -> None:
    config = write_config(tmp_path, {}, "2025em01")
    for name in ("status", "logs", "down", "stop", "clean", "reset"):
        assert verb(name, "--config", str(config)).returncode == 0, name
    assert config.exists()


def test_reset_leaves_alone_what_the_kit_did_not_make(verb: Verb, tmp_path: Path) -> None:
    config = write_config(tmp_path, {}, "2025em01")
    mine = tmp_path / "datalake" / "food" / "2025em01" / "output" / "orders" / "my_notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("keep", encoding="utf-8")
    done = verb("reset", "--config", str(config))
    assert "Left alone" in done.stdout
    assert mine.read_text(encoding="utf-8") == "keep"


@pytest.mark.jvm
def test_doctor_names_a_busy_port_with_its_remedy(verb: Verb, tmp_path: Path) -> None:
    config = write_config(tmp_path, {}, "2025em01")
    assert "lacking" not in verb("doctor", "--config", str(config)).stdout.replace("lacking  memory", "")
    with socket.socket() as taken:
        port = int(config.read_text(encoding="utf-8").partition("port: ")[2].split()[0])
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = verb("doctor", "--config", str(config))
    assert done.returncode == 1
    line = next(line for line in done.stdout.splitlines() if f"port {port}" in line)
    assert line.startswith("lacking")


@pytest.mark.parametrize("is_debugged", [False, True])
def test_an_error_ends_the_process_with_a_trace_only_if_one_was_asked_for(is_debugged: bool) -> None:
    done = process("status", "--config", "/no/such.yml", *(["--debug"] if is_debugged else []))
    assert done.returncode == (1 if is_debugged else 2)
    assert "/no/such.yml: no such config file" in done.stderr
    assert ("Traceback" in done.stderr) is is_debugged
