"""Sends new rows of the orders table to Kafka. The state is a folder with last_ts.txt: timestamp|order_id."""
import argparse
import json
import os
import time

import psycopg2
import yaml
from confluent_kafka import Producer

parser = argparse.ArgumentParser()
parser.add_argument("--config", default="configs/orders_stream.yml")
config = yaml.safe_load(open(parser.parse_args().config))
pg = config["postgres"]
topic = config["kafka"]["topic"]
state_dir = config["streaming"]["last_processed_timestamp_location"]
state_file = os.path.join(state_dir, "last_ts.txt")
# a name that begins with a digit needs quotes
table = '"%s"' % pg["table"] if pg["table"][0].isdigit() else pg["table"]

producer = Producer({"bootstrap.servers": config["kafka"]["brokers"]})
conn = psycopg2.connect(host=pg["host"], port=pg["port"], dbname=pg["db"], user=pg["user"], password=pg["password"])
conn.autocommit = True

COLUMNS = ["order_id", "customer_name", "restaurant_name", "item", "amount", "order_status", "created_at"]


def read_state():
    if not os.path.exists(state_file):
        return "1970-01-01 00:00:00", 0
    ts, last_id = open(state_file).read().strip().split("|")
    return ts, int(last_id)


def write_state(ts, last_id):
    os.makedirs(state_dir, exist_ok=True)
    with open(state_file + ".tmp", "w") as f:
        f.write("%s|%d" % (ts, last_id))
    os.replace(state_file + ".tmp", state_file)


def fetch(last_ts, last_id):
    cur = conn.cursor()
    cur.execute(
        "SELECT %s FROM %s WHERE created_at > %%s OR (created_at = %%s AND order_id > %%s) "
        "ORDER BY created_at, order_id" % (", ".join(COLUMNS), table),
        (last_ts, last_ts, last_id),
    )
    return cur.fetchall()


while True:
    last_ts, last_id = read_state()
    rows = fetch(last_ts, last_id)
    for row in rows:
        order = dict(zip(COLUMNS, row))
        order["amount"] = float(order["amount"])
        order["created_at"] = order["created_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        producer.produce(topic, json.dumps(order))
    producer.flush()
    if rows:
        write_state(rows[-1][6].strftime("%Y-%m-%d %H:%M:%S.%f"), rows[-1][0])
        print("sent %d orders" % len(rows), flush=True)
    time.sleep(config["cdc"]["poll_interval_sec"])
