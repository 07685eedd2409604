"""Kafka -> Parquet, partitioned by date."""
import argparse

import yaml
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, from_json, to_date

parser = argparse.ArgumentParser()
parser.add_argument("--config", default="configs/orders_stream.yml")
config = yaml.safe_load(open(parser.parse_args().config))

SCHEMA = """order_id INT, customer_name STRING, restaurant_name STRING, item STRING, amount DOUBLE,
            order_status STRING, created_at TIMESTAMP"""

spark = (
    SparkSession.builder.appName("orders consumer")
    .config("spark.jars.packages", "org.apache.spark:spark-sql-kafka-0-10_2.12:3.5.1")
    .getOrCreate()
)
messages = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", config["kafka"]["brokers"])
    .option("subscribe", config["kafka"]["topic"])
    .option("startingOffsets", "earliest")
    .load()
)
orders = messages.select(from_json(col("value").cast("string"), SCHEMA).alias("o")).select("o.*")
orders = orders.filter("order_id is not null and amount >= 0").withColumn("date", to_date("created_at"))
query = (
    orders.writeStream.format("parquet")
    .option("path", config["datalake"]["path"])
    .option("checkpointLocation", config["streaming"]["checkpoint_location"])
    .partitionBy("date")
    .trigger(processingTime=config["streaming"]["batch_interval"])
    .start()
)
query.awaitTermination()
