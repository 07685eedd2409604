"""Small submissions in plain Python, which start without a JVM: an honest pair, and parts that do harm."""

from __future__ import annotations

import textwrap
from pathlib import Path

PRODUCER = """
import json, sys, time
import psycopg2
import yaml
from kafka import KafkaProducer

cfg = yaml.safe_load(open(sys.argv[2]))
pg = cfg["postgres"]
# HARM
conn = psycopg2.connect(host="postgres", port=pg["port"], dbname=pg["db"], user=pg["user"], password=pg["password"])
conn.autocommit = True
producer = KafkaProducer(bootstrap_servers="kafka:29092")
last = 0
while True:
    with conn.cursor() as cur:
        cur.execute(
            "SELECT order_id, customer_name, restaurant_name, item, amount::float8, order_status, created_at::text "
            'FROM "%s" WHERE order_id > %d ORDER BY order_id' % (pg["table"], last)
        )
        names = [column[0] for column in cur.description]
        for row in cur.fetchall():
            producer.send(cfg["kafka"]["topic"], json.dumps(dict(zip(names, row))).encode())
            last = row[0]
    producer.flush()
    time.sleep(0.2)
"""
CONSUMER = """
import json, sys, uuid
from datetime import datetime
from decimal import Decimal
from pathlib import Path
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from kafka import KafkaConsumer

cfg = yaml.safe_load(open(sys.argv[2]))
# HARM
consumer = KafkaConsumer(cfg["kafka"]["topic"], bootstrap_servers="localhost:9092", auto_offset_reset="earliest")
while True:
    for messages in consumer.poll(timeout_ms=200).values():
        rows = [json.loads(message.value) for message in messages]
        rows = [row for row in rows if row.get("order_id") is not None and row["amount"] >= 0]
        for row in rows:
            row["amount"] = Decimal(str(row["amount"]))
            row["created_at"] = datetime.fromisoformat(row["created_at"])
        for day in {row["created_at"].date() for row in rows}:
            folder = Path(cfg["datalake"]["path"], f"date={day}")
            folder.mkdir(parents=True, exist_ok=True)
            table = pa.Table.from_pylist([row for row in rows if row["created_at"].date() == day])
            pq.write_table(table, folder / f"part-00000-{uuid.uuid4()}.c000.snappy.parquet")
"""
CONFIG = """
rollnumber: 2025em{number}
postgres:
  jdbc_url: jdbc:postgresql://postgres:5432/shop
  host: postgres
  port: 5432
  db: shop
  user: keeper
  password: "it's"
  table: 2025em{number}_orders
kafka:
  brokers: kafka:29092
  topic: 2025em{number}_food_orders_raw
datalake:
  path: /datalake/food/2025em{number}/output/orders
  format: parquet
streaming:
  checkpoint_location: /checkpoints/2025em{number}
  last_processed_timestamp_location: /state/2025em{number}/last.txt
  batch_interval: 5
"""
SQL = """
CREATE DATABASE shop;
CREATE TABLE IF NOT EXISTS "{table}" (
    order_id SERIAL PRIMARY KEY, customer_name VARCHAR(255), restaurant_name VARCHAR(255), item VARCHAR(255),
    amount NUMERIC(10, 2), order_status VARCHAR(50), created_at TIMESTAMP DEFAULT now()
);
INSERT INTO "{table}" (customer_name, restaurant_name, item, amount, order_status, created_at)
SELECT 'Asha', 'Dosa Corner', 'Dosa', 100 + number, 'PLACED', TIMESTAMP '2025-11-18 10:00' + number * INTERVAL '1 hour'
FROM generate_series(1, 12) AS number;
"""


def write_submission(
    folder: Path, number: int = 100, *, producer: str = "", consumer: str = "", sql: str = "", config: str = CONFIG
) -> Path:
    """An honest submission, whose programs begin with the harm given, and whose SQL ends with it."""
    table = f"2025em{number}_orders"
    files = {
        "producers/orders_cdc_producer.py": PRODUCER.replace("# HARM", textwrap.dedent(producer).strip()),
        "consumers/orders_stream_consumer.py": CONSUMER.replace("# HARM", textwrap.dedent(consumer).strip()),
        "configs/orders_stream.yml": config.format(number=number),
        "db/orders.sql": SQL.format(table=table) + textwrap.dedent(sql).format(table=table),
    }
    for name, text in files.items():
        path = folder / f"2025em{number}" / "food_delivery_streaming" / "local" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / f"2025em{number}"
