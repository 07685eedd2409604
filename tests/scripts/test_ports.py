"""Two clones on one pair of ports: told apart, and the services of one are never used silently by the other."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
import yaml

from configs.errors import KitError
from configs.settings import load_settings
from scripts.__main__ import main
from scripts.pipeline import programs
from scripts.pipeline.services import require_own, services_of
from scripts.pipeline.temporary_stack import temporary_stack, write_config
from scripts.services import kafka, postgres
from scripts.services.stack import Stack

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def other() -> Iterator[Stack]:
    """The stack of another clone, which runs."""
    with temporary_stack() as stack:
        services_of(stack).up()
        yield stack


@pytest.fixture
def mine(other: Stack, tmp_path: Path) -> Stack:
    """A stack with the same ports, in a folder of its own."""
    shared = other.settings
    changes: dict[str, dict[str, object]] = {
        "postgres": {"jdbc_url": shared.postgres.jdbc_url, "port": shared.postgres.port},
        "kafka": {"brokers": shared.kafka.brokers},
    }
    return Stack(load_settings(write_config(tmp_path / "my clone", changes, "2025test01"), environment={}))


def refused(command: Callable[[], object]) -> str:
    with pytest.raises(KitError) as raised:
        command()
    return str(raised.value)


def test_a_second_clone_learns_whose_ports_they_are_and_gets_lines_that_work(mine: Stack, other: Stack) -> None:
    message = refused(lambda: services_of(mine).up())
    for stack_port in (other.settings.postgres.port, other.settings.kafka.first_broker[1]):
        assert f"port {stack_port} is in use" in message
    assert f"the clone of this kit in {other.settings.root} has started" in message
    assert f"make -C {other.settings.root} down" in message
    lines = message.partition(f"in {mine.settings.source}:\n")[2].partition("\nOr use")[0]
    values = yaml.safe_load(mine.settings.source.read_text(encoding="utf-8"))
    for section, keys in yaml.safe_load(lines).items():
        values[section].update(keys)
    mine.settings.source.write_text(yaml.safe_dump(values), encoding="utf-8")
    moved = Stack(load_settings(mine.settings.source, environment={}))
    try:
        assert [outcome.changed for outcome in services_of(moved).up()] == [True, True]
    finally:
        services_of(moved).down()
        services_of(moved).remove()


def test_the_services_of_another_clone_are_used_on_purpose_only(mine: Stack, other: Stack) -> None:
    assert str(other.settings.root) in refused(lambda: require_own(mine))
    assert "SERVICES=external" in refused(lambda: require_own(mine))
    require_own(replace(mine, services="external"))
    require_own(other)


@pytest.mark.parametrize("verb", ["db", "topic", "start", "psql", "kafka-topics", "round1", "demo"])
def test_a_verb_does_nothing_with_them(
    mine: Stack, other: Stack, verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the verb has gone on")

    monkeypatch.setattr(os, "execve", refuse)  # psql would take this process's place
    monkeypatch.setattr(programs, "launch", refuse)
    monkeypatch.setenv("CONFIG", str(mine.settings.source))
    assert main([verb]) == 1
    assert str(other.settings.root) in capsys.readouterr().err
    connection = postgres.connect(other.settings.postgres)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            assert cursor.fetchone() == (0,)
    finally:
        connection.close()
    assert list(kafka.admin_client(other.settings.kafka).list_topics(timeout=5).topics) == []


def test_status_names_them_and_does_not_ask_them(
    mine: Stack, other: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: object, **__: object) -> None:
        raise AssertionError("status has asked the Postgres of another clone")

    monkeypatch.setattr(psycopg2, "connect", ask)
    monkeypatch.setenv("CONFIG", str(mine.settings.source))
    assert main(["status"]) == 0
    shown = capsys.readouterr().out
    assert "not asked" in shown
    assert str(other.settings.root) in shown


def test_a_program_that_is_not_of_the_kit_is_named_without_a_clone(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        url = f"jdbc:postgresql://127.0.0.1:{port}/food_delivery"
        config = write_config(tmp_path / "clone", {"postgres": {"port": port, "jdbc_url": url}}, "2025test01")
        message = refused(lambda: require_own(Stack(load_settings(config, environment={}))))
    assert f"port {port} is in use by" in message
    assert "has started" not in message
    assert "make -C" not in message
