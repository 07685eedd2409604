"""Builds a small correct submission with files like those of Spark 3.5.1. The examples of checks plant mistakes in it.

The first batch delivered ten base rows. Then round 1 and round 2 inserted five rows each. `add_round_3` adds the round
with bad rows, which go to a quarantine.

An example changes a plan, and `build` writes the plan. So everything that depends on a change (sizes, log, checksums,
offsets) fits the change. `edit` damages the files afterwards.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from configs.contract import (
    AMOUNT_PRECISION,
    AMOUNT_SCALE,
    BAD_MESSAGES_RECORD,
    COLUMN_NAMES,
    EPOCH,
    LOAD_RECORD,
    ORDER_STATUSES,
    BadMessagesRecord,
    LakeFileRecord,
    LoadedRow,
    LoadRecord,
    OrderRow,
    RejectedRow,
    RoundRecord,
    RoundRun,
    Snapshot,
    TriedMessage,
    format_timestamp,
    parse_timestamp,
)
from configs.quarantine_position import QuarantinePosition, read_position
from grader import spark_files
from grader.evidence import checksum
from grader.evidence.listing import file_sha256
from grader.spark_files import CheckpointWriter
from grader.spark_files import renew_checksum as renew_checksum

if TYPE_CHECKING:
    import pyarrow as pa

    from grader.evidence import Evidence
    from grader.evidence.database import Database

ROLLNUMBER = "2025em1100471"
CONFIG = "configs/orders_stream.yml"
LAKE = "datalake/orders"
QUARANTINE = f"{LAKE}_quarantine"
CHECKPOINT = "checkpoints/orders"
QUARANTINE_CHECKPOINT = f"{CHECKPOINT}_quarantine"
STATE = f"state/food/{ROLLNUMBER}/last_processed_timestamp.txt"
ROUNDS = f"state/food/{ROLLNUMBER}/rounds"
PARTITIONS = 3
COMPACT_INTERVAL = 10  # Spark's: batches 9, 19, ... are compact

_ENDINGS = {"csv": ".csv", "json": ".json", "orc": ".snappy.orc"}  # of the files that Spark writes
_START = datetime(2025, 11, 18, 12, 24, 0, 123456, tzinfo=timezone.utc)
_CONFIG = """\
rollnumber: {rollnumber}
postgres:
  jdbc_url: jdbc:postgresql://127.0.0.1:5432/food_delivery
  host: 127.0.0.1
  port: 5432
  db: food_delivery
  user: student
  password: secret
  table: {rollnumber}_orders
kafka:
  brokers: 127.0.0.1:9092
  topic: {topic}
datalake:
  path: {lake}
  format: parquet
streaming:
  checkpoint_location: {checkpoint}
  last_processed_timestamp_location: {state}
  batch_interval: 5 seconds
"""


def order(order_id: int, created_at: datetime, **values: Any) -> OrderRow:
    """A row with realistic content."""
    content = {
        "customer_name": f"Customer {order_id}",
        "restaurant_name": f"Restaurant {order_id % 4}",
        "item": f"Dish {order_id % 7}",
        "amount": f"{100 + order_id}.50",
        "order_status": ORDER_STATUSES[order_id % len(ORDER_STATUSES)],
    }
    return OrderRow(order_id=order_id, created_at=format_timestamp(created_at), **{**content, **values})


def _inserts() -> list[list[OrderRow]]:
    """The base rows and the rows of rounds 1 and 2: on two dates, with times that are not whole milliseconds."""
    later = _START + timedelta(days=1)
    return [
        [order(n, _START + timedelta(minutes=n)) for n in range(1, 11)],
        [order(n, _START + timedelta(hours=2, seconds=n)) for n in range(11, 16)],
        [order(n, later + timedelta(seconds=n)) for n in range(16, 21)],
    ]


@dataclass(frozen=True)
class BadMessage:
    """A message that every consumer rejects: its mistake, its text, and the consumer's reason."""

    mistake: str
    raw: str
    reason: str


@dataclass
class Submission:
    """The plan of a submission. The lists may be changed freely before `build`.

    - `inserts`: the rows in Postgres: base rows, round 1, round 2.
    - `batches`: the rows that each batch of the consumer wrote.
    - `days`: order_id -> folder, for an order that is not in the folder of its date.
    - `state`: the text of the state file; None: the newest created_at of the rows.
    - `types`: the lake's types: order_id int32 or int64; amount decimal, double or string; created_at us, ms, int96 or
      string.
    - `far_us`: created_at in the lake, in microseconds since 1970, for years that Python's datetime does not support.
    - `rejected`: order_ids in Postgres that the consumer rejected. They go to the quarantine.
    - `messages`: bad messages put directly on the topic with a batch's rows. They go to the quarantine too.
    - `skipped`: number of messages that were on the topic before the consumer began to read.
    - `lake_format`: parquet, or another one that Spark's file sink can write: csv, json or orc.
    - `folder_key`: the key of the lake's folders; None: no folders.
    - `split`: the number of files per date and batch.
    - `seed`: of the ids that Spark makes at random. The same seed gives the same ids.
    """

    folder: Path
    inserts: list[list[OrderRow]] = field(default_factory=_inserts)
    batches: list[list[OrderRow]] = field(default_factory=_inserts)
    days: dict[int, str] = field(default_factory=dict)
    far_us: dict[int, int] = field(default_factory=dict)
    state: str | None = None
    topic: str = f"{ROLLNUMBER}_food_orders_raw"
    types: dict[str, str] = field(
        default_factory=lambda: {"order_id": "int32", "amount": "decimal", "created_at": "us"}
    )
    columns: tuple[str, ...] = COLUMN_NAMES
    log: bool = True
    has_database: bool = True
    is_sparks: bool = True
    lake_format: str = "parquet"
    folder_key: str | None = "date"
    split: int = 1
    seed: str = ""
    skipped: int = 0
    rounds: int = 2
    rejected: dict[int, str] = field(default_factory=dict)  # order_id -> what is wrong with it
    messages: dict[int, tuple[BadMessage, ...]] = field(default_factory=dict)  # batch -> messages
    quarantine: list[Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = field(default_factory=list)
    has_quarantine: bool = True
    extra_config: str = ""
    revise: list[Callable[[list[RoundRecord]], list[RoundRecord]]] = field(default_factory=list)
    edits: list[Callable[[Path], object]] = field(default_factory=list)

    @property
    def rows(self) -> list[OrderRow]:
        """The lake's rows, oldest batch first."""
        return [row for batch in self.batches for row in batch]

    def add_round_3(self) -> None:
        """Five clean rows (21 to 25), two bad rows in Postgres (26, 27), three bad messages directly on the topic."""
        begin = _START + timedelta(days=1, hours=1)
        clean = [order(n, begin + timedelta(seconds=n)) for n in range(21, 26)]
        bad = [order(n, begin + timedelta(seconds=n), amount=amount) for n, amount in ((26, "-126.50"), (27, "NaN"))]
        event = _event(bad[-1]) | {"amount": 127.5}
        self.batches.append(list(clean))
        self.inserts.append([*clean, *bad])
        self.rejected |= {26: "a negative amount", 27: "an amount that is not a number"}
        self.messages[len(self.batches) - 1] = (
            BadMessage("no order_id", json.dumps(event | {"order_id": None}), "order_id is missing"),
            BadMessage("an order_id that is text", json.dumps(event | {"order_id": "1000027"}), "not valid JSON"),
            BadMessage("JSON that breaks off", json.dumps(event | {"order_id": 2000027})[:-20], "not valid JSON"),
        )
        self.rounds = 3

    def add_round_4(self, *messages: TriedMessage, error: str | None = None) -> None:
        """The record of round 4, with what became of each message. It leaves this lake as it is."""
        record = BadMessagesRecord(
            rollnumber=ROLLNUMBER, finished_at=format_timestamp(MOMENT), messages=messages, error=error
        )
        self.write(f"{ROUNDS}/{BAD_MESSAGES_RECORD}", record.model_dump_json())

    def add_load(self, *orders: tuple[int, str, float], **values: Any) -> None:
        """The record of a load: of each order its id, the time of day of its created_at, and its `open_sec`."""
        rows = tuple(
            LoadedRow(order_id=order_id, created_at=f"2025-11-20T{time}Z", open_sec=open_sec)
            for order_id, time, open_sec in orders
        )
        plan: dict[str, Any] = {"rollnumber": ROLLNUMBER, "finished_at": format_timestamp(MOMENT), "writers": 4}
        plan |= {"seconds": 20.0, "rows": rows, "state": "2025-11-20T23:00:00Z", **values}
        self.write(f"{ROUNDS}/{LOAD_RECORD}", LoadRecord(**plan).model_dump_json())

    def append_batch(self, rows: Iterable[OrderRow]) -> None:
        """One more batch of the consumer, after the rounds."""
        self.batches.append(list(rows))

    def insert(self, rows: Iterable[OrderRow]) -> None:
        """More rows in Postgres, after the rounds, which are not published yet."""
        self.inserts.append(list(rows))

    def change(self, order_id: int, **values: Any) -> None:
        """Change an order everywhere, as if it had been inserted like this."""
        for rows in (*self.inserts, *self.batches):
            rows[:] = [row.model_copy(update=values) if row.order_id == order_id else row for row in rows]

    def change_in_lake(self, order_id: int, **values: Any) -> None:
        """Change an order only in the lake, as if the pipeline had altered it."""
        for rows in self.batches:
            rows[:] = [row.model_copy(update=values) if row.order_id == order_id else row for row in rows]

    def lose(self, *order_ids: int) -> None:
        """Leave orders out of the lake."""
        for rows in self.batches:
            rows[:] = [row for row in rows if row.order_id not in order_ids]

    def edit(self, action: Callable[[Path], object]) -> None:
        """Call `action` with the folder of the written submission."""
        self.edits.append(action)

    def write(self, path: str, text: str) -> None:
        """Write a file by hand, without a checksum."""
        self.edit(lambda root: _write(root / path, text.encode()))

    def remove(self, pattern: str) -> None:
        """Remove the files that match."""

        def unlink(root: Path) -> None:
            for path in sorted(root.glob(pattern)):
                path.unlink()

        self.edit(unlink)

    def quarantine_too(self, order_id: int, reason: str) -> None:
        """Add an order to the quarantine, as a message of the first batch. No round record names this message."""
        row = next(row for rows in self.inserts for row in rows if row.order_id == order_id)
        kept = BadMessage("none", json.dumps(_event(row)), reason)
        self.messages[0] = (*self.messages.get(0, ()), kept)

    def change_quarantine(self, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        """Change the quarantine's rows before they are written."""
        self.quarantine.append(change)

    def revise_rounds(self, change: Callable[[list[RoundRecord]], list[RoundRecord]]) -> None:
        """Change the round records before they are written."""
        self.revise.append(change)

    def build(self) -> Path:
        """Write the submission, and return its folder."""
        snapshots = self._write_batches()
        _write(self.folder / CONFIG, self._config().encode())
        text = snapshots[-1].state if self.state is None else self.state
        _write(self.folder / STATE, (text or "").encode())
        records = self._records(snapshots)
        for change in self.revise:
            records = change(records)
        for record in records:
            path = self.folder / ROUNDS / f"round{record.round}.json"
            _write(path, record.model_dump_json(indent=1).encode())
        for edit in self.edits:
            edit(self.folder)
        return self.folder

    def database(self) -> Database:
        """A database that contains `inserts`; without a table if `has_database` is False."""
        from grader.evidence.database import KnownDatabase
        from grader.evidence.orders import table_of

        rows = [row for rows in self.inserts for row in rows]
        return KnownDatabase(None, "no database", table_of(rows) if self.has_database else None)

    def evidence(self) -> Evidence:
        """The evidence of the built submission, with its `database`."""
        from grader.evidence import Evidence
        from grader.evidence.config import submitted_config

        return Evidence(submitted_config(self.folder, None), self.database())

    def _id(self, *parts: object) -> str:
        return _uuid(*([self.seed] if self.seed else []), *parts)

    def _config(self) -> str:
        text = _CONFIG.format(
            rollnumber=ROLLNUMBER,
            topic=f"{ROLLNUMBER}_food_orders_raw",
            lake=LAKE,
            checkpoint=CHECKPOINT,
            state=STATE,
        )
        return text + self.extra_config

    def _write_batches(self) -> list[Snapshot]:
        """Write lake and checkpoint batch by batch. Returns the state of the pipeline after each batch."""
        checkpoint = CheckpointWriter(self.folder / CHECKPOINT, self.topic)
        checkpoint.begin(self._id("query"), _ends(self.skipped))
        snapshots, files, lines = list[Snapshot](), list[LakeFileRecord](), list[str]()
        published, delivered, inserted = self.skipped, 0, 0
        newest, known = EPOCH, {row.order_id for rows in self.inserts for row in rows}
        for batch, rows in enumerate(self.batches):
            source = self.inserts[batch] if batch < len(self.inserts) else []
            sent = max(len(rows), len(source))
            self._write_quarantine(batch, published, sent, source)
            published += sent + len(self.messages.get(batch, ()))
            inserted += len(source)
            delivered += len(rows)
            checkpoint.plan(batch, _ends(published))
            new = self._write_files(batch, rows)
            files += new
            lines += [spark_files.log_line(self.folder / LAKE / file.path) for file in new]
            if self.log:
                compact = (batch + 1) % COMPACT_INTERVAL == 0
                logged = lines if compact else lines[len(lines) - len(new) :]
                spark_files.write_log(self.folder / LAKE, batch, logged, is_compact=compact)
            checkpoint.commit(batch)
            # The producer did not see a time that was only changed in the lake.
            seen = [*source, *(row for row in rows if row.order_id not in known)]
            newest = max([newest, *(parse_timestamp(row.created_at) for row in seen if row.created_at)])
            snapshots.append(
                Snapshot(
                    postgres_rows=inserted,
                    topic_offsets={str(partition): end for partition, end in _ends(published).items()},
                    last_offset_batch=batch,
                    last_commit_batch=batch,
                    lake_rows=delivered,
                    lake_files=tuple(sorted(files, key=lambda file: file.path)),
                    state=format_timestamp(newest),
                )
            )
        return snapshots

    def _write_quarantine(self, batch: int, published: int, sent: int, source: list[OrderRow]) -> None:
        """Write the rejected messages of a batch: the last ones. `published` messages were on the topic before."""
        import pyarrow as pa

        if not self.has_quarantine:
            return
        bad = [row for row in source if row.order_id in self.rejected]
        texts = [(json.dumps(_event(row)), self.rejected[row.order_id]) for row in bad]
        texts += [(message.raw, message.reason) for message in self.messages.get(batch, ())]
        begin = published + sent - len(bad)
        kept: list[dict[str, Any]] = [
            {
                "reason": reason,
                "topic": self.topic,
                "partition": (begin + at) % PARTITIONS,
                "offset": (begin + at) // PARTITIONS,
                "raw": raw,
            }
            for at, (raw, reason) in enumerate(texts)
        ]
        for change in self.quarantine if kept else ():
            kept = change(kept)
        folder, checkpoint = self.folder / QUARANTINE, self.folder / QUARANTINE_CHECKPOINT
        position = read_position(checkpoint) or QuarantinePosition(self.topic, "WZmVQ4hYQXKtZAzUqbOKrA")
        if kept:
            position = replace(position, files=position.files + 1)
            target = folder / f"rejected-{position.files:06d}.parquet"
            spark_files.write_table(target, pa.Table.from_pylist(kept, _quarantine_schema()))
            checksum.sidecar(target).unlink()  # the consumer moves the file to its name without it
        replace(position, ends=_ends(published + sent + len(self.messages.get(batch, ())))).store(checkpoint)

    def _write_files(self, batch: int, rows: list[OrderRow]) -> list[LakeFileRecord]:
        """Write one Parquet file per date, like one Spark task, or `split` files per date."""
        days: dict[str, list[OrderRow]] = {}
        for row in rows:
            day = row.created_at[:10] if row.created_at else "__HIVE_DEFAULT_PARTITION__"
            days.setdefault(self.days.get(row.order_id, day), []).append(row)
        records = []
        parts = [
            (day, task, some[task :: self.split])
            for day, some in sorted(days.items())
            for task in range(min(self.split, len(some)))
        ]
        for day, task, some in parts:
            uuid_ = self._id(batch, day, task) if task else self._id(batch, day)
            name = spark_files.data_file_name(uuid_, task, is_partitioned=self.folder_key is not None)
            name = name.replace(".snappy.parquet", _ENDINGS.get(self.lake_format, ".snappy.parquet"))
            path = name if self.folder_key is None else f"{self.folder_key}={day}/{name}"
            target = self.folder / LAKE / path
            if self.lake_format == "parquet":
                spark_files.write_table(
                    target,
                    self._table(some),
                    is_sparks=self.is_sparks,
                    int96=self.types["created_at"] == "int96",
                    milliseconds=self.types["created_at"] == "ms",
                )
            else:
                spark_files.write_in_format(target, self._table(some), self.lake_format)
            digest = file_sha256(target) or ""
            records.append(LakeFileRecord(path=path, size=target.stat().st_size, sha256=digest, rows=len(some)))
        return records

    def _table(self, rows: list[OrderRow]) -> pa.Table:
        import pyarrow as pa

        kinds: dict[str, tuple[pa.DataType, Callable[[Any], Any]]] = {
            "int32": (pa.int32(), int),
            "int64": (pa.int64(), int),
            "decimal": (pa.decimal128(AMOUNT_PRECISION, AMOUNT_SCALE), Decimal),
            "double": (pa.float64(), float),
            "string": (pa.string(), str),
            "us": (pa.timestamp("us", "UTC"), parse_timestamp),
            "ms": (pa.timestamp("us", "UTC"), parse_timestamp),
            "int96": (pa.timestamp("us", "UTC"), parse_timestamp),
        }
        arrays = {}
        for name in self.columns:
            kind, convert = kinds[self.types.get(name, "string")]
            values = [getattr(row, name, None) for row in rows]
            cells = [None if value is None else convert(value) for value in values]
            if name == "created_at":
                cells = [self.far_us.get(row.order_id or 0, cell) for row, cell in zip(rows, cells, strict=True)]
            arrays[name] = pa.array(cells, kind)
        return pa.table(arrays)

    def _records(self, snapshots: list[Snapshot]) -> list[RoundRecord]:
        records = []
        for number in range(1, self.rounds + 1):
            inserted = tuple(self.inserts[number])
            bad = [row.order_id for row in inserted if row.order_id in self.rejected]
            rejected = [RejectedRow(mistake=self.rejected[order_id], order_id=order_id) for order_id in bad]
            rejected += [RejectedRow(mistake=one.mistake, raw=one.raw) for one in self.messages.get(number, ())]
            run = RoundRun(
                started_at=format_timestamp(_START + timedelta(days=number)),
                finished_at=format_timestamp(_START + timedelta(days=number, seconds=6)),
                table=f"{ROLLNUMBER}_orders",
                topic=f"{ROLLNUMBER}_food_orders_raw",
                inserted=inserted,
                expected_ids=tuple(row.order_id for row in inserted if row.order_id not in self.rejected),
                rejected=tuple(rejected),
                complete=True,
                before=snapshots[number - 1],
                after=snapshots[number],
            )
            records.append(RoundRecord(round=number, rollnumber=ROLLNUMBER, runs=(run,)))
        return records


def _event(row: OrderRow) -> dict[str, Any]:
    """The row in the form of its message; Spark writes NaN as text."""
    amount = float(row.amount)
    return row.model_dump() | {"amount": amount if math.isfinite(amount) else row.amount}


def _ends(published: int) -> dict[int, int]:
    """Partition -> number of the `published` rows in it; they are distributed in turn."""
    return {partition: (published + PARTITIONS - 1 - partition) // PARTITIONS for partition in range(PARTITIONS)}


def _uuid(*parts: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, parts))))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _quarantine_schema() -> Any:
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            ("reason", text),
            ("topic", text),
            ("partition", pa.int32()),
            ("offset", pa.int64()),
            ("raw", text),
            ("bytes", pa.binary()),
        ]
    )


MOMENT = _START + timedelta(days=2)
"""A created_at later than that of any order of a new submission."""


def leave_orphan(root: Path) -> None:
    """Like a consumer that was killed before it wrote its log: a complete file with checksum that is not in the log."""
    first = min((root / LAKE).glob("date=*/*.parquet"))
    orphan = first.with_name(spark_files.data_file_name(_uuid("orphan")))
    spark_files.write(orphan, first.read_bytes())


def put_other_data(root: Path) -> None:
    """Replace every file of the lake by data that have nothing to do with orders."""
    import pyarrow as pa

    for path in (root / LAKE).glob("date=*/*.parquet"):
        spark_files.write_table(path, pa.table({"trip_id": [1, 2], "fare": [7.5, 9.0]}))


def leave_batch_in_flight(root: Path) -> None:
    """Like a consumer that was killed in its last batch before it wrote anything: the batch is only planned."""
    last = max((root / CHECKPOINT / "offsets").glob("[0-9]"))
    log = root / LAKE / "_spark_metadata" / last.name
    remove_with_checksum(root / CHECKPOINT / "commits" / last.name, log, *logged_files(log))


def logged_files(log: Path) -> list[Path]:
    """The files that a file of the sink log names, at the paths where they were written."""
    lines = log.read_text().splitlines()[1:]
    return [Path(unquote(urlsplit(json.loads(line)["path"]).path)) for line in lines]


def remove_with_checksum(*paths: Path) -> None:
    for path in paths:
        path.unlink()
        checksum.sidecar(path).unlink()


def pretend_arrival(records: list[RoundRecord]) -> list[RoundRecord]:
    """Make round 2 record that all its rows were there at its end, so that they were lost later."""
    first, second = records
    (run,) = second.runs
    return [first, with_lake_rows(second, run.before.lake_rows + len(run.expected_ids))]


def with_lake_rows(record: RoundRecord, rows: int) -> RoundRecord:
    """A record with one run, changed to end with `rows` rows in the lake."""
    (run,) = record.runs
    *earlier, last = run.after.lake_files
    last = last.model_copy(update={"rows": last.rows + rows - run.after.lake_rows})
    after = run.after.model_copy(update={"lake_rows": rows, "lake_files": (*earlier, last)})
    return record.model_copy(update={"runs": (run.model_copy(update={"after": after}),)})


def give_times(root: Path) -> None:
    """Let batch 0 run an hour before round 1, and the later batches 2 s after their rounds began, each taking 2 s."""
    starts = [_milliseconds(run.started_at) for run in _runs(root)]
    begun = [starts[0] - 3_600_000, *(start + 2_000 for start in starts)]
    written: dict[str, int] = {}  # a compact log file repeats the lines of the batches before it
    offsets = (root / CHECKPOINT / "offsets").glob("[0-9]*")
    for path in sorted(offsets, key=lambda path: int(path.name)):
        head, values, *rest = path.read_text().split("\n")
        batch = int(path.name)
        at_ms = begun[batch] if batch < len(begun) else begun[-1] + 60_000 * (batch - len(begun) + 1)
        offsets_head = json.dumps({**json.loads(values), "batchTimestampMs": at_ms})
        _write_with_checksum(path, "\n".join([head, offsets_head, *rest]))
        for log in (root / LAKE / "_spark_metadata").glob(f"{batch}*"):
            if log.name in (str(batch), f"{batch}.compact"):
                version, *lines = log.read_text().split("\n")
                entries = [json.loads(line) for line in lines]
                for entry in entries:
                    entry["modificationTime"] = written.setdefault(entry["path"], at_ms + 2_000)
                _write_with_checksum(log, "\n".join([version, *map(json.dumps, entries)]))


def _milliseconds(moment: str) -> int:
    return (parse_timestamp(moment) - EPOCH) // timedelta(milliseconds=1)


def _runs(root: Path) -> list[RoundRun]:
    records = [RoundRecord.model_validate_json(path.read_bytes()) for path in sorted((root / ROUNDS).glob("*.json"))]
    return [run for record in records for run in record.runs]


def _write_with_checksum(path: Path, text: str) -> None:
    path.write_text(text)
    path.with_name(f".{path.name}.crc").write_bytes(checksum.checksums(text.encode()))
