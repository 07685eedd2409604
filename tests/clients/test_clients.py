"""psql, kafka-topics and kafka-console on real services, and the two SQL files in psql."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from configs.settings import PROJECT
from scripts.pipeline.table import require_table
from scripts.pipeline.temporary_stack import bring_up, temporary_stack
from scripts.pipeline.topic import publish
from scripts.rounds.insert_test_orders import insert_test_orders, make_test_orders
from scripts.services.postgres import connect, psql_program
from scripts.services.stack import Stack

pytestmark = pytest.mark.services
ROLLNUMBER = "2025EM1100998"


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    with temporary_stack(rollnumber=ROLLNUMBER) as stack:
        bring_up(stack)
        publish(stack.settings.kafka, [b'{"order_id": 1}', None], keys=[b"a", b"a"])
        yield stack


def verb(stack: Stack, name: str, arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts", name, "--config", str(stack.settings.source)]
    variables = {**os.environ, "ARGS": arguments, **environment}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=PROJECT, timeout=60, env=variables, input=""
    )


def test_psql_opens_the_configs_database_without_a_password_on_its_command_line(running: Stack) -> None:
    done = verb(running, "psql", "-At -c 'select current_database()' -c '\\! cat /proc/$PPID/cmdline'")
    assert running.settings.postgres.db in done.stdout, done.stderr
    assert running.settings.postgres.password not in done.stdout


def test_psql_on_the_path_serves_external_services(running: Stack) -> None:
    folder = str(psql_program().parent)
    assert verb(running, "psql", "-At -c 'select 6*7'", SERVICES="external", PATH=folder).stdout == "42\n"
    done = verb(running, "psql", "", SERVICES="external", PATH="/no/such/folder")
    assert (done.returncode, "Install it" in done.stderr) == (1, True)


def test_the_sql_files_run_in_make_psql_on_the_configs_table(running: Stack) -> None:
    with contextlib.closing(connect(running.settings.postgres)) as connection:
        before = require_table(connection, running.settings).rows
        done = verb(running, "psql", "-f db/orders.sql -f scripts/insert_test_orders.sql")
        assert done.returncode == 0, done.stderr
        after = require_table(connection, running.settings)
        assert after.rows == before + 5
        (row,) = insert_test_orders(connection, after.name, make_test_orders(ROLLNUMBER, "it's", 1))
        assert row.order_id > before


def test_the_sql_files_run_in_a_bare_psql_as_they_stand(running: Stack) -> None:
    settings = running.settings.postgres
    variables = {
        **os.environ,
        "PGHOST": settings.host,
        "PGPORT": str(settings.port),
        "PGDATABASE": settings.db,
        "PGUSER": settings.user,
        "PGPASSWORD": settings.password,
    }
    for program in filter(None, (str(psql_program()), shutil.which("psql"))):
        for script, said in (("db/orders.sql", "CREATE TABLE"), ("scripts/insert_test_orders.sql", "INSERT 0 5")):
            done = subprocess.run(
                [program, "-f", script], capture_output=True, text=True, check=False, cwd=PROJECT, env=variables
            )
            assert (done.returncode, said in done.stdout) == (0, True), done.stderr


def test_kafka_topics_lists_and_describes(running: Stack) -> None:
    topic = running.settings.kafka.topic
    assert topic in verb(running, "kafka-topics", "--list").stdout.splitlines()
    described = verb(running, "kafka-topics", f"--describe --topic {topic}").stdout
    assert "PartitionCount: 3\tReplicationFactor: 1" in described
    assert "Partition: 2\tLeader: 1\tReplicas: 1\tIsr: 1" in described


def test_kafka_console_prints_every_message_with_its_place_and_ends(running: Stack) -> None:
    lines = verb(running, "kafka-console", "").stdout.splitlines()
    places = [line.split("\t") for line in lines]
    assert [words[1:] for words in places] == [["Offset:0", '{"order_id": 1}'], ["Offset:1", "null"]]
    assert all(words[0].startswith("Partition:") for words in places)


def test_a_topic_that_is_not_there_is_named(running: Stack) -> None:
    done = verb(running, "kafka-console", "--topic other")
    assert (done.returncode, "Kafka has no topic other" in done.stderr) == (1, True)
