"""One Spark session for the tests of the consumer's parts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from configs.spark_session import start_session
from scripts.services.java import require_java


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    patch = pytest.MonkeyPatch()
    patch.setenv("JAVA_HOME", str(require_java().home))
    patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    patch.setenv("TZ", "America/New_York")
    session = start_session("tests", {"spark.master": "local[1]", "spark.ui.enabled": "false"})
    yield session
    session.stop()
    patch.undo()
