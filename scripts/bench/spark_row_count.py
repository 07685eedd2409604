"""The first check of a lake in the assignment, run as an instructor runs it: spark-submit spark_row_count.py LAKE."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("row count").getOrCreate()
print(spark.read.parquet(sys.argv[1]).count())
spark.stop()
