"""The first check of a lake in the hand-out, run as an instructor does: spark-submit spark_row_count.py LAKE."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("row count").getOrCreate()
print(spark.read.parquet(sys.argv[1]).count())
spark.stop()
