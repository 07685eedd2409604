"""What producer, consumer, rounds and grader agree on: columns, event JSON, timestamps, state file, round records.

The assignment fixes it:

- a table `<rollnumber>_orders`
- on the topic, one JSON object for each row
- Parquet, with one folder for each UTC date
- a state file with the timestamp that the producer has reached
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Column:
    """One column of the table, and the Spark SQL type that the consumer gives it."""

    name: str
    spark_type: str


# Wider than the NUMERIC(10, 2) of db/orders.sql: a table may have NUMERIC without a size. An amount that does not
# fit makes a bad row; it is not rounded.
AMOUNT_PRECISION, AMOUNT_SCALE = 18, 4

COLUMNS = (
    Column("order_id", "INT"),
    Column("customer_name", "STRING"),
    Column("restaurant_name", "STRING"),
    Column("item", "STRING"),
    Column("amount", f"DECIMAL({AMOUNT_PRECISION}, {AMOUNT_SCALE})"),
    Column("order_status", "STRING"),
    Column("created_at", "TIMESTAMP"),
)
COLUMN_NAMES = tuple(column.name for column in COLUMNS)
PARTITION_COLUMN = "date"  # yyyy-MM-dd of created_at in UTC
ORDER_STATUSES = ("PLACED", "PREPARING", "DELIVERED", "CANCELLED")

# Six digits: by default Spark's to_json keeps only milliseconds. A state file cut to milliseconds is below its own
# rows, so every poll would read them again. XXX prints Z for UTC.
SPARK_TIMESTAMP_FORMAT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"


def format_timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with six digits and a Z, as in the event JSON and the state file."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_TIMESTAMP = re.compile(
    r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9}))?\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)


def parse_timestamp(text: str) -> datetime:
    """Read a timestamp as students and tools write it; without a zone it is UTC. Digits past the sixth are cut.

    Raises:
        ValueError: the text is no timestamp of the form 2025-11-18T12:24:00.123456Z.
    """
    found = _TIMESTAMP.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a timestamp such as 2025-11-18T12:24:00.123456Z: {text.strip()[:60]!r}")
    day, clock, digits, zone = found.groups()
    moment = datetime.fromisoformat(f"{day}T{clock}+00:00") + timedelta(
        microseconds=int((digits or "0")[:6].ljust(6, "0"))
    )
    if zone and zone[0] in "+-":
        sign = -1 if zone[0] == "-" else 1
        moment -= sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[3:].lstrip(":") or 0))  # Postgres writes +00
    return moment


@dataclass(frozen=True)
class StateValue:
    """The content of a state file: the created_at that the producer has reached, and the order_id if it has one."""

    timestamp: datetime
    order_id: int | None = None


def parse_state(text: str) -> StateValue:
    """Read a state file's text in any form seen in submissions: a timestamp, `timestamp|order_id`, or JSON.

    Raises:
        ValueError: the text is empty or holds no timestamp.
    """
    stripped = text.strip().strip("\0\ufeff").strip()  # \ufeff: Windows editors write this mark first
    if not stripped:
        raise ValueError("the state file is empty")
    if stripped.startswith(("{", '"')):
        return _state_from_json(stripped)
    timestamp, _, order_id = stripped.partition("|")
    return StateValue(parse_timestamp(timestamp), int(order_id) if order_id.strip() else None)


_STATE_WORDS = re.compile(r"last|processed|timestamp")


def _state_from_json(text: str) -> StateValue:
    value = json.loads(text)
    if isinstance(value, str):
        return StateValue(parse_timestamp(value))
    order_id = next((item for key, item in value.items() if "id" in key.lower() and isinstance(item, int)), None)
    moments = {key: item for key, item in value.items() if isinstance(item, str) and _TIMESTAMP.fullmatch(item.strip())}
    if not moments:
        raise ValueError(f"no timestamp in the JSON {text[:60]!r}")
    # The file may also have the time when it was written.
    name = max(moments, key=lambda key: len(set(_STATE_WORDS.findall(key.lower()))))
    return StateValue(parse_timestamp(moments[name]), order_id)


LOCK_SUFFIX = ".lock"


def state_file(location: Path) -> Path:
    """The file behind last_processed_timestamp_location, which may be that file or a folder with it."""
    return next(iter(state_files(location)), location / "last_processed_timestamp.txt")


def state_files(location: Path) -> tuple[Path, ...]:
    """The location itself. If it is a folder: the files in it that may hold the state, by name."""
    if not location.is_dir():
        return (location,)
    names = sorted(path.name for path in location.iterdir() if path.is_file())
    # The lock is the producer's own, see program.py.
    return tuple(
        location / name for name in names if not name.startswith((".", "_")) and not name.endswith(LOCK_SUFFIX)
    )


def seen_file(state: Path) -> Path:
    """Where the producer keeps, beside its state file, which rows below the state it has published."""
    return state.with_name(f".{state.stem}.seen")


def table_spellings(table: str) -> tuple[str, str]:
    """The names that the configured table may have in Postgres, for to_regclass: quoted as written, then in lower case.

    A name that begins with a digit needs quotes. If a table was created without quotes, its name is in lower case.
    """
    parts = [part.strip('"') for part in table.split(".")]
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in parts)
    return quoted, quoted.lower()


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OrderRow(_Record):
    """One row as Postgres holds it. `amount` is the exact decimal as text; `created_at` has the event's format."""

    order_id: int
    customer_name: str
    restaurant_name: str
    item: str
    amount: str
    order_status: str
    created_at: str


class LakeFileRecord(_Record):
    """A data file of the lake: path relative to the lake, size in bytes, sha256 of its content, rows."""

    path: str
    size: int
    sha256: str
    rows: int


class Snapshot(_Record):
    """The position of every stage of the pipeline at one moment. What did not exist yet is None, 0 or empty."""

    postgres_rows: int
    topic_offsets: dict[str, int]  # partition -> end offset
    last_offset_batch: int | None  # greatest id in the checkpoint's offsets/
    last_commit_batch: int | None  # greatest id in its commits/
    lake_rows: int
    lake_files: tuple[LakeFileRecord, ...]
    state: str | None  # the state file's text, stripped


class RejectedRow(_Record):
    """Something that a round sent and that must not reach the lake.

    `mistake` names what is wrong with it. A row of Postgres has its `order_id`. A message that was sent directly to the
    topic has its text as `raw`.
    """

    mistake: str
    order_id: int | None = None
    raw: str | None = None


class RoundRun(_Record):
    """One run of a round: what it inserted, and the pipeline before and after.

    - `inserted`: the rows in Postgres, bad ones too
    - `expected_ids`: the order_ids that must reach the lake
    - `rejected`: what must not reach it
    - `complete`: whether all expected ids were in the lake when the round ended
    """

    started_at: str
    finished_at: str
    table: str
    topic: str
    inserted: tuple[OrderRow, ...]
    expected_ids: tuple[int, ...]
    rejected: tuple[RejectedRow, ...] = ()
    complete: bool
    before: Snapshot
    after: Snapshot


class RoundRecord(_Record):
    """state/food/<rollnumber>/rounds/round<N>.json. A repeated round adds a run; earlier runs stay as they are."""

    schema_version: Literal[1] = 1
    round: int
    rollnumber: str
    runs: tuple[RoundRun, ...]


class TriedMessage(_Record):
    """A message of round 4, and what became of it.

    - `order_id`: the one that a lenient parser can read from it; None if there is none
    - `must_be_rejected`: False for an unusual order that is valid, such as one with a date in the future
    - `outcome`: "stopped" means that no clean order arrived after it
    """

    mistake: str
    order_id: int | None
    must_be_rejected: bool
    outcome: Literal["rejected", "in the lake", "stopped", "not tried"]


class BadMessagesRecord(_Record):
    """state/food/<rollnumber>/rounds/round4.json: what became of messages that the assignment does not name.

    Round 4 has Postgres, Kafka and a lake of its own. So nothing of it is in the submission's lake. `error`: the
    consumer's last error, if it has one.
    """

    schema_version: Literal[1] = 1
    round: Literal[4] = 4
    rollnumber: str
    finished_at: str
    messages: tuple[TriedMessage, ...]
    error: str | None = None


BAD_MESSAGES_RECORD = "round4.json"


def _moment(text: str) -> str:
    if not text.endswith("Z") or format_timestamp(parse_timestamp(text)) != text:  # another zone may overflow
        raise ValueError("not in the form 2025-11-18T12:24:00.123456Z")
    return text


class LoadedRow(_Record):
    """An order of the load. `open_sec`: seconds from created_at, the start of its transaction, to its commit."""

    order_id: int
    created_at: Annotated[str, AfterValidator(_moment)]
    open_sec: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class LoadRecord(_Record):
    """state/food/<rollnumber>/rounds/load.json: what became of orders that several writers inserted at the same time.

    The load has Postgres, Kafka and a lake of its own, as round 4.

    - `rows`: the committed orders
    - `unpublished`: the order_ids that never came to the topic
    - `unwritten`: those that are on the topic and not in the lake
    - `repeated`: those that are in the lake more than once
    - `state`: the state file's text at the end
    - `ended`: the program that ended in the load. `error`: its last error, if it has one
    """

    schema_version: Literal[1] = 1
    rollnumber: str
    finished_at: str
    writers: int
    seconds: float
    rows: tuple[LoadedRow, ...]
    unpublished: tuple[int, ...] = ()
    unwritten: tuple[int, ...] = ()
    repeated: tuple[int, ...] = ()
    state: str | None = None
    ended: str | None = None
    error: str | None = None


TOPIC_FILE = "kafka_topic.json"  # the topic's id, in the checkpoint folder; Spark ignores names that it does not know
LOAD_RECORD = "load.json"
