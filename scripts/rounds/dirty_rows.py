"""The bad half of round 3, as the assignment has it: negative amounts in Postgres, and orders without an order_id.

Every producer can read the table afterwards. A NaN, for example, would stop those that read through JDBC.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import psycopg2.extensions

from configs.contract import OrderRow, RejectedRow
from configs.settings import Settings
from scripts.pipeline.orders import NewOrder
from scripts.pipeline.topic import publish
from scripts.rounds.insert_test_orders import insert_test_orders

Event = Mapping[str, object]


@dataclass(frozen=True)
class DirtyRows:
    """Bad rows by their mistake: `in_table` from a good order, `on_topic` from the event of a good order.

    The primary key of the table admits no null, so an order without an order_id is sent directly to the topic.
    """

    in_table: Callable[[NewOrder], Mapping[str, NewOrder]]
    on_topic: Callable[[Event], Mapping[str, str]]


def _negative(order: NewOrder) -> dict[str, NewOrder]:
    return {
        "a negative amount": replace(order, amount=-order.amount),
        "an amount just below zero": replace(order, amount=Decimal("-0.01")),
    }


def _without_order_id(event: Event) -> dict[str, str]:
    return {
        "an order_id that is null": json.dumps({**event, "order_id": None}),
        "no order_id": json.dumps({key: value for key, value in event.items() if key != "order_id"}),
        "an order_id that is null and a negative amount": json.dumps({**event, "order_id": None, "amount": -1.5}),
    }


OF_ASSIGNMENT = DirtyRows(_negative, _without_order_id)


def send_dirty_rows(
    settings: Settings,
    connection: psycopg2.extensions.connection,
    table: str,
    pattern: NewOrder,
    dirty: DirtyRows = OF_ASSIGNMENT,
) -> tuple[tuple[OrderRow, ...], tuple[RejectedRow, ...]]:
    """Send bad rows, each with one mistake and otherwise like `pattern`; return those in Postgres, and all of them.

    Raises:
        KitError: Kafka did not take a message.
    """
    in_table = dirty.in_table(pattern)
    rows = insert_test_orders(connection, table, list(in_table.values()))
    on_topic = dirty.on_topic({**rows[-1].model_dump(), "amount": float(pattern.amount)})
    publish(settings.kafka, [text.encode() for text in on_topic.values()])
    rejected = [
        RejectedRow(mistake=mistake, order_id=row.order_id) for mistake, row in zip(in_table, rows, strict=True)
    ]
    rejected += [RejectedRow(mistake=mistake, raw=raw) for mistake, raw in on_topic.items()]
    return rows, tuple(rejected)
