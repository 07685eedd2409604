"""Which messages reach the lake, and as what, in a Spark session without Kafka."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from pyspark.sql import DataFrame, SparkSession

from tests.contract.local_spark import GOOD, local_spark
from tests.contract.student_module import student_module

order_events = student_module("consumers/order_events.py")
consumer = student_module("consumers/orders_stream_consumer.py")
pytestmark = pytest.mark.jvm

BAD = {
    "no order_id": json.dumps({**GOOD, "order_id": None}),
    "negative amount": json.dumps({**GOOD, "amount": -0.01}),
    "no JSON": "hello",
    "JSON that breaks off": json.dumps(GOOD)[:-5],
}


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    with local_spark() as session:
        yield session


def checked(spark: SparkSession, *values: str) -> DataFrame:
    """The messages with these values, as with_reasons returns them."""
    rows = [
        (bytearray(value.encode()), "topic", 1, offset, datetime(2025, 11, 18)) for offset, value in enumerate(values)
    ]
    columns = "value binary, topic string, partition int, offset long, timestamp timestamp"
    result: DataFrame = order_events.with_reasons(spark.createDataFrame(rows, columns))
    return result.orderBy("offset")


def test_a_good_order_keeps_every_value_and_gets_its_date(spark: SparkSession) -> None:
    (row,) = checked(spark, json.dumps(GOOD)).collect()
    assert row["reason"] is None
    event = row["event"].asDict()
    assert event.pop("created_at").astimezone(timezone.utc) == datetime(2025, 11, 18, 23, 59, 59, 999999, timezone.utc)
    expected = {**GOOD, "amount": Decimal("345.75"), "date": "2025-11-18"}
    del expected["created_at"]
    assert event == expected


def test_a_bad_message_gets_a_reason_and_is_kept_as_it_came(spark: SparkSession) -> None:
    rows = checked(spark, *BAD.values()).select("reason", "raw").collect()
    without_reason = [name for name, row in zip(BAD, rows, strict=True) if row["reason"] is None]
    assert without_reason == []
    assert [row["raw"] for row in rows] == [*BAD.values()]


def test_an_amount_of_zero_is_allowed(spark: SparkSession) -> None:
    (row,) = checked(spark, json.dumps({**GOOD, "amount": 0})).select("reason").collect()
    assert row["reason"] is None


def test_each_order_id_passes_once(spark: SparkSession) -> None:
    orders = spark.createDataFrame([(1, "a"), (2, "b"), (1, "a")], "order_id int, item string")
    passed = consumer.without_repeats(orders, None)
    assert sorted(row["order_id"] for row in passed.collect()) == [1, 2]
