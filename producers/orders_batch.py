"""One batch of the producer: which rows it has, how they are read, and how they look on the topic.

The batch is fixed before a row is read. Its greatest created_at is looked up first. All its rows are between the last
batch's and that one, where no row can appear any more (see horizon.py). So the state file then stands for exactly the
rows that were published.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime

import psycopg2.extensions
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody gives it

from configs.contract import AMOUNT_PRECISION, AMOUNT_SCALE, COLUMN_NAMES, SPARK_TIMESTAMP_FORMAT, UTC
from configs.settings import Kafka, Postgres
from producers.sql import literal

# BEGIN SOLUTION: task 4
_JSON = {"timestampFormat": SPARK_TIMESTAMP_FORMAT, "ignoreNullFields": "false"}
# END SOLUTION
# BEGIN SOLUTION: task 3
# Rows of one Spark task. A task either reads or publishes, so two tasks keep two cores busy.
ROWS_OF_A_TASK = 25_000
# END SOLUTION


@dataclass(frozen=True)
class Batch:
    """The `rows` with created_at above `last` and up to the last of `bounds` (UTC); the other bounds cut the ranges.

    `late_ids`: order_ids of rows at or below `last` that are published too (see late_rows.py).
    """

    table: str
    last: datetime
    bounds: tuple[datetime, ...]
    rows: int
    late_ids: tuple[int, ...] = ()

    @property
    def reached(self) -> datetime:
        """The greatest created_at of the batch; `last` if it has only late rows."""
        return self.bounds[-1] if self.bounds else self.last

    # BEGIN SOLUTION: task 4
    @property
    def ranges(self) -> list[str]:
        """A condition for each task."""
        edges = [self.last, *self.bounds]
        ranges = [
            f"created_at_exact > {literal(low)} AND created_at_exact <= {literal(high)}"
            for low, high in itertools.pairwise(edges)
        ]
        if self.late_ids:
            ids = ", ".join(map(str, self.late_ids))
            ranges.append(f"order_id IN ({ids}) AND created_at_exact <= {literal(self.last)}")
        return ranges

    # END SOLUTION


def find_batch(
    connection: psycopg2.extensions.connection, table: str, last: datetime, horizon: datetime, limit: int | None
) -> Batch | None:
    """The next batch: rows with `last` < created_at < `horizon`, oldest first; at most `limit` and the last one's ties.

    `table` is the quoted name. None: there are no such rows.
    """
    # BEGIN SOLUTION: task 3
    fetch = "" if limit is None else f"FETCH FIRST {limit} ROWS WITH TIES"
    # The literals are TIMESTAMPs in UTC, whatever the server's zone is.
    query = f"""
        SELECT max(created_at), count(*) FROM (
            SELECT created_at, (row_number() OVER (ORDER BY created_at) - 1) / {ROWS_OF_A_TASK} AS task FROM (
                SELECT created_at FROM {table}
                WHERE created_at > {literal(last)} AND created_at < {literal(horizon)}
                ORDER BY created_at {fetch}
            ) AS batch
        ) AS numbered GROUP BY task ORDER BY task
    """
    with connection.cursor() as cursor:
        cursor.execute(query)
        parts = cursor.fetchall()
    if not parts:
        return None
    # Ties may be in the rows of several tasks; they have one bound.
    bounds = sorted({moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment for moment, _ in parts})
    return Batch(table, last, tuple(bounds), sum(count for _, count in parts))
    # END SOLUTION


def count_again(connection: psycopg2.extensions.connection, batch: Batch) -> int:
    """How many rows of a batch there are now."""
    condition = f"created_at > {literal(batch.last)} AND created_at <= {literal(batch.reached)}"
    if batch.late_ids:
        ids = ", ".join(map(str, batch.late_ids))
        condition += f" OR order_id IN ({ids}) AND created_at <= {literal(batch.last)}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {batch.table} WHERE {condition}")
        (rows,) = cursor.fetchone() or (0,)
    return int(rows)


def publish(spark: SparkSession, postgres: Postgres, kafka: Kafka, batch: Batch) -> None:
    """Read the rows of a batch, write their events to the topic, and wait until the broker has acknowledged each."""
    # BEGIN SOLUTION: task 4
    writer = _read(spark, postgres, batch).write.format("kafka")
    for key, value in {
        "kafka.bootstrap.servers": kafka.brokers,
        "topic": kafka.topic,
        "kafka.acks": "all",
        # With it the client waits without a limit for an id from a broker that does not answer. What a retry repeats,
        # the consumer drops.
        "kafka.enable.idempotence": "false",
        "kafka.compression.type": "lz4",
        "kafka.batch.size": "262144",
        "kafka.max.request.size": "33554432",  # only the topic's own limit counts
        # If no broker answers, this fails within seconds, and the producer tries again with its own pauses.
        "kafka.max.block.ms": "10000",
        "kafka.request.timeout.ms": "10000",
        "kafka.delivery.timeout.ms": "20000",
    }.items():
        writer = writer.option(key, value)
    writer.save()
    # END SOLUTION


# BEGIN SOLUTION: task 4
def _read(spark: SparkSession, postgres: Postgres, batch: Batch) -> DataFrame:
    """The batch's events: key and value of a message."""
    properties = {
        "driver": "org.postgresql.Driver",
        "user": postgres.user,
        "password": postgres.password,
        "fetchsize": "5000",  # without it the driver keeps the whole result in memory
    }
    rows = spark.read.jdbc(
        postgres.jdbc_url, f"({_query(batch.table)}) AS orders", predicates=batch.ranges, properties=properties
    )
    return rows.select(F.col("order_id").cast("string").alias("key"), _event().alias("value"))


def _query(table: str) -> str:
    # NaN, infinity and amounts too long for a decimal would fail the whole batch, so they are sent as text.
    amount, limit_of_type = "amount::numeric", f"1e{AMOUNT_PRECISION - AMOUNT_SCALE}"
    fits = f"abs({amount}) < {limit_of_type} AND {amount} = round({amount}, {AMOUNT_SCALE})"
    columns = ", ".join(name for name in COLUMN_NAMES if name != "amount")
    return (
        f"SELECT {columns}, created_at AS created_at_exact,"
        f" CASE WHEN NOT ({fits}) THEN amount::text END AS amount_text,"
        # The cast comes last: a CASE forgets precision and scale.
        f" (CASE WHEN {fits} THEN {amount} END)::numeric({AMOUNT_PRECISION}, {AMOUNT_SCALE}) AS amount FROM {table}"
    )


def _event() -> Column:
    readable = F.to_json(F.struct(*COLUMN_NAMES), _JSON)
    as_text = [F.col("amount_text").alias("amount") if name == "amount" else F.col(name) for name in COLUMN_NAMES]
    return F.when(F.col("amount_text").isNotNull(), F.to_json(F.struct(*as_text), _JSON)).otherwise(readable)


# END SOLUTION
