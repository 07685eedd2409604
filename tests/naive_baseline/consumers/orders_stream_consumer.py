"""The consumer as the hand-out suggests it: the counter-example to ours, see the producer beside it."""

import argparse
from pathlib import Path

import yaml
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, date_format, from_json
from pyspark.sql.types import DoubleType, IntegerType, StringType, StructField, StructType, TimestampType

parser = argparse.ArgumentParser()
parser.add_argument("--config", required=True)
source = Path(parser.parse_args().config)
text = source.read_text(encoding="utf-8")
config = yaml.safe_load(text.replace("{rollnumber}", str(yaml.safe_load(text)["rollnumber"])))
kafka, root = config["kafka"], source.parent.parent

spark = SparkSession.builder.appName("orders_stream_consumer").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")

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

messages = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", kafka["brokers"])
    .option("subscribe", kafka["topic"])
    .option("startingOffsets", "earliest")
    .load()
)
orders = (
    messages.select(from_json(col("value").cast("string"), schema).alias("order"))
    .select("order.*")
    .filter(col("order_id").isNotNull())
    .filter(col("amount") >= 0)
    .withColumn("date", date_format("created_at", "yyyy-MM-dd"))
)
query = (
    orders.writeStream.format("parquet")
    .option("path", str(root / config["datalake"]["path"]))
    .option("checkpointLocation", str(root / config["streaming"]["checkpoint_location"]))
    .partitionBy("date")
    .outputMode("append")
    .trigger(processingTime=str(config["streaming"]["batch_interval"]))
    .start()
)
query.awaitTermination()
