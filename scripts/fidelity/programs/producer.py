"""A correct producer, as small as a student's. faults.py plants its mistakes here, and live.py runs it."""

import argparse
import os
import time
from pathlib import Path

import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody gives it

parser = argparse.ArgumentParser()
parser.add_argument("--config", required=True)
source = Path(parser.parse_args().config)
text = source.read_text(encoding="utf-8")
config = yaml.safe_load(text.replace("{rollnumber}", str(yaml.safe_load(text)["rollnumber"])))
postgres, kafka, cdc = config["postgres"], config["kafka"], config["cdc"]
state_file = source.parent.parent / config["streaming"]["last_processed_timestamp_location"]

spark = SparkSession.builder.appName("producer").config("spark.sql.session.timeZone", "UTC").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
JSON_OPTIONS = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}


def read_state() -> str:
    value = state_file.read_text(encoding="utf-8").strip() if state_file.exists() else ""
    return value or "1970-01-01 00:00:00"


def write_state(value: str) -> None:
    state_file.parent.mkdir(parents=True, exist_ok=True)
    temporary = state_file.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(value)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(state_file)


while True:
    last = read_state()
    # In the last two seconds, rows may still appear, because their transactions are open.
    query = f"""
        SELECT order_id, customer_name, restaurant_name, item, amount::float8 AS amount, order_status, created_at
        FROM "{postgres["table"]}"
        WHERE created_at > '{last}' AND created_at < now() AT TIME ZONE 'UTC' - interval '2 seconds'
        ORDER BY created_at FETCH FIRST {cdc["batch_limit"]} ROWS WITH TIES
    """
    reader = spark.read.format("jdbc").option("url", postgres["jdbc_url"]).option("query", query)
    reader = reader.option("user", postgres["user"]).option("password", postgres["password"])
    orders = reader.option("driver", "org.postgresql.Driver").load().persist()
    if orders.count():
        newest = orders.agg(F.date_format(F.max("created_at"), "yyyy-MM-dd HH:mm:ss.SSSSSS")).collect()[0][0]
        events = orders.select(F.to_json(F.struct("*"), JSON_OPTIONS).alias("value"))
        writer = events.write.format("kafka").option("kafka.bootstrap.servers", kafka["brokers"])
        writer.option("topic", kafka["topic"]).save()
        write_state(newest)
        print(f"published up to {newest}", flush=True)
    orders.unpersist()
    time.sleep(cdc["poll_interval_sec"])
