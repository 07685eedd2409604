"""The last error of a program's log: its innermost cause, and what it means."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.pipeline.program_log import last_error, meaning_of, read_log

SPARK = """\
26/11/25 10:00:00 WARN NativeCodeLoader: Unable to load native-hadoop library
No new orders
Traceback (most recent call last):
  File "/x/orders_cdc_producer.py", line 42, in <module>
    count = df.count()
  File "/x/pyspark/sql/dataframe.py", line 1234, in count
    return int(self._jdf.count())
py4j.protocol.Py4JJavaError: An error occurred while calling o55.count.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 1 times
	at org.apache.spark.scheduler.DAGScheduler.failJobAndIndependentStages(DAGScheduler.scala:2844)
Caused by: org.postgresql.util.PSQLException: Bad value for type BigDecimal : NaN
	at org.postgresql.jdbc.PgResultSet.getNumeric(PgResultSet.java:3171)
	... 1 more
"""
PLAIN = """\
Traceback (most recent call last):
  File "/x/orders_cdc_producer.py", line 10, in <module>
    from kafka import KafkaProducer
ModuleNotFoundError: No module named 'kafka'
"""


def test_javas_innermost_cause_comes_before_pythons_frames() -> None:
    error = last_error(SPARK)
    assert error is not None
    assert error.cause == "org.postgresql.util.PSQLException: Bad value for type BigDecimal : NaN"
    assert "amount that is NaN" in (error.meaning or "")


def test_the_last_of_several_errors_counts() -> None:
    error = last_error(SPARK + "trying again\n" + PLAIN)
    assert error is not None
    assert error.cause == "ModuleNotFoundError: No module named 'kafka'"
    assert "scripts/kit pip install kafka-python" in str(error)


def test_a_java_error_without_a_cause_is_the_one_below_py4js() -> None:
    text = SPARK.partition("Caused by")[0]
    error = last_error(text)
    assert error is not None
    assert error.cause.startswith("org.apache.spark.SparkException: Job aborted")


def test_a_log_without_an_error_has_none() -> None:
    assert last_error("published 5 rows\nNo new orders\n") is None
    assert last_error("") is None


@pytest.mark.parametrize(
    ("cause", "means"),
    [
        ('ERROR: syntax error at or near "2025"', "needs double quotes"),
        ('ERROR: trailing junk after numeric literal at or near "2025em1100471_orders"', "needs double quotes"),
        ('ERROR: syntax error at or near "{"', "PROGRAMS=folder"),
        ('FATAL: database "food_delivery " does not exist', "ends with a blank"),
        ('FATAL: password authentication failed for user "student"', "password"),
        ('ERROR: relation "orders" does not exist', "postgres.table"),
        ("UnknownTopicOrPartitionException: This server does not host this topic-partition.", "make topic"),
        ("java.net.ConnectException: Connection refused", "make up"),
        ("Value for `processingTime` must be a non empty string, got '1'.", "batch_interval as `5 seconds`"),
        ("Error parsing '1' to interval, expect a unit name after '1' but hit EOL", "batch_interval as `5 seconds`"),
        ("Error parsing '1 seconds seconds' to interval, unrecognized number 'seconds'", "as a plain number"),
        ("ModuleNotFoundError: No module named 'strange.part'", "no package for it"),
    ],
)
def test_what_is_known_is_explained(cause: str, means: str) -> None:
    assert means in (meaning_of(cause) or "")


def test_an_unknown_error_is_not_explained() -> None:
    assert meaning_of("ValueError: seven") is None


def test_only_this_starts_part_of_the_log_is_read(tmp_path: Path) -> None:
    log = tmp_path / "producer.log"
    log.write_text(PLAIN, encoding="utf-8")
    start = log.stat().st_size
    with log.open("a", encoding="utf-8") as stream:
        stream.write("published 5 rows\n")
    assert last_error(read_log(log, start)) is None
    assert last_error(read_log(log, 0)) is not None
    assert read_log(log, 10**9) == ""
    assert read_log(tmp_path / "none.log", 0) == ""
