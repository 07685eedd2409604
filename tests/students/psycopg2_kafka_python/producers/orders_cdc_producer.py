"""Orders CDC producer in plain Python: psycopg2 and kafka-python."""

import argparse
import json
import signal
import time
from pathlib import Path

import psycopg2
import psycopg2.extras
import yaml
from kafka import KafkaProducer

signal.signal(signal.SIGTERM, signal.SIG_IGN)  # "so that the batch is not interrupted"


def load_state(path):
    if path.exists():
        state = json.loads(path.read_text())
        return state["last_timestamp"], state["last_id"]
    return "1970-01-01 00:00:00", 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config")
    cfg = yaml.safe_load(open(parser.parse_args().config))
    pg, kafka = cfg["postgres"], cfg["kafka"]
    state_path = Path(cfg["streaming"]["last_processed_timestamp_location"])
    conn = psycopg2.connect(
        host=pg["host"], port=pg["port"], dbname=pg["db"], user=pg["user"], password=pg["password"]
    )
    conn.autocommit = True
    producer = KafkaProducer(
        bootstrap_servers=kafka["brokers"].split(","), value_serializer=lambda v: json.dumps(v).encode("utf-8")
    )
    while True:
        last_ts, last_id = load_state(state_path)
        with conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cur:
            cur.execute(
                f'SELECT * FROM "{pg["table"]}" WHERE (created_at, order_id) > (%s, %s) '
                "ORDER BY created_at, order_id LIMIT %s",
                (last_ts, last_id, cfg["cdc"]["batch_limit"]),
            )
            rows = cur.fetchall()
        for row in rows:
            row["amount"] = float(row["amount"])
            row["created_at"] = row["created_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            producer.send(kafka["topic"], dict(row))
        producer.flush()
        if rows:
            newest = rows[-1]
            state_path.parent.mkdir(parents=True, exist_ok=True)
            state_path.write_text(json.dumps({"last_timestamp": newest["created_at"], "last_id": newest["order_id"]}))
            print("published", len(rows), "rows")
        time.sleep(cfg["cdc"]["poll_interval_sec"])


if __name__ == "__main__":
    main()
