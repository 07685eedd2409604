"""The second check of a lake in the assignment: spark-submit spark_distinct_count.py LAKE."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("distinct count").getOrCreate()
print(spark.read.parquet(sys.argv[1]).select("order_id").distinct().count())
spark.stop()
