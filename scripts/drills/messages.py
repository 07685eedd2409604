"""Messages that are sent directly to the topic: rejects of every kind, and copies of orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from configs.wording import counted
from scripts.pipeline.topic import publish

if TYPE_CHECKING:
    from scripts.drills.pipeline import Pipeline

_FIELDS: Mapping[str, str] = {
    "customer_name": '"Eve"',
    "restaurant_name": '"Nowhere"',
    "item": '"Nothing"',
    "amount": "5.00",
    "order_status": '"PLACED"',
    "created_at": '"2025-11-18T12:24:00.123456Z"',
}
FIRST_ID = 900_000_001  # no row of Postgres has such an id; each reject has a different one, so that none hides another

_ABORTED_ID = 910_000_001
_TRANSACTION_TIMEOUT = 60.0  # seconds


def _event(order_id: int, changes: Mapping[str, str | None]) -> bytes:
    """An order as JSON; `changes` replace the text of a value, or leave the field out."""
    fields: dict[str, str | None] = {"order_id": str(order_id), **_FIELDS, **changes}
    return ("{" + ",".join(f'"{name}":{text}' for name, text in fields.items() if text is not None) + "}").encode()


# Mistake -> message. Either it is not one JSON object,
_NO_OBJECTS: Mapping[str, bytes | None] = {
    "no value": None,
    "empty": b"",
    "blank": b"  ",
    "not JSON": b"hello",
    "cut off": _event(FIRST_ID - 1, {})[:-9],
    "not UTF-8": b'\xff\xfe{"order_id":1}',
    "an array": b"[1,2,3]",
    "an array of orders": b"[" + _event(FIRST_ID - 2, {}) + b"]",
    "a number": b"42",
    "JSON null": b"null",
    "an empty object": b"{}",
    "two orders, a line each": _event(FIRST_ID - 3, {}) + b"\n" + _event(FIRST_ID - 4, {}),
    "words after an order": _event(FIRST_ID - 5, {}) + b" and so on",
}
# or one field of the order is wrong.
_WRONG_FIELDS: Mapping[str, Mapping[str, str | None]] = {
    "order_id missing": {"order_id": None},
    "order_id null": {"order_id": "null"},
    "order_id a text": {"order_id": '"three"'},
    "order_id a number in quotes": {"order_id": '"900000000"'},
    "order_id a fraction": {"order_id": "900000000.5"},
    "order_id too large": {"order_id": "99999999999999"},
    "amount missing": {"amount": None},
    "amount null": {"amount": "null"},
    "amount negative": {"amount": "-5.00"},
    "amount NaN": {"amount": "NaN"},
    "amount NaN in quotes": {"amount": '"NaN"'},
    "amount Infinity": {"amount": "Infinity"},
    "amount 1e400": {"amount": "1e400"},
    "amount 1e20": {"amount": "1e20"},
    "amount a text": {"amount": '"much"'},
    "created_at missing": {"created_at": None},
    "created_at null": {"created_at": "null"},
    "created_at epoch milliseconds": {"created_at": "1763468640000"},
    "created_at a word": {"created_at": '"yesterday"'},
    "created_at the year 1": {"created_at": '"0001-01-01T00:00:00Z"'},
    "created_at no such day": {"created_at": '"2025-02-30T12:00:00Z"'},
}
# All of them must be in the quarantine, and none in the lake.
REJECTS: Mapping[str, bytes | None] = {
    **_NO_OBJECTS,
    **{name: _event(FIRST_ID + number, changes) for number, (name, changes) in enumerate(_WRONG_FIELDS.items())},
}

_COPIES = """
SELECT json_build_object('order_id', order_id, 'customer_name', customer_name, 'restaurant_name', restaurant_name,
    'item', item, 'amount', amount, 'order_status', order_status,
    'created_at', to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text
FROM {table} WHERE amount BETWEEN 0 AND 1000000 ORDER BY order_id DESC LIMIT {count}
"""


def send(pipeline: Pipeline, values: Iterable[bytes | None]) -> None:
    """Send messages to the topic, without the producer.

    Raises:
        KitError: the broker has not acknowledged all of them.
    """
    publish(pipeline.settings.kafka, values)


def send_and_abort(pipeline: Pipeline, count: int) -> None:
    """Send good orders to the topic in a transaction that is aborted. None of them exists for a reader that asks for
    committed messages only.

    Raises:
        KafkaException: the broker has no transactions, or did not answer in time.
    """
    kafka = pipeline.settings.kafka
    producer = Producer({"bootstrap.servers": kafka.brokers, "transactional.id": "drill"})
    producer.init_transactions(_TRANSACTION_TIMEOUT)
    producer.begin_transaction()
    for order_id in range(_ABORTED_ID, _ABORTED_ID + count):
        producer.produce(kafka.topic, _event(order_id, {}), key=str(order_id).encode())
    producer.flush(_TRANSACTION_TIMEOUT)
    producer.abort_transaction(_TRANSACTION_TIMEOUT)
    pipeline.note(f"{counted(count, 'order')} of an aborted transaction")


def copies_of_orders(pipeline: Pipeline, count: int) -> list[bytes]:
    """The newest orders as events, as a producer publishes them. It has published them already, or soon will."""
    with pipeline.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_COPIES.format(table=pipeline.table, count=count))
        return [text.encode() for (text,) in cursor.fetchall()]
