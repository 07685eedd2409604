"""`make round4`: messages that are bad in ways the assignment does not name. It gives advice and costs no marks.

It runs the programs on services and a lake of its own, which are removed afterwards. So a program that one of the
messages stops for good has the evidence of the other rounds untouched. After each message a clean order must arrive.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from tabulate import tabulate

from configs.contract import (
    BAD_MESSAGES_RECORD,
    UTC,
    BadMessagesRecord,
    OrderRow,
    TriedMessage,
    format_timestamp,
)
from scripts.pipeline import position, programs
from scripts.pipeline.table import require_table
from scripts.pipeline.topic import publish
from scripts.rounds.own_lake import clean_order_arrives, own_lake, require_first_order
from scripts.rounds.progress import Waiting
from scripts.rounds.run import write_record
from scripts.services.postgres import require_connection
from scripts.services.stack import CONSUMER, Stack

MESSAGE_TIMEOUT = 30.0
_FIRST_ID = 1_000_000  # above every order_id of the table
_LARGE = 2_000_000  # bytes


def messages(order: OrderRow) -> tuple[tuple[TriedMessage, bytes | None], ...]:
    """The messages of the round, each like `order` but for its mistake. Those that can stop a watermark come last."""
    good = {**order.model_dump(), "amount": float(order.amount)}
    tomorrow = format_timestamp(datetime.now(UTC) + timedelta(days=1))
    found: list[tuple[TriedMessage, bytes | None]] = []

    def add(mistake: str, text: str | bytes | None, *, is_order: bool = False, has_id: bool = True) -> None:
        order_id = _FIRST_ID + len(found) if has_id else None
        message = TriedMessage(mistake=mistake, order_id=order_id, must_be_rejected=not is_order, outcome="not tried")
        found.append((message, text.encode() if isinstance(text, str) else text))

    def event(**changes: object) -> str:
        return json.dumps({**good, "order_id": _FIRST_ID + len(found), **changes})

    add("an amount that is not a number", event(amount=float("nan")))
    add("an order_id that is text", event(order_id=str(_FIRST_ID + len(found))))
    add("JSON that breaks off", event()[:-20])
    add("two orders in one message", event() + event())
    add("text after the order", event() + " and more")
    add("bytes that are not UTF-8", b"\xff\xfe\x00\x01", has_id=False)
    add("no value", None, has_id=False)
    add("a created_at that is null", event(created_at=None))
    add("an order of 2 MB", event(item="x" * _LARGE), is_order=True)
    add("a created_at of tomorrow", event(created_at=tomorrow), is_order=True)
    add("a created_at in the year 55969", event(created_at="+55969-01-01T00:00:00.000000Z"))
    return tuple(found)


def run_bad_messages(stack: Stack, on_progress: Callable[[str], None] = print) -> BadMessagesRecord:
    """Send each message, then a clean order that must arrive; write the record and show what became of each.

    Raises:
        KitError: the services or the programs cannot start, or the first clean order does not arrive.
    """
    on_progress("Round 4 has its own Postgres, Kafka and lake. It costs no marks.")
    settings = stack.settings
    with own_lake(stack) as own:
        outcomes = _try_all(own, Waiting("Round 4", on_progress))
        error = programs.error_of(own, CONSUMER)
    record = BadMessagesRecord(
        rollnumber=settings.rollnumber,
        finished_at=format_timestamp(datetime.now(UTC)),
        messages=outcomes,
        error=error.cause if error is not None and any(one.outcome == "stopped" for one in outcomes) else None,
    )
    file = settings.rounds_folder / BAD_MESSAGES_RECORD
    write_record(file, record)
    on_progress(tabulate([[one.mistake, one.outcome] for one in outcomes], headers=["message", "what became of it"]))
    if record.error:
        on_progress(f"The consumer's last error:\n  {record.error}")
    on_progress(f"Recorded in {file}")
    return record


def _try_all(stack: Stack, waiting: Waiting) -> tuple[TriedMessage, ...]:
    settings = stack.settings
    with contextlib.closing(require_connection(settings.postgres)) as connection:
        table = require_table(connection, settings).name
        first = require_first_order(stack, connection, table, waiting, label="round4")
        planned = messages(first)
        done: list[TriedMessage] = []
        for message, value in planned:
            publish(settings.kafka, [value])
            arrived = clean_order_arrives(stack, connection, table, waiting, label="round4", timeout=MESSAGE_TIMEOUT)
            if arrived is None or not programs.are_alive(stack):
                done.append(message.model_copy(update={"outcome": "stopped"}))
                break
            is_in_lake = message.order_id in position.lake_ids(settings)
            done.append(message.model_copy(update={"outcome": "in the lake" if is_in_lake else "rejected"}))
    return (*done, *(message for message, _ in planned[len(done) :]))
