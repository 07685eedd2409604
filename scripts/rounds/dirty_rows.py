"""The bad half of round 3: two rows that Postgres accepts, and three messages that only the topic can have."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import psycopg2.extensions

from configs.contract import OrderRow, RejectedRow
from configs.settings import Settings
from scripts.pipeline.orders import NewOrder
from scripts.pipeline.topic import publish
from scripts.rounds.insert_test_orders import insert_test_orders


def send_dirty_rows(
    settings: Settings, connection: psycopg2.extensions.connection, table: str, pattern: NewOrder
) -> tuple[tuple[OrderRow, ...], tuple[RejectedRow, ...]]:
    """Send five bad rows, each with one mistake and otherwise like `pattern`; return those in Postgres, and all five.

    Raises:
        KitError: Kafka did not take a message.
    """
    in_table = {
        "a negative amount": replace(pattern, amount=-pattern.amount),
        "an amount that is not a number": replace(pattern, amount=Decimal("NaN")),
    }
    rows = insert_test_orders(connection, table, list(in_table.values()))
    latest = rows[-1]
    event = {**latest.model_dump(), "amount": float(pattern.amount)}
    on_topic = {
        "no order_id": json.dumps({**event, "order_id": None}),
        "an order_id that is text": json.dumps({**event, "order_id": str(latest.order_id + 1_000_000)}),
        "JSON that breaks off": json.dumps({**event, "order_id": latest.order_id + 2_000_000})[:-20],
    }
    publish(settings.kafka, [text.encode() for text in on_topic.values()])
    rejected = [
        RejectedRow(mistake=mistake, order_id=row.order_id) for mistake, row in zip(in_table, rows, strict=True)
    ]
    rejected += [RejectedRow(mistake=mistake, raw=raw) for mistake, raw in on_topic.items()]
    return rows, tuple(rejected)
