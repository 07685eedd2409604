"""The consumer: reads the topic as a stream, checks every message, and appends the orders to the Parquet lake.

    spark-submit ... consumers/orders_stream_consumer.py --config configs/orders_stream.yml

The stream parses, drops repeats by order_id and appends to the lake, in one folder for each date. Every message that
may not enter the lake goes to the quarantine (consumers/quarantine.py). Each message is in one of the two exactly once,
or is a repeat.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from pathlib import Path
from typing import Any

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
from configs.spark_session import require_session, start_session, wait_for_executor, wait_for_master
from configs.storage import StorageUnreachableError
from configs.wording import counted

# BEGIN NOT IN STARTER
from consumers.message_counts import count_messages
from consumers.order_events import REASON, with_reasons
from consumers.order_id_store import KEY, KEY_OF_ORDER_ID, close_store

# END NOT IN STARTER
from consumers.quarantine import Quarantine

# BEGIN NOT IN STARTER
from consumers.shared_folders import SharedFolders

# END NOT IN STARTER
from consumers.start_checks import FILE_MANAGER, check_file_manager, check_start, finished_ends

NAME = "orders_stream_consumer"
LAKE = "lake"
COUNTS, REJECTED = "messages", "rejected"  # what the stream counts in each batch
STOP_TIMEOUT = 6.0  # seconds: 10 s after the signal the program must be gone
TRANSIENT = (KafkaException, PySparkException, Py4JError, OSError, StorageUnreachableError)
# Errors that trying again cannot fix: a part of Spark's message, and what to report.
_GONE = (
    "Kafka no longer has messages that come after the checkpoint {checkpoint}: {error}. They were removed from the "
    "topic before the consumer had read them. Postgres still has the orders. Stop both programs, move the checkpoint "
    "and the lake {lake} away (use mv, delete nothing), and delete the state file {state}. Then all orders are "
    "published again, into a new lake. To prevent it, give the topic a longer retention.ms."
)
PERMANENT = {
    "Cannot find earliest offset": _GONE,
    "Some data may have been lost": _GONE,
    "offset was changed from": _GONE,
    "Partitions' offset": _GONE,
    "to the schema for existing state": (
        "The checkpoint {checkpoint} was started with another streaming.duplicates_window, or by an earlier version of "
        "this program. Its store of order_ids cannot change between a window and no window, or between versions. Set "
        "the old value again. Or move checkpoint and lake away: then the whole topic is read into a new lake."
    ),
}


def session_options(settings: Settings) -> dict[str, str]:
    """Keep the order_ids in RocksDB, outside the heap. At the end of a batch only its changes are written."""
    store, execution = "spark.sql.streaming.stateStore", "org.apache.spark.sql.execution.streaming"
    # Spark's default starts two processes (readlink) for each file that it renames: 40 ms a batch. It is made for HDFS;
    # on a local disk both rename in the same way. For a lake on S3 the default is the one that was seen to be safe.
    manager = {FILE_MANAGER: f"{execution}.FileSystemBasedCheckpointFileManager"}
    return {
        **({} if settings.on_s3 else manager),
        "spark.sql.shuffle.partitions": str(settings.streaming.state_partitions),
        f"{store}.providerClass": f"{execution}.state.RocksDBStateStoreProvider",
        f"{store}.rocksdb.changelogCheckpointing.enabled": "true",
        f"{store}.rocksdb.trackTotalNumberOfRows": "false",
        f"{store}.rocksdb.writeBufferSizeMB": "8",  # a batch's ids; a search in 64 MB is slower, and takes the memory
        # As many dates in one batch are written without being sorted first.
        "spark.sql.maxConcurrentOutputFileWriters": "16",
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
        "kafka.isolation.level": "read_committed",  # an order of an aborted transaction does not exist
        # After each read of a partition Spark asks the broker for its offsets. The same connection already waits for
        # the next messages, so the answer comes only when that fetch times out: by default 500 ms for each partition.
        "kafka.fetch.max.wait.ms": "10",
        # After each 500 messages (the default) the client would ask the broker again.
        "kafka.max.poll.records": "5000",
        "maxOffsetsPerTrigger": str(settings.streaming.max_offsets_per_trigger),
    }.items():
        reader = reader.option(key, value)
    return reader.load()
    # END SOLUTION


def without_repeats(orders: DataFrame, window: str | None) -> DataFrame:
    """Each order_id once. Without a window every order_id is remembered; with one, older order_ids are forgotten."""
    # BEGIN SOLUTION: task 8
    keyed = orders.withColumn(KEY, F.expr(KEY_OF_ORDER_ID))
    if window is None:
        return keyed.dropDuplicates([KEY]).drop(KEY)
    return keyed.withWatermark("created_at", window).dropDuplicatesWithinWatermark([KEY]).drop(KEY)
    # END SOLUTION


def start_stream(spark: SparkSession, settings: Settings) -> StreamingQuery:
    """Start the stream that writes the lake."""
    # BEGIN SOLUTION: task 9
    # Counted before the rejected ones are dropped, in the same pass.
    messages = with_reasons(read_topic(spark, settings)).observe(COUNTS, F.count(REASON).alias(REJECTED))
    orders = messages.where(F.col(REASON).isNull()).select("event.*")
    output = without_repeats(orders, settings.streaming.duplicates_window)
    writer = output.writeStream.queryName(LAKE).format(settings.datalake.format).outputMode("append")
    writer = writer.partitionBy(PARTITION_COLUMN).option("path", settings.datalake.path)
    writer = writer.option("checkpointLocation", settings.streaming.checkpoint_location)
    return writer.trigger(processingTime=f"{round(settings.streaming.batch_interval * 1000)} milliseconds").start()
    # END SOLUTION


class Progress:
    """The batches that have ended: logs once for each what happened to its messages, and completes the quarantine."""

    def __init__(self, topic: str, quarantine: Quarantine, log: logging.Logger) -> None:
        self._topic = topic
        self._quarantine = quarantine
        self._log = log
        self._seen = ""
        self._reported = -1

    def follow(self, query: StreamingQuery) -> bool:
        """Report the batches that have ended since the last call; True if there were any."""
        last = query.lastProgress
        if last is None or last["timestamp"] == self._seen:
            return False
        found = False
        # Only now, because this list is costly to fetch.
        for progress in query.recentProgress:
            source = progress["sources"][0]
            begin, ends = (_offsets(source[key], self._topic) for key in ("startOffset", "endOffset"))
            offsets = sum(end - begin.get(partition, 0) for partition, end in ends.items())
            if progress["batchId"] > self._reported and progress["numInputRows"]:
                found, self._reported = True, progress["batchId"]
                self._report(progress, offsets)
            # A batch without a row can move the offsets too, over what a transaction has left.
            self._quarantine.cover(ends, _rejected(progress, offsets), begin)
        self._seen = last["timestamp"]  # only now: if the quarantine could not be written, it is tried again
        return found

    def _report(self, progress: dict[str, Any], offsets: int) -> None:
        batch, seconds = progress["batchId"], progress["durationMs"].get("triggerExecution", 0) / 1000
        # BEGIN NOT IN STARTER
        counts = count_messages(progress, progress["observedMetrics"][COUNTS][REJECTED], offsets)
        at_most = "" if counts.are_exact or not counts.rejected else "at most "
        self._log.info(
            "lake batch %d: read %s%s, wrote %s, dropped %s, rejected %s%d (%.2f s)",
            batch,
            at_most,
            counted(counts.read, "message"),
            counted(counts.wrote, "row"),
            counted(counts.repeats, "repeat"),
            at_most,
            counts.rejected,
            seconds,
        )
        if counts.too_old:
            self._log.warning(
                "lake batch %d: %s NOT written to the lake: older than streaming.duplicates_window allows, "
                "counted back from the newest created_at",
                batch,
                counted(counts.too_old, "row"),
            )
        # STARTER read = counted(progress["numInputRows"], "message")
        # STARTER self._log.info("lake batch %d: read %s (%.2f s)", batch, read, seconds)
        # END NOT IN STARTER


def _rejected(progress: dict[str, Any], offsets: int) -> int | None:
    """How many messages the batch rejected; None if that is not known. `offsets`: how many it covered."""
    if not progress["numInputRows"]:
        return 0
    counts: dict[str, int] | None = progress["observedMetrics"].get(COUNTS)
    # BEGIN NOT IN STARTER
    if counts is not None and not count_messages(progress, counts[REJECTED], offsets).are_exact:
        return None
    # END NOT IN STARTER
    return None if counts is None else counts[REJECTED]


def _offsets(source: object, topic: str) -> dict[int, int]:
    """partition -> offset of Kafka's source in a batch's progress; empty where the source has no offset yet."""
    found = source if isinstance(source, dict) else {}
    return {int(partition): offset for partition, offset in found.get(topic, {}).items()}


def run_stream(spark: SparkSession, settings: Settings, stop: StopSignal, log: logging.Logger) -> None:
    """Keep the stream running until the stop signal. Restart it when it failed, with growing pauses.

    Raises:
        ProgramError: lake, checkpoint, quarantine and topic do not belong together, or an error that stays.
    """
    quarantine, backoff = Quarantine(spark, settings), Backoff()
    progress = Progress(settings.kafka.topic, quarantine, log)
    # BEGIN NOT IN STARTER
    shared_folders = SharedFolders(spark, settings)
    # END NOT IN STARTER
    query: StreamingQuery | None = None
    while not stop.is_set():
        try:
            # BEGIN NOT IN STARTER
            shared_folders.check()
            # END NOT IN STARTER
            if query is None:
                quarantine.open(check_start(settings))
                quarantine.cover(finished_ends(settings))
                query = start_stream(spark, settings)
                log.info("%s: %s, checkpoint %s", LAKE, settings.datalake.path, settings.streaming.checkpoint_location)
                log.info("quarantine: %s", settings.datalake.quarantine_path)
            if progress.follow(query):
                backoff.reset()
            if not query.isActive:
                ended, query = query, None
                raise ended.exception() or ConnectionError("the stream ended by itself")
        except TRANSIENT as error:
            if stop.is_set():
                break
            require_session(spark)
            meaning = next((text for words, text in PERMANENT.items() if words in str(error)), None)
            if meaning is not None:
                raise ProgramError(
                    meaning.format(
                        checkpoint=settings.streaming.checkpoint_location,
                        lake=settings.datalake.path,
                        state=settings.streaming.last_processed_timestamp_location,
                        error=first_line(error),
                    )
                ) from error
            pause = backoff.next_pause()
            log.warning("%s", backoff.report("the stream", error, pause))
            stop.wait(pause)
            continue
        stop.wait(0.5)
    if query is not None:
        with contextlib.suppress(*TRANSIENT):
            if not _finish_batch(query):
                log.info("a batch still ran after %g s and is interrupted; the next start reads it again", STOP_TIMEOUT)
                _silence(spark)
            query.stop()
            progress.follow(query)


def _finish_batch(query: StreamingQuery) -> bool:
    """Wait until no batch is running, so that none is interrupted; at most STOP_TIMEOUT seconds. False: one is."""
    deadline = time.monotonic() + STOP_TIMEOUT
    while query.isActive and query.status["isTriggerActive"]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _silence(spark: SparkSession) -> None:
    """Log nothing from Java any more. Spark would report each task that a stop interrupts as an error, with a trace."""
    package: Any = spark.sparkContext._jvm
    package = package.org.apache.logging.log4j
    package.core.config.Configurator.setAllLevels("", package.Level.OFF)


def main(settings: Settings, stop: StopSignal, log: logging.Logger) -> None:
    with exclusive(settings, "consumer"):
        log.info("starting; topic %s, a batch every %g s", settings.kafka.topic, settings.streaming.batch_interval)
        if not wait_for_master(settings.spark, stop, log):
            return
        spark = start_session(NAME, session_options(settings))
        stop.install()
        wait_for_services(stop)
        wait_for_executor(spark, stop, log)
        try:
            check_file_manager(settings, spark.conf.get(FILE_MANAGER, "") or "")
            run_stream(spark, settings, stop, log)
        finally:
            with contextlib.suppress(Py4JError, OSError):
                # BEGIN NOT IN STARTER
                close_store(spark)
                # END NOT IN STARTER
                spark.stop()


if __name__ == "__main__":
    sys.exit(run_program(NAME, main))
