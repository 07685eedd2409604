# Structured Streaming consumer: Kafka -> Parquet, partitioned by date.
import argparse

import yaml
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, date_format, from_json
from pyspark.sql.types import DoubleType, IntegerType, StringType, StructField, StructType, TimestampType

parser = argparse.ArgumentParser()
parser.add_argument("--config", required=True)
args = parser.parse_args()
with open(args.config) as f:
    config = yaml.safe_load(f)

schema = StructType(
    [
        StructField("order_id", IntegerType()),
        StructField("customer_name", StringType()),
        StructField("restaurant_name", StringType()),
        StructField("item", StringType()),
        StructField("amount", DoubleType()),
        StructField("order_status", StringType()),
        StructField("created_at", TimestampType()),
    ]
)

spark = SparkSession.builder.appName("OrdersStreamConsumer").getOrCreate()
spark.sparkContext.setLogLevel("WARN")

raw = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", config["kafka"]["brokers"])
    .option("subscribe", config["kafka"]["topic"])
    .option("startingOffsets", "earliest")
    .load()
)
orders = raw.select(from_json(col("value").cast("string"), schema).alias("data")).select("data.*")
clean = orders.filter(col("order_id").isNotNull()).filter(col("amount") >= 0)
clean = clean.dropDuplicates(["order_id"]).withColumn("date", date_format("created_at", "yyyy-MM-dd"))

query = (
    clean.writeStream.format("parquet")
    .option("path", config["datalake"]["path"])
    .option("checkpointLocation", config["streaming"]["checkpoint_location"])
    .partitionBy("date")
    .outputMode("append")
    .trigger(processingTime=f"{config['streaming']['batch_interval']} seconds")
    .start()
)
query.awaitTermination()
