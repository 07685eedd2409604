"""The producer: polls the orders table and publishes every new row to Kafka as JSON.

    spark-submit ... producers/orders_cdc_producer.py --config configs/orders_stream.yml

A poll reads the rows between the state file's timestamp and the horizon, publishes them, and only then moves the state
file. A crash in between repeats rows, which the consumer drops; no order of events loses one.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # spark-submit puts only this folder on the path

import psycopg2
import psycopg2.extensions
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from configs.contract import EPOCH, format_timestamp, state_file
from configs.orders_table import connect, find_table, future_orders
from configs.program import Backoff, ProgramError, StopSignal, exclusive, first_line, run_program
from configs.settings import Settings, local_path
from configs.spark_session import start_session
from producers.horizon import Horizon, sees_all_sessions, take_horizon
from producers.orders_batch import Batch, find_batch, publish
from producers.state_file import read_state, write_state

NAME = "orders_cdc_producer"
HOLDER_REPORT_AGE = 10.0  # seconds: an open transaction of this age is reported,
REPORT_INTERVAL = 30.0  # and then again every so many seconds
# What a poll can run into while Postgres or Kafka are away. ConnectionError and Py4JError cover Spark's own jobs.
TRANSIENT = (psycopg2.Error, KafkaException, PySparkException, Py4JError, OSError)


class Source:
    """The orders table: a connection that is opened again after a failure, and the name Postgres knows the table by."""

    def __init__(self, settings: Settings, log: logging.Logger) -> None:
        self._postgres = settings.postgres
        self._margin = settings.cdc.horizon_margin_sec
        self._fallback_lag = settings.cdc.fallback_lag_sec
        self._log = log
        self._connection: psycopg2.extensions.connection | None = None
        self._reported = 0.0
        self._looked_ahead = 0.0
        self.table = ""

    def next_batch(self, last: datetime, limit: int | None) -> Batch | None:
        """The rows after `last` that can be published at this moment. Connects first where there is no connection."""
        connection = self.connection()
        try:
            horizon = take_horizon(connection, self._margin)
            batch = find_batch(connection, self.table, last, horizon.limit, limit)
            if batch is None:
                self._report_future(connection)
        except psycopg2.Error:
            self.close()
            raise
        self._report_holder(horizon)
        return batch

    def connection(self) -> psycopg2.extensions.connection:
        """The connection, opened where there is none."""
        if self._connection is None:
            try:
                self._connect()
            except psycopg2.Error:
                self.close()
                raise
        assert self._connection is not None
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def _connect(self) -> None:
        postgres = self._postgres
        try:
            connection = connect(postgres, program=NAME)
        except psycopg2.OperationalError as error:
            if "authentication failed" in str(error) or "does not exist" in str(error):
                raise ProgramError(
                    f"Postgres refuses us: {first_line(error)}. Fix the config, or run `make db`."
                ) from None
            raise
        self._connection = connection
        table = find_table(connection, postgres.table)
        if table is None:
            raise ProgramError(f"The database {postgres.db} has no table {postgres.table}. `make db` makes it.")
        self.table = table
        if not sees_all_sessions(connection):
            self._margin = self._fallback_lag
            self._log.warning(
                "role %s lacks pg_read_all_stats, so open transactions of other roles cannot be seen: rows are read "
                "%g s late, and one that commits later than that after its created_at IS LOST. To close the gap: "
                "GRANT pg_read_all_stats TO %s",
                postgres.user,
                self._fallback_lag,
                postgres.user,
            )

    def _report_holder(self, horizon: Horizon) -> None:
        holder, now = horizon.holder, time.monotonic()
        if holder and holder.age > HOLDER_REPORT_AGE and now - self._reported > REPORT_INTERVAL:
            self._reported = now
            self._log.warning(
                "session pid %d (%s) has had a transaction open for %.0f s: rows created since then wait for it. "
                "SELECT pg_terminate_backend(%d) ends it",
                holder.pid,
                holder.state,
                holder.age,
                holder.pid,
            )

    def _report_future(self, connection: psycopg2.extensions.connection) -> None:
        now = time.monotonic()
        if now - self._looked_ahead < REPORT_INTERVAL:
            return
        self._looked_ahead = now
        future = future_orders(connection, self.table)
        if future:
            self._log.warning(
                "%d rows of %s have a created_at in the future, the nearest in %.0f s: each is read when its time has "
                "come. created_at must be UTC; a default of now() in a column without time zone takes the server's",
                future.rows,
                self.table,
                future.nearest_sec,
            )


def poll(spark: SparkSession, settings: Settings, source: Source, state: Path, log: logging.Logger) -> bool:
    """Publish one batch; True if the table may hold more rows that are ready."""
    started = time.monotonic()
    limit = settings.cdc.batch_limit
    batch = source.next_batch(_last_published(settings, state), limit)
    if batch is None:
        return False
    publish(spark, settings.postgres, settings.kafka, batch)
    write_state(state, batch.reached)
    log.info(
        "read %d rows, published %d, state %s (%.2f s)",
        batch.rows,
        batch.rows,
        format_timestamp(batch.reached),
        time.monotonic() - started,
    )
    return limit is not None and batch.rows >= limit


def _last_published(settings: Settings, state: Path) -> datetime:
    return read_state(state) or settings.cdc.default_start_timestamp or EPOCH


def require_topic(settings: Settings) -> None:
    """Make sure that the topic is there: Spark would take a minute to say less.

    Raises:
        ProgramError: the broker answers and has no such topic.
        KafkaException: no broker answers.
    """
    admin = AdminClient({"bootstrap.servers": settings.kafka.brokers, "log_level": 0})
    if settings.kafka.topic not in admin.list_topics(timeout=5).topics:
        raise ProgramError(
            f"Kafka at {settings.kafka.brokers} has no topic {settings.kafka.topic}. `make topic` makes it."
        )


def main(settings: Settings, stop: StopSignal, log: logging.Logger) -> None:
    state = state_file(local_path(settings.streaming.last_processed_timestamp_location))
    with exclusive(settings, "producer"):
        log.info("starting; state %s", format_timestamp(_last_published(settings, state)))
        spark = start_session(NAME, {"spark.sql.shuffle.partitions": "1"})
        stop.install()
        source, backoff, topic_seen = Source(settings, log), Backoff(), False
        try:
            while not stop.is_set():
                try:
                    if not topic_seen:
                        require_topic(settings)
                        source.connection()
                        topic_seen = True
                        log.info("polling %s every %g s", source.table, settings.cdc.poll_interval_sec)
                    more = poll(spark, settings, source, state, log)
                except TRANSIENT as error:
                    if stop.is_set():
                        break
                    source.close()
                    pause = backoff.next_pause()
                    log.warning("poll failed, nothing is lost: %s; trying again in %g s", first_line(error), pause)
                    stop.wait(pause)
                    continue
                if backoff.reset():
                    log.info("going on")
                if not more:
                    stop.wait(settings.cdc.poll_interval_sec)
        finally:
            source.close()
            with contextlib.suppress(Py4JError, OSError):
                spark.stop()


if __name__ == "__main__":
    sys.exit(run_program(NAME, main))
