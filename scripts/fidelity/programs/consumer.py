"""A correct consumer, as small as a student's. faults.py plants its mistakes here, and live.py runs it."""

import argparse
from pathlib import Path

import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody gives it

parser = argparse.ArgumentParser()
parser.add_argument("--config", required=True)
source = Path(parser.parse_args().config)
text = source.read_text(encoding="utf-8")
config = yaml.safe_load(text.replace("{rollnumber}", str(yaml.safe_load(text)["rollnumber"])))
kafka, root = config["kafka"], source.parent.parent
lake, checkpoint = str(root / config["datalake"]["path"]), str(root / config["streaming"]["checkpoint_location"])

builder = SparkSession.builder.appName("consumer").config("spark.sql.session.timeZone", "UTC")
spark = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")

SCHEMA = (
    "order_id INT, customer_name STRING, restaurant_name STRING, item STRING, amount DOUBLE, order_status STRING, "
    "created_at TIMESTAMP"
)
messages = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", kafka["brokers"])
    .option("subscribe", kafka["topic"])
    .option("startingOffsets", "earliest")
    .load()
)
orders = (
    messages.select(F.from_json(F.col("value").cast("string"), SCHEMA).alias("order"))
    .select("order.*")
    .filter(F.col("order_id").isNotNull() & F.col("created_at").isNotNull())
    .filter((F.col("amount") >= 0) & ~F.isnan("amount"))
    .withColumn("date", F.date_format("created_at", "yyyy-MM-dd"))
    .dropDuplicates(["order_id"])
)
writer = orders.writeStream.format("parquet").option("path", lake).option("checkpointLocation", checkpoint)
query = writer.partitionBy("date").outputMode("append").trigger(processingTime="500 milliseconds").start()
query.awaitTermination()
