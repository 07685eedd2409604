"""Which messages reach the lake, and with which reason the others do not: in a real Spark session, without Kafka."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from consumers.order_events import with_reasons
from tests.contract.local_spark import GOOD

pytestmark = pytest.mark.jvm


MISTAKES = {
    "no order_id": ("order_id is missing", json.dumps({**GOOD, "order_id": None})),
    "order_id left out": ("order_id is missing", json.dumps({k: v for k, v in GOOD.items() if k != "order_id"})),
    "order_id as text": ("another type", json.dumps({**GOOD, "order_id": "3"})),
    "order_id with a fraction": ("another type", json.dumps({**GOOD, "order_id": 3.5})),
    "order_id past 32 bits": ("another type", json.dumps({**GOOD, "order_id": 2**31})),
    "negative amount": ("amount is negative", json.dumps({**GOOD, "amount": -0.01})),
    "no amount": ("amount is missing", json.dumps({**GOOD, "amount": None})),
    "amount NaN": ("another type", json.dumps({**GOOD, "amount": float("nan")})),
    "amount infinite": ("another type", json.dumps({**GOOD, "amount": float("inf")})),
    "amount 1e400": ("another type", json.dumps(GOOD).replace("345.75", "1e400")),
    "amount with too many digits": ("does not fit", json.dumps({**GOOD, "amount": 1.00001})),
    "amount too great": ("does not fit", json.dumps({**GOOD, "amount": 10**15})),
    "amount as words": ("another type", json.dumps({**GOOD, "amount": "a lot"})),
    "no created_at": ("created_at is missing", json.dumps({**GOOD, "created_at": None})),
    "created_at in milliseconds": ("not a timestamp", json.dumps({**GOOD, "created_at": 1763468640000})),
    "created_at without a time": ("not a timestamp", json.dumps({**GOOD, "created_at": "2025-11-18"})),
    "created_at on no day": ("not a timestamp", json.dumps({**GOOD, "created_at": "2025-02-30T00:00:00Z"})),
    "created_at zero": ("before 1970", json.dumps({**GOOD, "created_at": "0001-01-01T00:00:00Z"})),
    "created_at just too old": ("before 1970", json.dumps({**GOOD, "created_at": "1969-12-31T23:59:59.999999Z"})),
    "two orders, a line each": ("more than one", f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}"),
    "two orders and a comma": ("more than one", f"{json.dumps(GOOD)},{json.dumps(GOOD)}"),
    "words after the order": ("more than one", f"{json.dumps(GOOD)} and so on"),
    "an array closed after the order": ("more than one", f"{json.dumps(GOOD)}] ["),
    "an object closed after the order": ("more than one", f"{json.dumps(GOOD)}}} {{}}"),
    "a field after the order": ("more than one", json.dumps(GOOD) + ',"item":1'),
    "JSON that breaks off": ("not valid JSON", json.dumps(GOOD)[:-5]),
    "no JSON": ("not a JSON object", "hello"),
    "an array": ("not a JSON object", json.dumps([GOOD])),
    "a number": ("not a JSON object", "42"),
    "nothing": ("not a JSON object", ""),
    "a tombstone": ("the message is empty", None),
}


def judged(
    spark: SparkSession, *values: str | bytes | None, columns: tuple[str, ...] = ("reason", "raw", "event")
) -> list[Row]:
    rows = [
        (None if value is None else bytearray(_bytes(value)), "topic", 1, offset, datetime(2025, 11, 18))
        for offset, value in enumerate(values)
    ]
    messages = spark.createDataFrame(
        rows, "value binary, topic string, partition int, offset long, timestamp timestamp"
    )
    return with_reasons(messages).orderBy("offset").select(*columns).collect()


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding_is_rejected_and_kept_byte_for_byte(spark: SparkSession, encoding: str) -> None:
    value = json.dumps({**GOOD, "customer_name": "José Núñez"}, ensure_ascii=False).encode(encoding)
    (row,) = judged(spark, value, columns=("reason", "raw", "bytes"))
    assert (row["reason"], row["raw"], bytes(row["bytes"])) == ("not UTF-8 text", None, value)


def test_each_mistake_is_rejected_with_its_reason_and_kept_word_for_word(spark: SparkSession) -> None:
    # Not the event: its year may be one that Python does not know.
    found = judged(spark, *(raw for _, raw in MISTAKES.values()), columns=("reason", "raw"))
    for (name, (reason, raw)), row in zip(MISTAKES.items(), found, strict=True):
        assert row["reason"] is not None, name
        assert reason in row["reason"], f"{name}: {row['reason']}"
        assert row["raw"] == raw, name


def test_a_good_order_keeps_every_value(spark: SparkSession) -> None:
    (row,) = judged(spark, json.dumps(GOOD))
    assert row["reason"] is None
    event = row["event"].asDict()
    moment = event.pop("created_at").astimezone(timezone.utc)
    assert moment == datetime(2025, 11, 18, 23, 59, 59, 999999, timezone.utc)
    assert event == {
        **{key: value for key, value in GOOD.items() if key != "created_at"},
        "amount": Decimal("345.7500"),
        "date": "2025-11-18",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": 1e3},
        {"created_at": "2025-11-18 12:24:00"},
        {"created_at": "2025-11-18T12:24:00Z"},
        {"created_at": "2025-11-19T01:24:00.5+05:30"},
        {"customer_name": 'Ravi "RK" Kumar\n\U0001f35b'},
        {"customer_name": "a {brace} and ]}"},
        {"customer_name": "José Núñez"},
        {"item": None},
        {"extra": {"nested": [1, 2]}},
    ],
)
def test_what_is_unusual_and_allowed_passes(spark: SparkSession, changes: dict[str, Any]) -> None:
    (row,) = judged(spark, json.dumps({**GOOD, **changes}))
    assert row["reason"] is None
    assert row["event"]["date"] == "2025-11-18"
