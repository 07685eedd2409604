"""One Spark session for the tests of the consumer's parts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from tests.contract.local_spark import local_spark


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    with local_spark(TZ="America/New_York") as session:
        yield session
