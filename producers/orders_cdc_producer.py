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
from dataclasses import replace
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # spark-submit puts only this folder on the path

import psycopg2
import psycopg2.extensions
from confluent_kafka import KafkaException
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from configs.contract import EPOCH, format_timestamp, seen_file, state_file
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
from configs.spark_session import require_session, start_session, wait_for_executor
from configs.topic import require_topic
from configs.wording import counted
from producers import too_large
from producers.horizon import Margins, sees_all_sessions, take_horizon
from producers.horizon_report import REPORT_INTERVAL, HorizonReport
from producers.late_rows import Look, LookBack
from producers.orders_batch import Batch, find_batch, publish
from producers.prepared_transactions import PreparedTransactions
from producers.published_rows import MissingRowsError, PublishedCheck, TopicEnd
from producers.source_checks import (
    INTEGERS,
    read_columns,
    require_primary,
    require_same_table,
    require_utc_default,
    rounding_of,
    standby_error,
)
from producers.state_file import read_state, write_state
from producers.unreadable_rows import UnreadableReport

NAME = "orders_cdc_producer"
# The errors of a poll while Postgres or Kafka is down. OSError and Py4JError cover Spark's own jobs.
TRANSIENT = (psycopg2.Error, KafkaException, PySparkException, Py4JError, OSError, MissingRowsError)


class Source:
    """The orders table: a connection that is opened again after a failure, and the table's name in Postgres."""

    def __init__(self, settings: Settings, spark: SparkSession, look_back: LookBack, log: logging.Logger) -> None:
        self._postgres = settings.postgres
        self._cdc = settings.cdc
        self._margins = Margins(self._cdc.horizon_margin_sec, self._cdc.fallback_lag_sec)
        self._kafka = settings.kafka
        self._spark = spark
        self._topic_end = TopicEnd(settings.kafka)
        self._published_check = PublishedCheck(log)
        self._look_back = look_back
        self._log = log
        self._connection: psycopg2.extensions.connection | None = None
        self._prepared = PreparedTransactions()
        self._horizon_report = HorizonReport(self._cdc.fallback_lag_sec, log)
        self._unreadable_report = UnreadableReport(self._cdc.default_start_timestamp, log)
        self._reported_at = time.monotonic()
        self._idle_seen = False
        self.look = Look()
        self.table = ""

    def next_batch(self, last: datetime, limit: int | None) -> Batch | None:
        """The rows after `last` that can be published now. Connects first if there is no connection.

        Raises:
            ProgramError: the server has become a standby.
        """
        connection = self.connection()
        try:
            horizon = take_horizon(connection, self._margins)
            if horizon.is_standby:
                raise standby_error(connection, self._postgres)
            prepared = self._prepared.take(connection, horizon, last)
            readable = min(horizon.limit, prepared.limit) if prepared else horizon.limit
            batch = find_batch(connection, self.table, last, readable, limit)
            self.look = self._look_back.look(
                connection, self.table, last, batch.reached if batch else last, horizon.clock
            )
            self._horizon_report.check(horizon, prepared, last)
            self._report_rows(connection, last, is_idle=batch is None)
        except psycopg2.Error:
            self.close()
            raise
        if self.look.late:
            batch = replace(batch or Batch(self.table, last, (), 0), late_ids=self.look.late)
        elif batch is None:
            self._look_back.confirm(self.look)
        return batch

    def publish(self, batch: Batch) -> int:
        """Publish a batch, and make sure that all of it is on the topic; return the number of its rows.

        Raises:
            MissingRowsError: it is not; the batch is to be published again.
            ProgramError: it is not, again and again; or a row is larger than the topic takes.
        """
        before = self._topic_end.read()
        try:
            publish(self._spark, self._postgres, self._kafka, batch)
        except (PySparkException, Py4JError) as error:
            if too_large.ERROR in str(error):
                raise too_large.too_large(self.connection(), self._kafka, batch) from error
            raise
        return self._published_check.check(self.connection(), batch, self._topic_end.read() - before)

    def confirm_published(self) -> None:
        """The last batch is on the topic, and its state is written."""
        self._look_back.confirm(self.look)

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
        self._check(connection)
        if not sees_all_sessions(connection):
            self._margins = replace(self._margins, usual=max(self._margins.usual, self._margins.hidden))
            self._log.warning(
                "role %s does not have pg_read_all_stats, so it cannot see open transactions of other roles. Rows are "
                "read %g s late. A row that commits later than that appears below the state. To prevent this: "
                "GRANT pg_read_all_stats TO %s",
                postgres.user,
                self._margins.hidden,
                postgres.user,
            )

    def _check(self, connection: psycopg2.extensions.connection) -> None:
        """What must hold so that no row is lost silently: see source_checks.py."""
        require_primary(connection, self._postgres)
        columns = read_columns(connection, self.table)
        rounding = rounding_of(self.table, columns.get("created_at"))
        if rounding and not self._margins.rounding:
            self._log.info(
                "created_at of %s keeps fewer than six digits, so Postgres rounds it. Rows are read %g s later",
                self.table,
                rounding,
            )
        self._margins = Margins(self._cdc.horizon_margin_sec, self._cdc.fallback_lag_sec, rounding)
        require_utc_default(self._postgres, self.table, columns["created_at"], self._log)
        require_same_table(connection, self._spark, self._postgres)
        if self._look_back.is_on and ("order_id" not in columns or columns["order_id"].type not in INTEGERS):
            self._look_back.turn_off()
            self._log.info("order_id of %s is no whole number, so rows below the state are not looked for", self.table)

    def _report_rows(self, connection: psycopg2.extensions.connection, last: datetime, *, is_idle: bool) -> None:
        """Every REPORT_INTERVAL, and at the first poll without rows: the rows that this producer does not publish."""
        self._look_back.report_older(connection, self.table, last)
        now, first_idle = time.monotonic(), is_idle and not self._idle_seen
        self._idle_seen = self._idle_seen or is_idle
        if now - self._reported_at < REPORT_INTERVAL and not first_idle:
            return
        self._reported_at = now
        try:
            self._unreadable_report.check(connection, self.table)
            future = future_orders(connection, self.table)
        except (psycopg2.DataError, ValueError) as error:  # a report never ends the producer
            self._log.warning("the created_at of %s cannot be checked: %s", self.table, first_line(error))
            return
        if future:
            self._log.warning(
                "%s of %s with a created_at in the future, the nearest in %.0f s. Each is read when its time comes. "
                "created_at must be UTC. DEFAULT now() in a column without time zone uses the server's zone instead",
                counted(future.rows, "row"),
                self.table,
                future.nearest_sec,
            )


def poll(settings: Settings, source: Source, state: Path, log: logging.Logger) -> bool:
    """Publish one batch; True if the table may hold more rows that are ready."""
    # BEGIN SOLUTION: task 5
    started = time.monotonic()
    limit = settings.cdc.batch_limit
    batch = source.next_batch(_last_published(settings, state), limit)
    if batch is None:
        return False
    published = source.publish(batch)
    if batch.reached > batch.last:
        write_state(state, batch.reached)
    source.confirm_published()
    log.info(
        "read %s, published %d, state %s (%.2f s)",
        counted(published, "row"),
        published,
        format_timestamp(batch.reached),
        time.monotonic() - started,
    )
    return source.look.has_more or (limit is not None and batch.rows >= limit)
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
        wait_for_executor(spark, stop, log)
        start = settings.cdc.default_start_timestamp or EPOCH
        look_back = LookBack(settings.cdc.lookback_sec, start, seen_file(state), log)
        look_back.restore(_last_published(settings, state))
        source, backoff, topic_seen = Source(settings, spark, look_back, log), Backoff(), False
        try:
            while not stop.is_set():
                try:
                    if not topic_seen:
                        require_topic(settings.kafka)
                        source.connection()
                        topic_seen = True
                        log.info("polling %s every %g s", source.table, settings.cdc.poll_interval_sec)
                    more = poll(settings, source, state, log)
                except TRANSIENT as error:
                    if stop.is_set():
                        break
                    source.close()
                    topic_seen = False
                    require_session(spark)
                    pause = backoff.next_pause()
                    log.warning("%s", backoff.report("the poll", error, pause))
                    stop.wait(pause)
                    continue
                if backoff.reset():
                    log.info("the poll succeeded, continuing")
                if not more:
                    stop.wait(settings.cdc.poll_interval_sec)
        finally:
            look_back.keep()
            source.close()
            with contextlib.suppress(Py4JError, OSError):
                spark.stop()


if __name__ == "__main__":
    sys.exit(run_program(NAME, main))
