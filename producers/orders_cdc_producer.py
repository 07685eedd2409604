"""The producer: polls the orders table and publishes every new row to Kafka as JSON.

    spark-submit ... producers/orders_cdc_producer.py --config configs/orders_stream.yml

A poll reads the rows between the state file's timestamp and the horizon, publishes them, and only then moves the state
file. A crash in between repeats rows, and the consumer drops the repeats. No row is ever lost.
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
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from configs.contract import EPOCH, format_timestamp, state_file
from configs.orders_table import connect, find_table, future_orders
from configs.program import (
    Backoff,
    ProgramError,
    StopSignal,
    exclusive,
    first_line,
    run_program,
    wait_for_services,
)
from configs.settings import Settings, local_path
from configs.spark_session import start_session
from configs.topic import require_topic
from configs.wording import counted
from producers.horizon import Horizon, sees_all_sessions, take_horizon
from producers.orders_batch import Batch, find_batch, publish
from producers.state_file import read_state, write_state

NAME = "orders_cdc_producer"
HOLDER_REPORT_AGE = 10.0  # seconds: an open transaction of this age is reported
REPORT_INTERVAL = 30.0  # seconds until it is reported again
# The errors of a poll while Postgres or Kafka is down. OSError and Py4JError cover Spark's own jobs.
TRANSIENT = (psycopg2.Error, KafkaException, PySparkException, Py4JError, OSError)


class Source:
    """The orders table: a connection that is opened again after a failure, and the table's name in Postgres."""

    def __init__(self, settings: Settings, log: logging.Logger) -> None:
        self._postgres = settings.postgres
        self._margin = settings.cdc.horizon_margin_sec
        self._fallback_lag = settings.cdc.fallback_lag_sec
        self._log = log
        self._connection: psycopg2.extensions.connection | None = None
        self._holder_reported = 0.0
        self._future_checked = 0.0
        self.table = ""

    def next_batch(self, last: datetime, limit: int | None) -> Batch | None:
        """The rows after `last` that can be published now. Connects first if there is no connection."""
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
        """The connection; opened if there is none."""
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
                    f"Postgres refused the connection: {first_line(error)}. Fix the config, or run `make db`."
                ) from None
            raise
        self._connection = connection
        table = find_table(connection, postgres.table)
        if table is None:
            raise ProgramError(f"The database {postgres.db} has no table {postgres.table}. Run `make db`.")
        self.table = table
        if not sees_all_sessions(connection):
            self._margin = self._fallback_lag
            self._log.warning(
                "role %s does not have pg_read_all_stats, so it cannot see open transactions of other roles. Rows are "
                "read %g s late. A row that commits later than that after its created_at IS LOST. To prevent this: "
                "GRANT pg_read_all_stats TO %s",
                postgres.user,
                self._fallback_lag,
                postgres.user,
            )

    def _report_holder(self, horizon: Horizon) -> None:
        holder, now = horizon.holder, time.monotonic()
        if holder and holder.age > HOLDER_REPORT_AGE and now - self._holder_reported > REPORT_INTERVAL:
            self._holder_reported = now
            self._log.warning(
                "session pid %d (%s) has had a transaction open for %.0f s. Rows created since then wait for it. "
                "To end it: SELECT pg_terminate_backend(%d)",
                holder.pid,
                holder.state,
                holder.age,
                holder.pid,
            )

    def _report_future(self, connection: psycopg2.extensions.connection) -> None:
        now = time.monotonic()
        if now - self._future_checked < REPORT_INTERVAL:
            return
        self._future_checked = now
        future = future_orders(connection, self.table)
        if future:
            self._log.warning(
                "%s of %s with a created_at in the future, the nearest in %.0f s. Each is read when its time comes. "
                "created_at must be UTC. DEFAULT now() in a column without time zone uses the server's zone instead",
                counted(future.rows, "row"),
                self.table,
                future.nearest_sec,
            )


def poll(spark: SparkSession, settings: Settings, source: Source, state: Path, log: logging.Logger) -> bool:
    """Publish one batch; True if the table may hold more rows that are ready."""
    # BEGIN SOLUTION: task 5
    started = time.monotonic()
    limit = settings.cdc.batch_limit
    batch = source.next_batch(_last_published(settings, state), limit)
    if batch is None:
        return False
    publish(spark, settings.postgres, settings.kafka, batch)
    write_state(state, batch.reached)
    log.info(
        "read %s, published %d, state %s (%.2f s)",
        counted(batch.rows, "row"),
        batch.rows,
        format_timestamp(batch.reached),
        time.monotonic() - started,
    )
    return limit is not None and batch.rows >= limit
    # END SOLUTION


def _last_published(settings: Settings, state: Path) -> datetime:
    return read_state(state) or settings.cdc.default_start_timestamp or EPOCH


def main(settings: Settings, stop: StopSignal, log: logging.Logger) -> None:
    state = state_file(local_path(settings.streaming.last_processed_timestamp_location))
    with exclusive(settings, "producer"):
        log.info("starting; state %s", format_timestamp(_last_published(settings, state)))
        spark = start_session(NAME, {"spark.sql.shuffle.partitions": "1"})
        stop.install()
        wait_for_services(stop)
        source, backoff, topic_seen = Source(settings, log), Backoff(), False
        try:
            while not stop.is_set():
                try:
                    if not topic_seen:
                        require_topic(settings.kafka)
                        source.connection()
                        topic_seen = True
                        log.info("polling %s every %g s", source.table, settings.cdc.poll_interval_sec)
                    more = poll(spark, settings, source, state, log)
                except TRANSIENT as error:
                    if stop.is_set():
                        break
                    source.close()
                    topic_seen = False
                    pause = backoff.next_pause()
                    log.warning("%s", backoff.report("the poll", error, pause))
                    stop.wait(pause)
                    continue
                if backoff.reset():
                    log.info("the poll succeeded, continuing")
                if not more:
                    stop.wait(settings.cdc.poll_interval_sec)
        finally:
            source.close()
            with contextlib.suppress(Py4JError, OSError):
                spark.stop()


if __name__ == "__main__":
    sys.exit(run_program(NAME, main))
