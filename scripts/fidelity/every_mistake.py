"""Bad rows and messages of every kind that a check looks for, in place of those of round 3."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import cast

from scripts.pipeline.orders import NewOrder
from scripts.rounds.dirty_rows import OF_ASSIGNMENT, DirtyRows, Event


def _orders(order: NewOrder) -> dict[str, NewOrder]:
    return {
        **OF_ASSIGNMENT.in_table(order),
        "an amount that is not a number": replace(order, amount=Decimal("NaN")),
    }


def _messages(event: Event) -> dict[str, str]:
    order_id = cast(int, event["order_id"])
    return {
        **OF_ASSIGNMENT.on_topic(event),
        "an order_id that is text": json.dumps({**event, "order_id": str(order_id + 1_000_000)}),
        "JSON that breaks off": json.dumps({**event, "order_id": order_id + 2_000_000})[:-20],
    }


EVERY_MISTAKE = DirtyRows(_orders, _messages)
