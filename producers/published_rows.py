"""Whether every counted row came to the topic. Spark reads the rows in a query of its own, after they were counted."""

from __future__ import annotations

import logging

import psycopg2.extensions
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from configs.program import ProgramError
from configs.settings import Kafka
from configs.wording import counted
from producers.orders_batch import Batch, count_again

TIMEOUT = 10  # seconds
MAX_TRIES = 3


class MissingRowsError(Exception):
    """Rows that Postgres has did not come to the topic; the same batch is to be published again."""


class TopicEnd:
    """The topic's end: how many messages were ever written to it, by whomever."""

    def __init__(self, kafka: Kafka) -> None:
        self._topic = kafka.topic
        self._admin = AdminClient({"bootstrap.servers": kafka.brokers, "log_level": 0})

    def read(self) -> int:
        """The sum of the end offsets of all partitions.

        Raises:
            KafkaException: no broker answers.
        """
        partitions = self._admin.list_topics(self._topic, timeout=TIMEOUT).topics[self._topic].partitions
        wanted = {TopicPartition(self._topic, number): OffsetSpec.latest() for number in partitions}
        found = self._admin.list_offsets(wanted, request_timeout=TIMEOUT)
        return sum(one.result().offset for one in found.values())


class PublishedCheck:
    """Compares each published batch with its count; the third short one in a row ends the producer."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._short = 0

    def check(self, connection: psycopg2.extensions.connection, batch: Batch, published: int) -> int:
        """Make sure that `published` messages are the batch, or that the rest was deleted since it was counted.

        Returns the number of its rows that were published. Others may write to the topic too.

        Raises:
            MissingRowsError: rows are missing, and it is worth another try.
            ProgramError: rows are missing for the third time in a row.
        """
        expected = batch.rows + len(batch.late_ids)
        if published >= expected:
            self._short = 0
            return expected
        rows = count_again(connection, batch)
        if rows <= published:
            self._short = 0
            self._log.info("%s deleted between count and read", counted(expected - published, "row was", "rows were"))
            return published
        self._short += 1
        seen = f"Postgres has {counted(rows, 'row')} of the batch, and {published} came to the topic"
        if self._short < MAX_TRIES:
            raise MissingRowsError(seen)
        raise ProgramError(
            f"{seen}, {MAX_TRIES} times in a row. Spark reads {batch.table} by postgres.jdbc_url and sees other rows "
            "than the producer's own connection: through a proxy, or a view that depends on the session. Let jdbc_url "
            "lead directly to the primary. The state has not moved, so nothing is lost."
        )
