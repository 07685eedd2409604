"""The mistakes that are planted in the two correct programs in programs/. Each mistake changes their text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("programs")
PRODUCER, CONSUMER = "producer.py", "consumer.py"


@dataclass(frozen=True)
class Change:
    """Replace `old`, which is in `program` exactly once, by `new`."""

    program: str
    old: str
    new: str


@dataclass(frozen=True)
class Faulty:
    """A pair of programs with one mistake, and checks: at least one of them must catch it.

    - An empty `fault`: no mistake.
    - `is_kit`: run the kit's own producer and consumer, not this pair.
    - `is_killed`: both programs get kill -9 under load and are started again.
    - `ends_killed`: the producer gets kill -9 at the end.
    - `consumer_first`: the consumer starts before anything is on the topic; otherwise after the base rows are on it.
    """

    name: str
    fault: str
    expected: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    is_killed: bool = False
    consumer_first: bool = True
    ends_killed: bool = False
    is_kit: bool = False


_NO_DEDUPLICATION = Change(CONSUMER, '    .dropDuplicates(["order_id"])\n', "")
_MISSING = ("no_missing_orders", "round_rows_arrived")


def _producer(old: str, new: str) -> Change:
    return Change(PRODUCER, old, new)


def _consumer(old: str, new: str) -> Change:
    return Change(CONSUMER, old, new)


_PUBLISH = '        writer.option("topic", kafka["topic"]).save()\n'
_WRITE = "        write_state(newest)\n"
_NEWEST = 'F.date_format(F.max("created_at"), "yyyy-MM-dd HH:mm:ss.SSSSSS")'

FAULTY = (
    Faulty("kit_killed_twice", "", (), is_killed=True, is_kit=True),
    Faulty("correct", "", ()),
    Faulty("correct_killed_twice", "", (), is_killed=True),
    Faulty("correct_that_drops_no_repeats", "", (), (_NO_DEDUPLICATION,)),
    Faulty(
        "lazy_read",
        "counts, publishes and takes the max from three readings",
        _MISSING,
        (
            _producer(".load().persist()", ".load()"),
            _producer(f"        newest = orders.agg({_NEWEST}).collect()[0][0]\n", ""),
            _producer(_WRITE, f"        newest = orders.agg({_NEWEST}).collect()[0][0]\n{_WRITE}"),
        ),
    ),
    Faulty(
        "no_horizon",
        "reads up to the newest row, past transactions that are still open",
        _MISSING,
        (_producer(" AND created_at < now() AT TIME ZONE 'UTC' - interval '2 seconds'", ""),),
    ),
    Faulty("limit_without_ties", "LIMIT instead of WITH TIES", _MISSING, (_producer("ROWS WITH TIES", "ROWS ONLY"),)),
    Faulty(
        "state_before_publish",
        "moves the state, then publishes; killed in between",
        _MISSING,
        (_producer(_PUBLISH, ""), _producer(_WRITE, f"{_WRITE}{_PUBLISH}")),
        is_killed=True,
    ),
    Faulty(
        "greater_or_equal",
        "created_at >= state",
        ("no_duplicate_orders",),
        (_producer("created_at > '{last}'", "created_at >= '{last}'"), _NO_DEDUPLICATION),
    ),
    Faulty(
        "state_in_milliseconds",
        "the state keeps three digits",
        ("state_matches_newest_order", "no_duplicate_orders"),
        (_producer('HH:mm:ss.SSSSSS")).collect', 'HH:mm:ss.SSS")).collect'), _NO_DEDUPLICATION),
    ),
    Faulty(
        "state_from_the_clock",
        "the state is the time of the publish",
        ("state_matches_newest_order", *_MISSING),
        (_producer("write_state(newest)", 'write_state(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()))'),),
    ),
    Faulty(
        "state_never_moved",
        "the whole table at every poll",
        ("no_duplicate_orders", "state_readable"),
        (_producer(_WRITE, ""), _NO_DEDUPLICATION),
    ),
    Faulty(
        "state_in_place",
        "empties the state file before it publishes; killed",
        ("state_readable",),
        (
            _producer(
                "        events = orders",
                "        state_file.parent.mkdir(parents=True, exist_ok=True)\n"
                '        state_file.write_text("")\n'
                "        events = orders",
            ),
        ),
        ends_killed=True,
    ),
    Faulty(
        "milliseconds_in_json",
        "to_json without a timestampFormat",
        ("keeps_microseconds",),
        (_producer(", JSON_OPTIONS).alias", ").alias"),),
    ),
    Faulty(
        "local_time_in_json",
        "writes the time of Kolkata as if it were UTC",
        ("no_time_shift",),
        (
            _producer(
                "        events = orders.select(",
                '        local = F.from_utc_timestamp("created_at", "Asia/Kolkata")\n'
                '        events = orders.withColumn("created_at", local).select(',
            ),
        ),
    ),
    Faulty(
        "cents_rounded",
        "amount as a whole number",
        ("values_match_database", "round_values_kept"),
        (_producer("amount::float8 AS amount", "round(amount)::float8 AS amount"),),
    ),
    Faulty(
        "starts_now",
        "begins at the present where there is no state",
        ("no_missing_orders",),
        (
            _producer('return value or "1970-01-01 00:00:00"', "return value or STARTED"),
            _producer(
                "JSON_OPTIONS = {", 'STARTED = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())\nJSON_OPTIONS = {'
            ),
        ),
    ),
    Faulty(
        "no_checkpoint",
        "a new checkpoint folder at every start",
        ("checkpoint_readable",),
        (
            _consumer(
                'option("checkpointLocation", checkpoint)',
                'option("checkpointLocation", __import__("tempfile").mkdtemp(dir=root))',
            ),
        ),
        is_killed=True,
    ),
    Faulty(
        "checkpoint_deleted_at_start",
        "removes the checkpoint when it starts, and keeps the lake",
        ("sink_log_not_ahead", *_MISSING),
        (
            _consumer(
                "spark.sparkContext.setLogLevel",
                '__import__("shutil").rmtree(checkpoint, ignore_errors=True)\nspark.sparkContext.setLogLevel',
            ),
        ),
        is_killed=True,
    ),
    Faulty(
        "latest_offsets",
        'startingOffsets "latest"',
        ("no_missing_orders", "reads_from_the_beginning"),
        (_consumer('"earliest"', '"latest"'),),
        consumer_first=False,
    ),
    Faulty(
        "no_filter",
        "appends whatever it parses",
        ("no_null_order_id", "no_negative_amount"),
        (
            _consumer('    .filter(F.col("order_id").isNotNull() & F.col("created_at").isNotNull())\n', ""),
            _consumer('    .filter((F.col("amount") >= 0) & ~F.isnan("amount"))\n', ""),
        ),
    ),
    Faulty(
        "nan_let_in",
        "amount >= 0 alone, which NaN passes",
        ("no_negative_amount",),
        (_consumer('(F.col("amount") >= 0) & ~F.isnan("amount")', 'F.col("amount") >= 0'),),
    ),
    Faulty(
        "text_as_order_id",
        "parses the id as text and casts it",
        ("round_rejected_bad_rows",),
        (
            _consumer('"order_id INT, ', '"order_id STRING, '),
            _consumer(
                '.select("order.*")\n',
                '.select("order.*")\n    .withColumn("order_id", F.col("order_id").cast("int"))\n',
            ),
        ),
    ),
    Faulty(
        "date_in_local_time",
        "the date folder in the zone of Kolkata",
        ("date_folders",),
        (
            _consumer(
                'F.date_format("created_at", "yyyy-MM-dd")',
                'F.date_format(F.from_utc_timestamp("created_at", "Asia/Kolkata"), "yyyy-MM-dd")',
            ),
        ),
    ),
    Faulty(
        "date_of_today",
        "the date folder from the clock",
        ("date_folders",),
        (_consumer('F.date_format("created_at", "yyyy-MM-dd")', 'F.date_format(F.current_timestamp(), "yyyy-MM-dd")'),),
    ),
    Faulty(
        "column_left_out",
        "order_status is not in the schema",
        ("lake_schema",),
        (_consumer("amount DOUBLE, order_status STRING, ", "amount DOUBLE, "),),
    ),
    Faulty(
        "overwrites",
        'foreachBatch with mode("overwrite")',
        ("no_missing_orders", "round_rewrote_nothing"),
        (
            _consumer('orders.writeStream.format("parquet").option("path", lake)', "orders.writeStream"),
            _consumer(
                'writer.partitionBy("date").outputMode("append")',
                'writer.foreachBatch(lambda batch, _: batch.write.partitionBy("date").mode("overwrite").parquet(lake))',
            ),
        ),
    ),
    Faulty(
        "a_file_for_every_row",
        "repartition(8) before the write",
        ("few_files",),
        (_consumer("writer = orders.writeStream", "writer = orders.repartition(8).writeStream"),),
    ),
)


def program_text(name: str, changes: tuple[Change, ...]) -> str:
    """The text of a program with its changes.

    Raises:
        ValueError: the text to change is not there exactly once.
    """
    text = (FOLDER / name).read_text(encoding="utf-8")
    for change in changes:
        if change.program != name:
            continue
        if text.count(change.old) != 1:
            raise ValueError(f"{name}: {change.old!r} is there {text.count(change.old)} times, not once")
        text = text.replace(change.old, change.new)
    return text
