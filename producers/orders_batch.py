"""One batch of orders: read once from Postgres, published from that one reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody gives it

from configs.contract import AMOUNT_PRECISION, AMOUNT_SCALE, COLUMN_NAMES, EPOCH, SPARK_TIMESTAMP_FORMAT, UTC
from configs.settings import Kafka, Postgres

_JSON = {"timestampFormat": SPARK_TIMESTAMP_FORMAT, "ignoreNullFields": "false"}


@dataclass(frozen=True)
class Batch:
    """Rows read in one go: the cached frame (key, value, created_at), their number, their greatest created_at."""

    frame: DataFrame
    rows: int
    reached: datetime | None

    def publish(self, kafka: Kafka) -> None:
        """Write the events to the topic and wait until the broker has acknowledged every one."""
        writer = self.frame.select("key", "value").write.format("kafka")
        for key, value in {
            "kafka.bootstrap.servers": kafka.brokers,
            "topic": kafka.topic,
            "kafka.acks": "all",
            "kafka.compression.type": "lz4",
            "kafka.batch.size": "262144",
            # A broker that is away becomes an error here within seconds, and the producer's own back-off takes over.
            "kafka.max.block.ms": "10000",
            "kafka.request.timeout.ms": "10000",
            "kafka.delivery.timeout.ms": "20000",
        }.items():
            writer = writer.option(key, value)
        writer.save()

    def release(self) -> None:
        self.frame.unpersist()


def read_batch(
    spark: SparkSession, postgres: Postgres, table: str, last: datetime, horizon: datetime, limit: int | None
) -> Batch:
    """Read the rows with `last` < created_at < `horizon`, oldest first, at most `limit` and the last one's ties.

    `table` is the quoted name. The frame is cached by the one job that counts it: publishing and the new state come
    from the same rows. Were a cached block lost with its executor, the same bounds would bring the same rows again.
    """
    reader = spark.read.format("jdbc").option("url", postgres.jdbc_url).option("driver", "org.postgresql.Driver")
    reader = reader.option("user", postgres.user).option("password", postgres.password)
    # Without a fetch size the driver holds the whole result in memory.
    rows = reader.option("fetchsize", 10_000).option("query", _query(table, last, horizon, limit)).load()
    frame = rows.select(F.col("order_id").cast("string").alias("key"), _event().alias("value"), "created_at")
    frame = frame.persist(StorageLevel.MEMORY_AND_DISK)
    # As microseconds: a Python datetime made by Spark would be in the zone of the machine.
    counted = frame.agg(F.count("*"), F.max(F.unix_micros("created_at"))).collect()[0]
    return Batch(frame, counted[0], None if counted[1] is None else from_micros(counted[1]))


def from_micros(micros: int) -> datetime:
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def _query(table: str, last: datetime, horizon: datetime, limit: int | None) -> str:
    # NaN, infinity and amounts too long for a decimal would end the read of the whole batch: they travel as text.
    amount, limit_of_type = "amount::numeric", f"1e{AMOUNT_PRECISION - AMOUNT_SCALE}"
    fits = f"abs({amount}) < {limit_of_type} AND {amount} = round({amount}, {AMOUNT_SCALE})"
    columns = ", ".join(name for name in COLUMN_NAMES if name != "amount")
    query = (
        f"SELECT {columns}, amount::text AS amount_text,"
        # The cast comes last: a CASE forgets precision and scale.
        f" (CASE WHEN {fits} THEN {amount} END)::numeric({AMOUNT_PRECISION}, {AMOUNT_SCALE}) AS amount"
        f" FROM {table} WHERE created_at > {_literal(last)} AND created_at < {_literal(horizon)} ORDER BY created_at"
    )
    return query if limit is None else f"{query} FETCH FIRST {limit} ROWS WITH TIES"


def _literal(moment: datetime) -> str:
    moment = max(moment, EPOCH).astimezone(UTC)
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"


def _event() -> Column:
    readable = F.to_json(F.struct(*COLUMN_NAMES), _JSON)
    as_text = [F.col("amount_text").alias("amount") if name == "amount" else F.col(name) for name in COLUMN_NAMES]
    unreadable = F.col("amount").isNull() & F.col("amount_text").isNotNull()
    return F.when(unreadable, F.to_json(F.struct(*as_text), _JSON)).otherwise(readable)
