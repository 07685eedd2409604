"""Orders consumer: Spark Structured Streaming with foreachBatch."""

import argparse

import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="configs/orders_stream.yml")
    args = parser.parse_args()
    with open(args.config) as stream:
        cfg = yaml.safe_load(stream)

    spark = SparkSession.builder.appName("orders_stream_consumer").getOrCreate()
    schema = (
        "order_id INT, customer_name STRING, restaurant_name STRING, item STRING, amount DECIMAL(10,2), "
        "order_status STRING, created_at TIMESTAMP"
    )
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", cfg["kafka"]["brokers"])
        .option("subscribe", cfg["kafka"]["topic"])
        .option("startingOffsets", "earliest")
        .load()
    )
    orders = messages.select(F.from_json(F.col("value").cast("string"), schema).alias("o")).select("o.*")
    orders = orders.where("order_id IS NOT NULL AND amount >= 0")
    orders = orders.withColumn("date", F.to_date("created_at"))

    def write(batch, batch_id):
        batch.dropDuplicates(["order_id"]).write.mode("append").partitionBy("date").parquet(cfg["datalake"]["path"])

    query = (
        orders.writeStream.foreachBatch(write)
        .option("checkpointLocation", cfg["streaming"]["checkpoint_location"])
        .trigger(processingTime=cfg['streaming']['batch_interval'])
        .start()
    )
    query.awaitTermination()


if __name__ == "__main__":
    main()
