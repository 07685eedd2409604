"""The producer as the hand-out suggests it: the counter-example that shows that the drills see loss and repeats.

It looks right and passes a round by hand. Do not fix it.
"""

import argparse
import time
from pathlib import Path

import yaml
from pyspark.sql import SparkSession
from pyspark.sql.functions import max as max_
from pyspark.sql.functions import struct, to_json

parser = argparse.ArgumentParser()
parser.add_argument("--config", required=True)
source = Path(parser.parse_args().config)
text = source.read_text(encoding="utf-8")
config = yaml.safe_load(text.replace("{rollnumber}", str(yaml.safe_load(text)["rollnumber"])))
postgres, kafka, cdc = config["postgres"], config["kafka"], config["cdc"]
state_file: Path = source.parent.parent / config["streaming"]["last_processed_timestamp_location"]

spark = SparkSession.builder.appName("orders_cdc_producer").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")


def read_last_timestamp() -> str:
    if state_file.exists():
        value = state_file.read_text(encoding="utf-8").strip()
        if value:
            return value
    return "1970-01-01 00:00:00"


def write_last_timestamp(value: str) -> None:
    state_file.parent.mkdir(parents=True, exist_ok=True)
    with state_file.open("w", encoding="utf-8") as stream:
        stream.write(value)


while True:
    last = read_last_timestamp()
    query = (
        f"(SELECT * FROM \"{postgres['table']}\" WHERE created_at > '{last}'"
        f" ORDER BY created_at LIMIT {cdc['batch_limit']}) AS new_orders"
    )
    orders = (
        spark.read.format("jdbc")
        .option("url", postgres["jdbc_url"])
        .option("dbtable", query)
        .option("user", postgres["user"])
        .option("password", postgres["password"])
        .option("driver", "org.postgresql.Driver")
        .load()
    )
    count = orders.count()
    if count > 0:
        events = orders.select(to_json(struct("*")).alias("value"))
        events.write.format("kafka").option("kafka.bootstrap.servers", kafka["brokers"]).option(
            "topic", kafka["topic"]
        ).save()
        newest = orders.agg(max_("created_at")).collect()[0][0]
        write_last_timestamp(str(newest))
        print(f"published {count} rows, last timestamp {newest}")
    time.sleep(cdc["poll_interval_sec"])
