"""The Spark session of both programs: UTC in the JVM, in SQL and in Parquet, whatever the machine's time zone is."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import SparkSession

SHARED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
    # Spark's default, INT96, has no zone and no statistics.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.ui.showConsoleProgress": "false",
}


def start_session(name: str, options: Mapping[str, str]) -> SparkSession:
    """Start (or take over) the session of this process.

    JDBC makes a java.sql.Timestamp in the JVM's own zone, so that must be UTC too. The submit scripts set it. A program
    that was started in another way gets it here.
    """
    builder = SparkSession.builder.appName(name)
    for key, value in {**SHARED, **options}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    jvm = session.sparkContext._jvm
    assert jvm is not None
    java = jvm.java.util
    java.TimeZone.setDefault(java.TimeZone.getTimeZone("UTC"))
    return session
