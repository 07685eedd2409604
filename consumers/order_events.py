"""Parses each message with an explicit schema. A message that may not enter the lake gets a reason."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody gives it

from configs.contract import COLUMN_NAMES, COLUMNS, PARTITION_COLUMN

# BEGIN SOLUTION: task 7
_CORRUPT = "_corrupt"
# created_at is read as text and cast below. As a TIMESTAMP, from_json would read epoch milliseconds as seconds (the
# year 55969), and would guess from half a date.
_SCHEMA = ", ".join(
    [f"{c.name} {'STRING' if c.spark_type == 'TIMESTAMP' else c.spark_type}" for c in COLUMNS if c.name != "amount"]
    # The widest type of Spark: an amount that does not fit the lake's type is found, and not rounded.
    + ["amount DECIMAL(38, 18)", f"{_CORRUPT} STRING"]
)
_TIMESTAMP = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}([.]\d{1,9})?(Z|[+-]\d{2}:?\d{2})?$"
_OLDEST = "1970-01-01"  # a first run begins here, so the producer reads nothing older
_AMOUNT_TYPE = next(c.spark_type for c in COLUMNS if c.name == "amount")
# END SOLUTION

REASON, RAW, BYTES = "reason", "raw", "bytes"
_PLACE = ("topic", "partition", "offset", "timestamp")  # Kafka's own columns of a message


def with_reasons(messages: DataFrame) -> DataFrame:
    """Parse messages of Kafka's source. Columns of the result:

    - `event`: struct of the contract's columns and `date`
    - `raw`: the value as text; null if it is not UTF-8
    - `bytes`: the value as it came, if it is not UTF-8; else null
    - `topic`, `partition`, `offset`, `timestamp`: as Kafka has them
    - `reason`: why the event may not enter the lake; null if it may
    """
    text, is_text = F.col("value").cast("string"), _is_text(F.col("value"))
    raw = messages.select(F.when(is_text, text).alias(RAW), F.when(~is_text, F.col("value")).alias(BYTES), *_PLACE)
    # BEGIN SOLUTION: task 7
    options = {"columnNameOfCorruptRecord": _CORRUPT, "mode": "PERMISSIVE"}
    parsed = raw.withColumn("parsed", F.from_json(RAW, _SCHEMA, options))
    moment = F.col("parsed.created_at")
    # Spark would move the test of the reason before this step, and parse the raw message again for each of a dozen
    # conditions. It does not move an expression that may be non-deterministic, and computes that once.
    once = F.spark_partition_id() >= 0
    typed = parsed.withColumns(
        {
            "amount": F.col("parsed.amount").cast(_AMOUNT_TYPE),
            # Without its Z the text is still UTC, because the session's zone is. With a zone Spark would compile
            # regular expressions for each row.
            "created_at": F.when(
                once & moment.rlike(_TIMESTAMP), F.expr("trim(TRAILING 'Z' FROM parsed.created_at)")
            ).cast("timestamp"),
        }
    )
    event = F.struct(
        *(F.col(name) if name in ("amount", "created_at") else F.col(f"parsed.{name}") for name in COLUMN_NAMES),
        F.date_format("created_at", "yyyy-MM-dd").alias(PARTITION_COLUMN),
    )
    return typed.select(RAW, BYTES, *_PLACE, event.alias("event"), _reason().alias(REASON))
    # END SOLUTION


def _is_text(value: Column) -> Column:
    """Whether a message is UTF-8. Spark takes any bytes for text; its JSON parser would alter those that are not."""
    return F.encode(F.decode(value, "UTF-8"), "UTF-8") == value


# BEGIN SOLUTION: task 7
def _reason() -> Column:
    parsed_amount = F.col("parsed.amount")
    reasons = [
        (F.col(BYTES).isNotNull(), "not UTF-8 text"),
        (F.col(RAW).isNull(), "the message is empty"),
        (F.col("parsed").isNull(), "not a JSON object"),
        (~F.ltrim(RAW).startswith("{"), "not a JSON object"),
        (F.col(f"parsed.{_CORRUPT}").isNotNull(), "not valid JSON, or a field of another type than the contract's"),
        (~_is_alone(F.col(RAW)), "more than one JSON object, or text after it"),
        (F.col("parsed.order_id").isNull(), "order_id is missing"),
        (parsed_amount.isNull(), "amount is missing"),
        (parsed_amount < 0, "amount is negative"),
        (F.col("amount").isNull() | (F.col("amount") != parsed_amount), f"amount does not fit {_AMOUNT_TYPE}"),
        (F.col("parsed.created_at").isNull(), "created_at is missing"),
        (F.col("created_at").isNull(), "created_at is not a timestamp such as 2025-11-18T12:24:00Z"),
        (F.col("created_at") < F.to_timestamp(F.lit(_OLDEST)), f"created_at is before {_OLDEST}"),
    ]
    # A condition that is null must not fall through to "no reason".
    chosen = F.lit(None).cast("string")
    for condition, reason in reversed(reasons):
        chosen = F.when(F.coalesce(condition, F.lit(False)), F.lit(reason)).otherwise(chosen)
    return chosen


def _is_alone(raw: Column) -> Column:
    """Whether the message is exactly one JSON object: Spark's parser silently ignores what follows the first one.

    If the first closing brace is the last character, nothing follows. Otherwise there are two tests:

    - In an array, the message must be the only element.
    - In an object, it must be the only field.

    A text that closes the array too early does not close the object.
    """
    # As bytes: text is cut by characters, and Spark would count them one by one.
    all_but_the_last = raw.cast("binary").substr(F.lit(1), F.octet_length(raw) - 1).cast("string")
    ends_at_first_brace = raw.endswith("}") & ~all_but_the_last.contains("}")
    in_array = F.json_array_length(F.concat(F.lit("["), raw, F.lit("]"))) == 1
    in_object = F.get_json_object(F.concat(F.lit('{"it":'), raw, F.lit("}")), "$.it").isNotNull()
    return ends_at_first_brace | F.coalesce(in_array & in_object, F.lit(False))


# END SOLUTION
