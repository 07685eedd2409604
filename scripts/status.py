"""`make status` and `make logs`: what runs, how far the rows are, and the end of every log."""

from __future__ import annotations

import contextlib
import time

import psutil
import psycopg2
from confluent_kafka import KafkaException
from tabulate import tabulate

from configs.settings import Settings
from scripts.pipeline import position, programs
from scripts.pipeline.services import explain_foreign, services_of
from scripts.pipeline.table import find_table
from scripts.pipeline.topic import end_offsets
from scripts.services import kafka, postgres
from scripts.services.processes import family_memory, last_lines
from scripts.services.stack import PROGRAM_NAMES, Stack

LOGS = (postgres.NAME, kafka.NAME, *PROGRAM_NAMES)


def status(stack: Stack) -> str:
    """A table of what runs, and a table of where the rows are."""
    foreign = services_of(stack).foreign()
    places = {port.name for port, _ in foreign}
    warning = [explain_foreign(stack, foreign)] if foreign else []
    return "\n\n".join([_running(stack), _rows(stack, places), *warning])


def logs(stack: Stack, lines: int = 20) -> str:
    """The end of every log."""
    paths = [stack.log(name) for name in LOGS if stack.log(name).is_file()]
    if not paths:
        return f"No logs yet in {stack.logs}: nothing has run. `make start` starts the two programs."
    return "\n\n".join(f"{path}\n{last_lines(path, lines)}" for path in paths)


def _running(stack: Stack) -> str:
    rows = [_row(one.name, one.state, one.process, one.address) for one in services_of(stack).status()]
    for name in PROGRAM_NAMES:
        process = stack.pid_file(name).process()
        elsewhere = process is None and programs.is_running(stack, name)
        state = "up, in another terminal" if elsewhere else "down" if process is None else "up"
        rows.append(_row(name, state, process, ""))
    return tabulate(rows, headers=["", "", "pid", "since", "memory", "address"])


def _row(name: str, state: str, process: psutil.Process | None, address: str) -> list[object]:
    if process is None:
        return [name, state, "", "", "", address]
    since = time.strftime("%H:%M:%S", time.localtime(process.create_time()))
    return [name, state, process.pid, since, f"{family_memory(process) / 2**20:.0f} MiB", address]


def _rows(stack: Stack, foreign: set[str]) -> str:
    """`foreign`: the services in whose place another program answers, which is not asked."""
    settings = stack.settings
    rows: list[list[object]] = [
        ["rows in Postgres", "not asked" if postgres.NAME in foreign else _rows_in_table(settings)],
        ["messages on the topic", "not asked" if kafka.NAME in foreign else _messages(settings)],
        ["messages read by the consumer", sum(position.lake_stream(settings).ends.values())],
        ["rows in the lake", position.lake_rows(settings)],
        ["state", position.state_text(settings) or "empty or missing"],
    ]
    return tabulate(rows, disable_numparse=True)


def _rows_in_table(settings: Settings) -> object:
    try:
        with contextlib.closing(postgres.connect(settings.postgres)) as connection:
            found = find_table(connection, settings)
    except psycopg2.OperationalError:
        return "no answer"
    return found.rows if found else "no table"


def _messages(settings: Settings) -> object:
    if kafka.answers(settings.kafka):
        with contextlib.suppress(KafkaException):
            return sum(end_offsets(settings.kafka).values())
    return "no answer"
