"""What the tests of messages need: one good order, and a Spark session without Kafka."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.sql import SparkSession

from configs.spark_session import start_session
from scripts.services.java import require_java

GOOD: dict[str, Any] = {
    "order_id": 7,
    "customer_name": "Meera Nair",
    "restaurant_name": "Curry Leaf",
    "item": "Fish Curry",
    "amount": 345.75,
    "order_status": "DELIVERED",
    "created_at": "2025-11-18T23:59:59.999999Z",
}


@contextlib.contextmanager
def local_spark(**environment: str) -> Iterator[SparkSession]:
    """A session in this process, with these variables until its end."""
    patch = pytest.MonkeyPatch()
    for name, value in {"JAVA_HOME": str(require_java().home), "SPARK_LOCAL_IP": "127.0.0.1", **environment}.items():
        patch.setenv(name, value)
    session = start_session("tests", {"spark.master": "local[1]", "spark.ui.enabled": "false"})
    yield session
    session.stop()
    patch.undo()
