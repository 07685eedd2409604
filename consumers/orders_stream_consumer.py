"""The consumer: reads the topic as a stream, checks every message, and appends the orders to the Parquet lake.

    spark-submit ... consumers/orders_stream_consumer.py --config configs/orders_stream.yml

Two streams read the topic:

- The stream `lake` parses, drops repeats by order_id and appends to the lake, in one folder for each date.
- The stream `quarantine` (a dead-letter queue) keeps every message that may not enter the lake. Each has its reason and
  its place in the topic.

Each stream has its own checkpoint, and so is exactly-once by itself: topic = lake + quarantine + repeats.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # spark-submit puts only this folder on the path

from confluent_kafka import KafkaException
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody gives it
from pyspark.sql.streaming.query import StreamingQuery

from configs.contract import PARTITION_COLUMN
from configs.program import (
    Backoff,
    ProgramError,
    StopSignal,
    exclusive,
    first_line,
    run_program,
    wait_for_services,
)
from configs.settings import Settings
from configs.spark_session import start_session
from configs.wording import counted
from consumers.order_events import REASON, with_reasons
from consumers.start_checks import check_start

NAME = "orders_stream_consumer"
LAKE, QUARANTINE = "lake", "quarantine"
QUARANTINE_INTERVAL = 2.0  # seconds, at least: it can wait, and more batches would slow the lake's stream
STOP_TIMEOUT = 10.0  # seconds
TRANSIENT = (KafkaException, PySparkException, Py4JError, OSError)
# Errors that trying again cannot fix: a part of Spark's message, and what to report.
_GONE = (
    "Kafka no longer has messages that come after the checkpoint {checkpoint}: {error}. They were removed from the "
    "topic before the consumer had read them, and it cannot bring them back."
)
PERMANENT = {
    "Cannot find earliest offset": _GONE,
    "Some data may have been lost": _GONE,
    "offset was changed from": _GONE,
    "Partitions' offset": _GONE,
    "to the schema for existing state": (
        "The checkpoint {checkpoint} was started with another streaming.duplicates_window. Its store of order_ids "
        "cannot change between a window and no window. Set the old value again. Or move checkpoint and lake away: then "
        "the whole topic is read into a new lake."
    ),
}


def session_options(settings: Settings) -> dict[str, str]:
    """Keep the order_ids in RocksDB, outside the heap. At the end of a batch only its changes are written."""
    store = "spark.sql.streaming.stateStore"
    return {
        "spark.sql.shuffle.partitions": str(settings.streaming.state_partitions),
        f"{store}.providerClass": "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
        f"{store}.rocksdb.changelogCheckpointing.enabled": "true",
        f"{store}.rocksdb.trackTotalNumberOfRows": "false",
        "spark.sql.streaming.metricsEnabled": "false",
        # Write times before 1900 as they are. By default Spark would fail the batch, at every try.
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    }


def read_topic(spark: SparkSession, settings: Settings) -> DataFrame:
    # BEGIN SOLUTION: task 6
    reader = spark.readStream.format("kafka")
    for key, value in {
        "kafka.bootstrap.servers": settings.kafka.brokers,
        "subscribe": settings.kafka.topic,
        "startingOffsets": "earliest",
        "failOnDataLoss": "true",
        # After each read of a partition Spark asks the broker for its offsets. The same connection already waits for
        # the next messages, so the answer comes only when that fetch times out: by default 500 ms for each partition.
        "kafka.fetch.max.wait.ms": "10",
        "maxOffsetsPerTrigger": str(settings.streaming.max_offsets_per_trigger),
    }.items():
        reader = reader.option(key, value)
    return reader.load()
    # END SOLUTION


def without_repeats(orders: DataFrame, window: str | None) -> DataFrame:
    """Each order_id once. Without a window every order_id is remembered; with one, older order_ids are forgotten."""
    # BEGIN SOLUTION: task 8
    if window is None:
        return orders.dropDuplicates(["order_id"])
    return orders.withWatermark("created_at", window).dropDuplicatesWithinWatermark(["order_id"])
    # END SOLUTION


def start_stream(spark: SparkSession, settings: Settings, name: str) -> StreamingQuery:
    """Start one of the two streams.

    Raises:
        ProgramError: lake, checkpoint and topic do not belong together.
        KafkaException: no broker answers.
    """
    path, checkpoint = locations(settings)[name]
    check_start(settings, path, checkpoint)
    # BEGIN SOLUTION: task 9
    messages = with_reasons(read_topic(spark, settings))
    if name == LAKE:
        orders = messages.where(F.col(REASON).isNull()).select("event.*")
        output = without_repeats(orders, settings.streaming.duplicates_window)
    else:
        output = (
            messages.where(F.col(REASON).isNotNull()).select(REASON, "topic", "partition", "offset", "raw").coalesce(1)
        )
    writer = output.writeStream.queryName(name).format(settings.datalake.format).outputMode("append")
    writer = writer.option("path", path).option("checkpointLocation", checkpoint)
    if name == LAKE:
        writer = writer.partitionBy(PARTITION_COLUMN)
    interval = settings.streaming.batch_interval
    if name == QUARANTINE:
        interval = max(interval, QUARANTINE_INTERVAL)
    return writer.trigger(processingTime=f"{round(interval * 1000)} milliseconds").start()
    # END SOLUTION


def locations(settings: Settings) -> dict[str, tuple[str, str]]:
    """Name of a stream -> where it writes, and its checkpoint."""
    lake, streaming = settings.datalake, settings.streaming
    return {
        LAKE: (lake.path, streaming.checkpoint_location),
        QUARANTINE: (lake.quarantine_path, streaming.quarantine_checkpoint_location),
    }


class ProgressLog:
    """Logs once for each batch what happened to its messages."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._reported: dict[str, int] = {}

    def report(self, query: StreamingQuery) -> bool:
        """Log the batches that have ended since the last call; True if there were any."""
        last = query.lastProgress
        if last is None or last["batchId"] == self._reported.get(query.name):
            return False
        seen = self._reported.get(query.name, -1)
        # Only now, because this list is costly to fetch.
        fresh = [p for p in query.recentProgress if p["numInputRows"] and p["batchId"] > seen]
        for progress in fresh:
            self._reported[query.name] = progress["batchId"]
            seconds = progress["durationMs"].get("triggerExecution", 0) / 1000
            if query.name == LAKE:
                # BEGIN NOT IN STARTER
                store = progress["stateOperators"][0]
                self._log.info(
                    "lake batch %d: read %s, wrote %s, dropped %s (%.2f s)",
                    progress["batchId"],
                    counted(progress["numInputRows"], "message"),
                    counted(store["numRowsUpdated"], "row"),
                    counted(store.get("customMetrics", {}).get("numDroppedDuplicateRows", 0), "repeat"),
                    seconds,
                )
                if store["numRowsDroppedByWatermark"]:
                    self._log.warning(
                        "lake batch %d: %s NOT written to the lake: older than streaming.duplicates_window allows, "
                        "counted back from the newest created_at",
                        progress["batchId"],
                        counted(store["numRowsDroppedByWatermark"], "row"),
                    )
                # STARTER read = counted(progress["numInputRows"], "message")
                # STARTER self._log.info("lake batch %d: read %s (%.2f s)", progress["batchId"], read, seconds)
                # END NOT IN STARTER
        return bool(fresh)


def run_streams(spark: SparkSession, settings: Settings, stop: StopSignal, log: logging.Logger) -> None:
    """Keep both streams running until the stop signal. Restart a failed one, with growing pauses."""
    queries: dict[str, StreamingQuery] = {}
    backoff, progress = Backoff(), ProgressLog(log)
    while not stop.is_set():
        try:
            for name in (LAKE, QUARANTINE):
                if name not in queries:
                    queries[name] = start_stream(spark, settings, name)
                    log.info("%s: %s, checkpoint %s", name, *locations(settings)[name])
            for name, query in list(queries.items()):
                if progress.report(query):
                    backoff.reset()
                if not query.isActive:
                    del queries[name]
                    raise query.exception() or ConnectionError(f"the stream {name} ended by itself")
        except TRANSIENT as error:
            if stop.is_set():
                break
            meaning = next((text for words, text in PERMANENT.items() if words in str(error)), None)
            if meaning is not None:
                checkpoint = settings.streaming.checkpoint_location
                raise ProgramError(meaning.format(checkpoint=checkpoint, error=first_line(error))) from error
            pause = backoff.next_pause()
            log.warning("a stream failed, nothing is lost: %s; trying again in %g s", first_line(error), pause)
            stop.wait(pause)
            continue
        stop.wait(0.5)
    for query in queries.values():
        with contextlib.suppress(*TRANSIENT):
            _finish_batch(query)
            query.stop()
            progress.report(query)


def _finish_batch(query: StreamingQuery) -> None:
    """Wait until no batch is running, so that none is interrupted; at most STOP_TIMEOUT seconds."""
    deadline = time.monotonic() + STOP_TIMEOUT
    while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
        time.sleep(0.02)


def main(settings: Settings, stop: StopSignal, log: logging.Logger) -> None:
    with exclusive(settings, "consumer"):
        log.info("starting; topic %s, a batch every %g s", settings.kafka.topic, settings.streaming.batch_interval)
        spark = start_session(NAME, session_options(settings))
        stop.install()
        wait_for_services(stop)
        try:
            run_streams(spark, settings, stop, log)
        finally:
            with contextlib.suppress(Py4JError, OSError):
                spark.stop()


if __name__ == "__main__":
    sys.exit(run_program(NAME, main))
