"""A row that no broker takes: which one it is, and the limit that it meets. To publish it again would never help."""

from __future__ import annotations

import psycopg2.extensions
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from configs.contract import COLUMN_NAMES
from configs.program import ProgramError
from configs.settings import Kafka
from producers.orders_batch import Batch
from producers.sql import literal

ERROR = "RecordTooLargeException"  # in the message of Kafka's client
_LIMIT = "max.message.bytes"


def too_large(connection: psycopg2.extensions.connection, kafka: Kafka, batch: Batch) -> ProgramError:
    """The error that names the largest row of a batch, and the topic's limit.

    Raises:
        psycopg2.Error: no connection.
    """
    columns = ", ".join(COLUMN_NAMES)
    query = f"""
        SELECT order_id, octet_length(row_to_json(row)::text) FROM (
            SELECT {columns} FROM {batch.table} WHERE created_at > {literal(batch.last)}
            AND created_at <= {literal(batch.reached)}
        ) AS row ORDER BY 2 DESC LIMIT 1
    """
    with connection.cursor() as cursor:
        cursor.execute(query)
        order_id, size = cursor.fetchone() or (None, 0)
    needed = size + 100_000  # Kafka adds the key and headers
    return ProgramError(
        f"Kafka takes no message as large as that of order {order_id} in {batch.table}: its row has {size:,} bytes as "
        f"JSON, and the topic {kafka.topic} takes {_limit(kafka)} ({_LIMIT}). The state has not moved, so no row is "
        "lost, and those beside it will only be repeated. Shorten the row. Or raise the limit: kafka-configs.sh "
        f"--bootstrap-server {kafka.brokers} --alter --entity-type topics --entity-name {kafka.topic} --add-config "
        f"{_LIMIT}={needed}. Then start the producer again."
    )


def _limit(kafka: Kafka) -> str:
    resource = ConfigResource(ResourceType.TOPIC, kafka.topic)
    try:
        admin = AdminClient({"bootstrap.servers": kafka.brokers, "log_level": 0})
        return f"{int(admin.describe_configs([resource])[resource].result(timeout=5)[_LIMIT].value):,}"
    except (KafkaException, KeyError, TypeError, ValueError):
        return "fewer"
