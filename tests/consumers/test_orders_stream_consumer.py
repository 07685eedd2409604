"""The store of order_ids: its key."""

from __future__ import annotations

import struct

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from consumers.order_id_store import KEY_OF_ORDER_ID
from consumers.orders_stream_consumer import without_repeats

pytestmark = pytest.mark.jvm

# Each differs from another in one byte only, or in its sign.
ORDER_IDS = [0, 1, 2, 255, 256, 257, 65_535, 65_536, 16_777_215, 16_777_216, 2**31 - 1, -1, -256, -(2**31)]


def test_order_ids_that_differ_in_one_byte_are_no_repeats(spark: SparkSession) -> None:
    orders = spark.createDataFrame([(order_id, "x") for order_id in ORDER_IDS * 2], "order_id INT, item STRING")
    kept = without_repeats(orders, None)
    assert sorted(row.order_id for row in kept.collect()) == sorted(ORDER_IDS)
    assert kept.columns == ["order_id", "item"]


def test_rocksdb_sees_growing_order_ids_in_growing_order(spark: SparkSession) -> None:
    growing = sorted(order_id for order_id in ORDER_IDS if order_id >= 0)
    orders = spark.createDataFrame([(order_id,) for order_id in growing], "order_id INT")
    keys = [row[0] for row in orders.select(F.expr(KEY_OF_ORDER_ID)).collect()]
    as_stored = [struct.pack("<q", key) for key in keys]  # the word of an UnsafeRow, on a machine such as x86 or ARM
    assert as_stored == sorted(as_stored)
