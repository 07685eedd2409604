from pathlib import Path

from configs.wording import counted
from grader.builder import LAKE, MOMENT, Submission, leave_orphan, logged_files, order, remove_with_checksum
from grader.effects import lost_in, lost_rows, only_other_sizes
from grader.evidence import Evidence
from grader.evidence.checksum import sidecar
from grader.evidence.comparison import Missing
from grader.model import Mismatch, NoEvidence, check


def _were_in_these_files(evidence: Evidence, missing: Missing) -> bool:
    """Whether the batches whose files or log changed can have had all missing orders."""
    lake = evidence.lake
    if lake.log is None or lake.log.problems:
        return True
    wrong = {*lake.missing, *(file.path for file in lake.resized)}
    batches = {lake.batch_of.get(path) for path in wrong}
    batches |= {int(name.partition(".")[0]) for name in lake.log.stale_checksums}
    return lost_in(evidence, batches, missing)


def _are_resized(evidence: Evidence) -> bool:
    """Whether each file of another program has another size than Spark logged."""
    resized = {file.path for file in evidence.lake.resized}
    return all(footer.path in resized for footer in evidence.lake.footers if footer.spark_version is None)


@check(
    hint="Never delete or rewrite files of the lake by hand: Spark's log still names them. `make reset` starts over.",
    explains={
        **lost_rows(_were_in_these_files),
        "round_rewrote_nothing": only_other_sizes,
        "written_by_spark": _are_resized,
    },
)
def sink_log_agrees(evidence: Evidence) -> None:
    """The lake's files are those that Spark's sink log names, with the sizes that it names.

    Reads _spark_metadata: the latest compact file and every later batch. Spark reads the lake by this log, and fails if
    a file is missing. A file with another size was changed after Spark wrote it. The check skips a lake without a log.
    """
    lake = evidence.lake
    if not lake.exists:
        raise NoEvidence("there is no lake")
    if lake.log is None:
        raise NoEvidence("the lake has no _spark_metadata: foreachBatch does not write it")
    if lake.log.problems:
        raise Mismatch(
            expected="a sink log that can be read",
            actual=lake.log.problems[0],
            samples=tuple({"problem": problem} for problem in lake.log.problems[:3]),
        )
    if lake.missing:
        raise Mismatch(
            expected="every file that the log names",
            actual=f"{len(lake.missing)} missing",
            samples=tuple({"file": path} for path in lake.missing[:3]),
        )
    if lake.resized:
        raise Mismatch(
            expected="every file as Spark wrote it",
            actual=f"{counted(len(lake.resized), 'file')} with another size",
            samples=tuple(
                {"file": file.path, "logged": file.logged.size if file.logged else None, "found": file.size}
                for file in lake.resized[:3]
            ),
        )
    if lake.log.stale_checksums:
        raise Mismatch(
            expected="a sink log as Spark wrote it",
            actual=f"edited by hand: {', '.join(lake.log.stale_checksums[:3])}",
        )


@sink_log_agrees.fails(also=("round_rewrote_nothing", "round_rows_arrived", "no_missing_orders", "state_moved_forward"))
def file_deleted(submission: Submission) -> None:
    submission.edit(lambda root: min((root / LAKE).glob("date=2025-11-19/*.parquet")).unlink())
    submission.state = "2025-11-18T14:24:15.123456Z"


@sink_log_agrees.fails(also=("round_rewrote_nothing", "written_by_spark"))
def file_rewritten_by_hand(submission: Submission) -> None:
    submission.edit(_rewrite)


@sink_log_agrees.fails
def log_edited_by_hand(submission: Submission) -> None:
    submission.edit(lambda root: _append(root / LAKE / "_spark_metadata" / "2"))


@sink_log_agrees.fails(says="edited by hand: 3")
def repeats_taken_out_of_log_and_lake(submission: Submission) -> None:
    submission.append_batch(submission.batches[2])
    submission.edit(_hide_batch_3)


@sink_log_agrees.fails(also=("round_rewrote_nothing", "round_rows_arrived", "no_missing_orders", "state_moved_forward"))
def file_deleted_and_log_moved(submission: Submission) -> None:
    file_deleted(submission)
    log_moved_out_of_the_lake(submission)


@sink_log_agrees.passes
def compacted_log(submission: Submission) -> None:
    for order_id in range(21, 31):
        rows = [order(order_id, MOMENT)]
        submission.append_batch(rows)
        submission.insert(rows)


@sink_log_agrees.passes
def log_moved_out_of_the_lake(submission: Submission) -> None:
    submission.edit(lambda root: (root / LAKE / "_spark_metadata").rename(root / "spark_metadata"))


@sink_log_agrees.passes(advice=("no_orphan_files",))
def log_moved_and_a_crash_before_it_was_written(submission: Submission) -> None:
    submission.edit(leave_orphan)
    log_moved_out_of_the_lake(submission)


@sink_log_agrees.passes
def moved_lake(submission: Submission) -> None:
    submission.edit(_forget_old_place)


def _rewrite(root: Path) -> None:
    import pyarrow.parquet as pq

    first = min((root / LAKE).glob("date=*/*.parquet"))
    table = pq.ParquetFile(first).read()
    pq.write_table(table, first, compression="gzip", store_schema=False)


def _hide_batch_3(root: Path) -> None:
    path = root / LAKE / "_spark_metadata" / "3"
    remove_with_checksum(*logged_files(path))
    path.write_text("v1")
    sidecar(path).unlink()


def _append(path: Path) -> None:
    path.write_text(path.read_text() + "\n")


def _forget_old_place(root: Path) -> None:
    for path in (root / LAKE / "_spark_metadata").glob("[0-9]*"):
        path.write_text(path.read_text().replace(root.absolute().as_uri(), "file:///somewhere%20else"))
        sidecar(path).unlink(missing_ok=True)
