import shutil
from pathlib import Path

from configs.wording import counted
from grader.builder import CONFIG, LAKE, Submission, put_other_data
from grader.effects import only_other_sizes
from grader.evidence import Evidence
from grader.evidence.columns import listed
from grader.model import Mismatch, check


def _is_only_damage(evidence: Evidence) -> bool:
    """Whether the log is as Spark wrote it, and only unreadable files differ from it."""
    lake = evidence.lake
    if not lake.files:
        return True
    damaged = {row["file"] for row in lake.unreadable}
    is_log_good = lake.log is not None and not lake.log.problems and not lake.log.stale_checksums
    return is_log_good and not lake.missing and {file.path for file in lake.resized} <= damaged


@check(
    hint="If nothing was written yet, run `make round1` first. If the lake has another format, write Parquet to a new "
    "folder. If files are damaged, delete or restore them: Spark cannot read the lake either.",
    explains={"sink_log_agrees": _is_only_damage, "round_rewrote_nothing": only_other_sizes},
)
def lake_readable(evidence: Evidence) -> None:
    """The lake is there and every file that counts can be read as Parquet.

    The files that count are those that Spark's sink log names. Without a log all files count. One damaged file stops
    every reader of the lake, so the checks of its rows need this one to pass.

    A lake of CSV, JSON, ORC or Avro files, or a Delta, Iceberg or Hudi table, is named as such. It is not read.
    """
    lake = evidence.lake
    if not lake.exists:
        where, others = evidence.locations.lake, evidence.locations.other_data
        actual = f"no folder at {where}" if where else "none in the submission"
        if others is not None:
            actual += f"; the files in {others.folder} are not orders: {listed(others.columns)}"
        raise Mismatch(expected="a Parquet lake", actual=actual)
    if lake.other_format:
        raise Mismatch(
            expected='a Parquet lake: writeStream.format("parquet"), with a new lake and checkpoint folder',
            actual=f"{lake.other_format}, at {evidence.locations.lake}",
        )
    if not lake.files:
        where = evidence.locations.lake
        raise Mismatch(expected="at least one Parquet file", actual=f"no file that counts in {where}")
    if lake.unreadable:
        raise Mismatch(
            expected=counted(len(lake.files), "readable file"),
            actual=counted(len(lake.unreadable), "unreadable file"),
            samples=lake.unreadable[:3],
        )


@lake_readable.fails(also=("sink_log_agrees", "round_rewrote_nothing"))
def truncated_file(submission: Submission) -> None:
    submission.edit(_cut_first_file)


@lake_readable.fails
def no_lake(submission: Submission) -> None:
    submission.edit(lambda root: shutil.rmtree(root / LAKE))


def _in_format(name: str, says: str) -> None:
    """Register a lake in another format, which Spark wrote with a correct log."""

    def build(submission: Submission) -> None:
        submission.lake_format = name

    build.__name__ = f"lake_of_{name}_files"
    lake_readable.fails(says=says)(build)


for _name, _says in (("csv", "a CSV lake: 3 files"), ("json", "a JSON lake: 3 files"), ("orc", "an ORC lake: 3 files")):
    _in_format(_name, _says)


@lake_readable.fails(says="a CSV lake: 3 files present")
def lake_of_csv_files_and_no_log(submission: Submission) -> None:
    submission.lake_format = "csv"
    submission.log = False


@lake_readable.fails(also=("config_valid",), says="an ORC lake: 3 files present")
def lake_of_orc_files_and_no_config(submission: Submission) -> None:
    submission.lake_format = "orc"
    submission.remove(CONFIG)


@lake_readable.fails(says="a Delta table with 3 data files")
def lake_is_a_delta_table(submission: Submission) -> None:
    submission.log = False
    submission.write(f"{LAKE}/_delta_log/00000000000000000000.json", '{"protocol":{"minReaderVersion":1}}')


@lake_readable.fails(also=("config_valid",), says="an Iceberg table with 3 data files")
def lake_is_an_iceberg_table(submission: Submission) -> None:
    submission.log = False
    submission.rounds = 0
    submission.edit(_to_iceberg)
    submission.remove(CONFIG)


@lake_readable.fails(also=("config_valid",), says="datalake/orders are not orders: columns trip_id, fare")
def lake_of_other_data_and_no_config(submission: Submission) -> None:
    submission.log = False
    submission.rounds = 0
    submission.edit(put_other_data)
    submission.remove(CONFIG)


def _to_iceberg(root: Path) -> None:
    (root / LAKE / "data").mkdir()
    for day in (root / LAKE).glob("date=*"):
        day.rename(root / LAKE / "data" / day.name)
    (root / LAKE / "metadata").mkdir()
    (root / LAKE / "metadata" / "v1.metadata.json").write_text('{"format-version": 2}')


def _cut_first_file(root: Path) -> None:
    first = min((root / LAKE).glob("date=*/*.parquet"))
    first.write_bytes(first.read_bytes()[:-20])
