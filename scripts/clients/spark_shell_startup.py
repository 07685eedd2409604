"""What Python runs before the first prompt of `make pyspark`: Spark's own start, then the lake as the view `orders`."""

import os

from pyspark.shell import sc, spark, sql  # noqa: F401 - for the prompt

LAKE = os.environ["PYSPARK_LAKE"]


def view_orders() -> None:
    """Read the lake again. A view shows the files that the lake had when the view was created."""
    spark.read.parquet(LAKE).createOrReplaceTempView("orders")


view_orders()
print(
    f"""The view orders is the lake {LAKE}. Times are UTC.

  rows, and distinct ones:  sql("SELECT count(*), count(DISTINCT order_id) FROM orders").show()
  the newest rows:          sql("SELECT * FROM orders ORDER BY created_at DESC").show(5)
  the same as a DataFrame:  df = spark.read.parquet(LAKE); df.count()
  after new rows:           view_orders()
"""
)
