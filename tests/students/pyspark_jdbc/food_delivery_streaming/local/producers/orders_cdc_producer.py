# CDC producer: polls the orders table by JDBC and sends new rows to Kafka.
import os
import sys
import time

import yaml
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, struct, to_json
from pyspark.sql.functions import max as max_

if len(sys.argv) < 3 or sys.argv[1] != "--config":
    print("Usage: orders_cdc_producer.py --config <path>")
    sys.exit(1)

with open(sys.argv[2]) as f:
    config = yaml.safe_load(f)

pg = config["postgres"]
jdbc_url = f"jdbc:postgresql://{pg['host']}:{pg['port']}/{pg['db']}"
state_dir = config["streaming"]["last_processed_timestamp_location"]
state_path = os.path.join(state_dir, "last_timestamp.txt")

spark = SparkSession.builder.appName("OrdersCDCProducer").getOrCreate()
spark.sparkContext.setLogLevel("WARN")


def read_last_timestamp():
    if os.path.exists(state_path):
        with open(state_path) as f:
            return f.read().strip()
    return config["cdc"]["default_start_timestamp"]


def save_last_timestamp(ts):
    os.makedirs(state_dir, exist_ok=True)
    with open(state_path, "w") as f:
        f.write(str(ts))


while True:
    last_ts = read_last_timestamp()
    query = f"(SELECT * FROM \"{pg['table']}\" WHERE created_at > '{last_ts}' ORDER BY created_at) AS new_orders"
    df = (
        spark.read.format("jdbc")
        .option("url", jdbc_url)
        .option("dbtable", query)
        .option("user", pg["user"])
        .option("password", pg["password"])
        .option("driver", pg["driver"])
        .load()
    )
    count = df.count()
    if count > 0:
        out = df.select(to_json(struct([col(c) for c in df.columns])).alias("value"))
        (
            out.write.format("kafka")
            .option("kafka.bootstrap.servers", config["kafka"]["brokers"])
            .option("topic", config["kafka"]["topic"])
            .save()
        )
        newest = df.agg(max_("created_at")).collect()[0][0]
        save_last_timestamp(newest)
        print(f"Published {count} orders, last timestamp {newest}")
    else:
        print("No new orders")
    time.sleep(config["cdc"]["poll_interval_sec"])
