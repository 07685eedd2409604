"""Writes files like Spark 3.5.1: data files, the sink log and a checkpoint, each with a checksum file.

They are for submissions that are generated without Spark: the examples of checks, and the lakes of benchmarks. An
end-to-end test compares them with the files of the consumer. There are two differences: a footer names pyarrow as the
writer, and there is no state store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.evidence import checksum
from grader.evidence.sink_log import FOLDER as SINK_LOG

if TYPE_CHECKING:
    import pyarrow as pa

MOMENT_MS = 1_763_468_640_000  # the time of writing of all files, in milliseconds since 1970
_BLOCK_SIZE = 33_554_432  # of Hadoop's local file system
_VERSION_KEY, _ROW_KEY = "org.apache.spark.version", "org.apache.spark.sql.parquet.row.metadata"
_STREAMING = "spark.sql.streaming"
# What a query records with each planned batch, so that a later start cannot change it.
_CONF = {
    f"{_STREAMING}.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    f"{_STREAMING}.join.stateFormatVersion": "2",
    f"{_STREAMING}.stateStore.compression.codec": "lz4",
    f"{_STREAMING}.stateStore.rocksdb.formatVersion": "5",
    f"{_STREAMING}.statefulOperator.useStrictDistribution": "true",
    f"{_STREAMING}.flatMapGroupsWithState.stateFormatVersion": "2",
    f"{_STREAMING}.multipleWatermarkPolicy": "min",
    f"{_STREAMING}.aggregation.stateFormatVersion": "2",
    "spark.sql.shuffle.partitions": "1",
}


def write(path: Path, content: bytes) -> None:
    """Write a file and its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    renew_checksum(path)


def renew_checksum(path: Path) -> None:
    """Write the sidecar that Spark would write for the file's present content."""
    checksum.sidecar(path).write_bytes(checksum.checksums(path.read_bytes()))


def data_file_name(uuid: str, task: int = 0, *, is_partitioned: bool = True) -> str:
    """The name that a Spark task gives its file. `is_partitioned`: the lake has `key=value` folders."""
    return f"part-{task:05d}-{uuid}{'.' if is_partitioned else '-'}c000.snappy.parquet"


def write_table(
    path: Path, table: pa.Table, *, is_sparks: bool = True, int96: bool = False, milliseconds: bool = False
) -> None:
    """Write a data file with one row group, or none without rows. `is_sparks` False leaves out Spark's own keys.

    With `int96` or `milliseconds` timestamps have the form that other settings of Spark give them.
    """
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(
        path,
        table.schema,
        store_schema=False,
        # Spark's writer drops a dictionary that saves no space, such as that of an id or a time.
        use_dictionary=[field.name for field in table.schema if _spark_type(field.type) == "string"],
        store_decimal_as_integer=True,
        use_deprecated_int96_timestamps=int96,
        coerce_timestamps="ms" if milliseconds else None,
        allow_truncated_timestamps=True,
    ) as writer:
        if table.num_rows:
            writer.write_table(table, row_group_size=table.num_rows)
        if is_sparks:
            writer.add_key_value_metadata({_VERSION_KEY: "3.5.1", _ROW_KEY: json.dumps(_row_type(table.schema))})
    renew_checksum(path)


def write_in_format(path: Path, table: pa.Table, name: str) -> None:
    """Write a data file in another format that Spark's file sink has: csv, json or orc."""
    from pyarrow import csv, orc

    path.parent.mkdir(parents=True, exist_ok=True)
    if name == "orc":
        orc.write_table(table, path)
    elif name == "csv":
        csv.write_csv(table, path, csv.WriteOptions(include_header=False))
    else:
        path.write_text("".join(f"{json.dumps(row, default=str)}\n" for row in table.to_pylist()))
    renew_checksum(path)


def _row_type(schema: pa.Schema) -> dict[str, object]:
    fields = [
        {"name": field.name, "type": _spark_type(field.type), "nullable": True, "metadata": {}} for field in schema
    ]
    return {"type": "struct", "fields": fields}


def _spark_type(kind: pa.DataType) -> str:
    from pyarrow import types

    if types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    names = {"int32": "integer", "int64": "long", "double": "double", "binary": "binary"}
    return "timestamp" if types.is_timestamp(kind) else names.get(str(kind), "string")


def log_line(path: Path) -> str:
    """The sink log's line for an existing data file."""
    entry = {
        "path": path.absolute().as_uri(),
        "size": path.stat().st_size,
        "isDir": False,
        "modificationTime": MOMENT_MS,
        "blockReplication": 1,
        "blockSize": _BLOCK_SIZE,
        "action": "add",
    }
    return json.dumps(entry, separators=(",", ":"))


def write_log(lake: Path, batch: int, lines: Iterable[str], *, is_compact: bool = False) -> None:
    """Write the sink log's file of a batch. For a compact file, `lines` are those of all batches so far."""
    name = f"{batch}.compact" if is_compact else str(batch)
    write(lake / SINK_LOG / name, "\n".join(["v1", *lines]).encode())


@dataclass(frozen=True)
class CheckpointWriter:
    """Writes the checkpoint of a query that reads one topic. Offsets are by partition."""

    folder: Path
    topic: str

    def begin(self, query_id: str, starts: Mapping[int, int]) -> None:
        """Write the query's id and its start offsets."""
        write(self.folder / "metadata", json.dumps({"id": query_id}, separators=(",", ":")).encode())
        write(self.folder / "sources" / "0" / "0", b"\0v1\n" + self._offsets(starts).encode())

    def plan(self, batch: int, ends: Mapping[int, int]) -> None:
        """Write the batch's exclusive end offsets. Each batch is planned a millisecond after the one before."""
        head = {"batchWatermarkMs": 0, "batchTimestampMs": MOMENT_MS + batch, "conf": _CONF}
        lines = ["v1", json.dumps(head, separators=(",", ":")), self._offsets(ends)]
        write(self.folder / "offsets" / str(batch), "\n".join(lines).encode())

    def commit(self, batch: int) -> None:
        write(self.folder / "commits" / str(batch), b'v1\n{"nextBatchWatermarkMs":0}')

    def _offsets(self, offsets: Mapping[int, int]) -> str:
        return json.dumps({self.topic: {str(p): end for p, end in offsets.items()}}, separators=(",", ":"))
