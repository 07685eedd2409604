"""Services and a lake of their own for what must leave the evidence of rounds 1 to 3 as it is: round 4 and the load."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import psycopg2.extensions

from configs.contract import OrderRow
from configs.errors import KitError
from scripts.pipeline import position, programs
from scripts.pipeline.temporary_stack import bring_up, temporary_stack
from scripts.rounds.insert_test_orders import insert_test_orders, make_test_orders
from scripts.rounds.progress import Waiting
from scripts.services.processes import wait_until
from scripts.services.stack import Stack

FIRST_TIMEOUT = 120.0  # seconds until the first clean order is in the lake: both programs start


@contextlib.contextmanager
def own_lake(stack: Stack) -> Iterator[Stack]:
    """A temporary stack with the programs and the settings of `stack`, in which both programs have been started.

    Raises:
        KitError: the services or the programs cannot start.
    """
    settings = stack.settings
    changes: dict[str, dict[str, object]] = {
        "postgres": {"table": settings.postgres.table},
        "kafka": {"topic": settings.kafka.topic, "partitions": settings.kafka.partitions},
        "streaming": {"batch_interval": settings.streaming.batch_interval},
        "cdc": settings.cdc.model_dump(),
    }
    with temporary_stack(changes, rollnumber=settings.rollnumber, programs=stack.programs) as own:
        own = replace(own, launcher=stack.launcher)
        with programs.started_beside_services(own):
            bring_up(own)
        programs.start(own)
        yield own


def clean_order_arrives(
    stack: Stack,
    connection: psycopg2.extensions.connection,
    table: str,
    waiting: Waiting,
    *,
    label: str,
    timeout: float,
) -> OrderRow | None:
    """Insert an order into the quoted table and wait for it; None if it is not in the lake within `timeout` seconds, or
    a program has ended.
    """
    (row,) = insert_test_orders(connection, table, make_test_orders(stack.settings.rollnumber, label, 1))

    def arrived() -> bool:
        waiting.show(lambda: f"waiting for the clean order {row.order_id}")
        return row.order_id in position.lake_ids(stack.settings) or not programs.are_alive(stack)

    wait_until(arrived, timeout=timeout, interval=0.1)
    waiting.done()
    return row if row.order_id in position.lake_ids(stack.settings) else None


def require_first_order(
    stack: Stack, connection: psycopg2.extensions.connection, table: str, waiting: Waiting, *, label: str
) -> OrderRow:
    """The first clean order that arrives.

    Raises:
        KitError: a program has ended, or none arrives in FIRST_TIMEOUT seconds.
    """
    first = clean_order_arrives(stack, connection, table, waiting, label=label, timeout=FIRST_TIMEOUT)
    if first is None:
        programs.require_alive(stack)
        raise KitError(
            f"The programs run, but no order reached the lake of this {label} in {FIRST_TIMEOUT:.0f} s. Do they take "
            "every path and address from the config? `make round1` shows it on the usual lake."
        )
    return first
