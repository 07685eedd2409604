from pathlib import Path

from configs.wording import counted
from grader.builder import LAKE, Submission, renew_checksum
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("lake_readable",),
    hint="Let the Spark consumer write the lake. A file from another program proves nothing about the consumer.",
)
def written_by_spark(evidence: Evidence) -> None:
    """Spark wrote every file that counts.

    Spark writes its version into the footer of each Parquet file (org.apache.spark.version). pandas, pyarrow and DuckDB
    do not. pandas and pyarrow copy it from a file that they read, but they add their own keys (ARROW:schema, pandas).
    If files, sink log and checkpoint do not belong together, the consumer did not write the lake.
    """
    lake = evidence.lake
    foreign = [footer.path for footer in lake.footers if footer.spark_version is None]
    if foreign:
        signs = []
        if len(foreign) == len(lake.files):
            signs += ["no sink log"] if lake.log is None else []
            signs += [] if evidence.checkpoint.offset_batches else ["no batch in a checkpoint"]
        raise Mismatch(
            expected="Spark's version in the footer of every file",
            actual=f"none in {len(foreign)} of {counted(len(lake.files), 'file')}"
            f"{''.join(f', {sign}' for sign in signs)}",
            samples=tuple({"file": path} for path in foreign[:3]),
            right=len(lake.files) - len(foreign),
            total=len(lake.files),
        )


@written_by_spark.fails
def whole_lake_by_another_program(submission: Submission) -> None:
    submission.is_sparks = False


@written_by_spark.fails(says="no sink log")
def another_program_and_no_log(submission: Submission) -> None:
    submission.is_sparks = False
    submission.log = False


@written_by_spark.fails(also=("round_rewrote_nothing",))
def one_file_rewritten_by_pandas(submission: Submission) -> None:
    submission.log = False
    submission.edit(_rewrite)


@written_by_spark.fails(says="none in 3 of 3 files")
def whole_lake_read_and_written_by_pyarrow(submission: Submission) -> None:
    submission.log = False
    submission.rounds = 0
    submission.edit(_read_and_write)


def _read_and_write(root: Path) -> None:
    import pyarrow.parquet as pq

    for path in (root / LAKE).glob("date=*/*.parquet"):
        pq.write_table(pq.read_table(path, partitioning=None), path)
        renew_checksum(path)


def _rewrite(root: Path) -> None:
    import pyarrow.parquet as pq

    first = min((root / LAKE).glob("date=*/*.parquet"))
    pq.write_table(pq.ParquetFile(first).read(), first, compression="gzip", store_schema=False)
    renew_checksum(first)
