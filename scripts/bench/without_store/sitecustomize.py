"""Runs the consumer without its store of order_ids, to measure the cost of the store. Batches and shuffle are the same,
but repeats are kept.

At its start, Python imports a module of this name if it is on its path. Only lake_backlog.py puts it there.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery


def _shuffled(self: DataFrame, subset: list[str]) -> DataFrame:
    return self.repartition(*subset)


DataFrame.dropDuplicates = _shuffled  # type: ignore[method-assign,assignment]
# The consumer's log would look in it for the figures of the store.
StreamingQuery.lastProgress = None  # type: ignore[method-assign,assignment]
