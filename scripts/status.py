"""`make status` and `make logs`: what runs, how far the rows have come, and what was said."""

from __future__ import annotations

import contextlib
import time

import psycopg2
from confluent_kafka import KafkaException
from tabulate import tabulate

from grader.evidence import snapshot
from scripts import programs
from scripts.services import kafka, postgres
from scripts.services.processes import family_memory, last_lines
from scripts.services.stack import Stack
from scripts.table import find_table
from scripts.topic import end_offsets

LOGS = ("postgres", "kafka", "producer", "consumer")


def status(stack: Stack) -> str:
    """A table of what runs, and a table of where the rows are."""
    return "\n\n".join([_running(stack), _rows(stack)])


def logs(stack: Stack, lines: int = 20) -> str:
    """The end of every log."""
    paths = [stack.log(name) for name in LOGS if stack.log(name).is_file()]
    if not paths:
        return f"No logs yet in {stack.logs}: nothing has run."
    return "\n\n".join(f"{path}\n{last_lines(path, lines)}" for path in paths)


def _running(stack: Stack) -> str:
    settings = stack.settings
    where = {"postgres": f"{settings.postgres.host}:{settings.postgres.port}", "kafka": settings.kafka.brokers}
    rows = []
    for name in LOGS:
        process = stack.pid_file(name).process()
        if process is not None:
            memory = family_memory(process) / 2**20
            since = time.strftime("%H:%M:%S", time.localtime(process.create_time()))
            rows.append([name, "up", process.pid, since, f"{memory:.0f} MiB", where.get(name, "")])
        elif name in programs.PROGRAMS and programs.is_running(stack, name):
            rows.append([name, "up, in another terminal", "", "", "", ""])
        else:
            rows.append(
                [
                    name,
                    "down" if stack.services == "embedded" or name in programs.PROGRAMS else "external",
                    "",
                    "",
                    "",
                    where.get(name, ""),
                ]
            )
    return tabulate(rows, headers=["", "", "pid", "since", "memory", "address"])


def _rows(stack: Stack) -> str:
    settings = stack.settings
    table: object = "no answer"
    with (
        contextlib.suppress(psycopg2.OperationalError),
        contextlib.closing(postgres.connect(settings.postgres)) as connection,
    ):
        found = find_table(connection, settings)
        table = found.rows if found else "no table"
    topic: object = "no answer"
    if kafka.answers(settings.kafka):
        with contextlib.suppress(KafkaException):
            topic = sum(end_offsets(settings.kafka).values())
    rows: list[list[object]] = [
        ["rows in Postgres", table],
        ["messages on the topic", topic],
        ["messages read by the consumer", sum(snapshot.end_offsets(settings).values())],
        ["rows in the lake", snapshot.lake_rows(settings)],
        ["state", snapshot.state_text(settings) or "not there"],
    ]
    return tabulate(rows, disable_numparse=True)
