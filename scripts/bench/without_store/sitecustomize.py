"""Runs the consumer without its store of order_ids, for what the store costs: the same batches through the same
shuffle, repeats kept.

Python imports a module of this name at its start if it finds one on its path; only lake_backlog.py puts it there.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery


def _shuffled(self: DataFrame, subset: list[str]) -> DataFrame:
    return self.repartition(*subset)


DataFrame.dropDuplicates = _shuffled  # type: ignore[method-assign,assignment]
# The consumer's log would look for the store's own figures in it.
StreamingQuery.lastProgress = None  # type: ignore[method-assign,assignment]
