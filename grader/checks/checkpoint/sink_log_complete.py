from pathlib import Path

from configs.wording import counted
from grader.builder import LAKE, MOMENT, Submission, order, renew_checksum
from grader.effects import lost_in, lost_rows, only_other_sizes
from grader.evidence import Evidence
from grader.evidence.comparison import Missing
from grader.evidence.scan import read_footer
from grader.model import Mismatch, NoEvidence, always, check


def _named(evidence: Evidence, missing: Missing) -> bool:
    """Whether the log's gaps, or the files that it left out, can have all missing orders."""
    lake = evidence.lake
    if lake.log is None or lake.folder is None:
        return False
    in_orphans = sum(read_footer(lake.folder, path).rows for path in lake.orphans)
    return missing.total <= in_orphans or (bool(lake.log.gaps) and lost_in(evidence, lake.log.gaps, missing))


@check(
    hint="Never delete files of _spark_metadata: Spark cannot list the lake without them. `make reset` starts over.",
    explains={**lost_rows(_named), "round_rewrote_nothing": only_other_sizes, "no_orphan_files": always},
)
def sink_log_complete(evidence: Evidence) -> None:
    """The sink log names every batch, without a gap.

    Each batch adds a file to _spark_metadata, even if it wrote no rows. Every tenth file is compact: it repeats all
    files before it, so older ones may be deleted.

    - From the latest compact file on, no file may be missing.
    - The compact file must repeat everything that an older file names.

    If the file of a batch is missing, readers that follow the log do not see the rows of this batch.
    """
    log = evidence.lake.log
    if log is None or log.last_batch is None:
        raise NoEvidence("the lake has no _spark_metadata: foreachBatch does not write it")
    if log.gaps:
        shown = ", ".join(map(str, log.gaps[:5]))
        raise Mismatch(
            expected=f"a file of every batch up to {log.last_batch}",
            actual=f"no file of {'batch' if len(log.gaps) == 1 else 'batches'} {shown} in the log",
        )
    if log.dropped:
        raise Mismatch(
            expected="a compact file that repeats all earlier files",
            actual=f"{counted(len(log.dropped), 'file')} left out",
            samples=tuple({"file": path.rpartition("/")[2]} for path in log.dropped[:3]),
        )


@sink_log_complete.fails(also=("no_orphan_files", "round_rewrote_nothing", "round_rows_arrived", "no_missing_orders"))
def log_of_a_batch_deleted(submission: Submission) -> None:
    submission.remove(f"{LAKE}/_spark_metadata/1")


@sink_log_complete.fails
def log_of_an_empty_batch_deleted(submission: Submission) -> None:
    submission.append_batch([])
    submission.append_batch([])
    submission.remove(f"{LAKE}/_spark_metadata/3")


@sink_log_complete.fails(also=("no_orphan_files", "no_missing_orders"))
def compact_file_without_a_line(submission: Submission) -> None:
    _many_batches(submission)
    submission.edit(_drop_line)


@sink_log_complete.passes
def older_log_files_removed_after_compaction(submission: Submission) -> None:
    _many_batches(submission)
    submission.remove(f"{LAKE}/_spark_metadata/[0-8]")
    submission.remove(f"{LAKE}/_spark_metadata/.[0-8].crc")


@sink_log_complete.passes
def batches_without_a_row(submission: Submission) -> None:
    submission.append_batch([])


def _many_batches(submission: Submission) -> None:
    for order_id in range(21, 31):
        rows = [order(order_id, MOMENT)]
        submission.append_batch(rows)
        submission.insert(rows)


def _drop_line(root: Path) -> None:
    path = root / LAKE / "_spark_metadata" / "9.compact"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:4], *lines[5:]]))  # the line of batch 3
    renew_checksum(path)
