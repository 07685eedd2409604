from configs.wording import counted
from grader.builder import MOMENT, Submission, order
from grader.evidence import Evidence
from grader.evidence.lake import Lake
from grader.evidence.sink_log import path_in_lake
from grader.model import Mismatch, Row, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint="A batch was published or written again after a restart. The consumer must drop duplicates by order_id.",
    explains=("round_added_exactly",),
)
def no_duplicate_orders(evidence: Evidence) -> None:
    """Each order is in the lake exactly once.

    Counts every order_id over all files that count, and names the batches that wrote it. If a producer is killed after
    it published and before it wrote its state file, it sends the batch again. This is correct: at-least-once delivery.
    The consumer has to drop the duplicates.
    """
    lake = evidence.lake
    repeated = lake.repeated_ids(limit=3)
    if repeated:
        total, extra = lake.figures.distinct_order_ids or 0, lake.figures.duplicate_rows or 0
        raise Mismatch(
            expected="every order_id once",
            actual=f"{counted(repeated.total, 'order_id')} more than once, {counted(extra, 'row')} too many",
            samples=tuple(_with_batches(lake, row) for row in repeated.rows),
            right=total - repeated.total,
            total=total,
        )


def _with_batches(lake: Lake, row: Row) -> Row:
    if lake.log is None or lake.folder is None:
        return row
    paths = frozenset(lake.listing)
    batch_of = {
        path_in_lake(file.path, paths, lake.folder): batch
        for batch, files in lake.log.written.items()
        for file in files
    }
    batches = {batch_of.get(path) for path in str(row["files"]).split(", ")}
    known = sorted(batch for batch in batches if batch is not None)
    return {**row, "batches": ", ".join(map(str, known))} if known else row


@no_duplicate_orders.fails(says="batches 2, 3")
def batch_published_twice(submission: Submission) -> None:
    submission.append_batch(submission.rows[-5:])


@no_duplicate_orders.fails(says="batches 3")
def row_twice_in_one_batch(submission: Submission) -> None:
    submission.append_batch([order(21, MOMENT), order(21, MOMENT)])
    submission.insert([order(21, MOMENT)])


@no_duplicate_orders.fails(says="20 order_ids more than once")
def whole_topic_read_again(submission: Submission) -> None:
    submission.append_batch(submission.rows)


@no_duplicate_orders.fails(says="1 order_id more than once, 4 rows too many")
def last_row_sent_at_every_poll(submission: Submission) -> None:
    for _ in range(4):
        submission.append_batch(submission.rows[19:20])


@no_duplicate_orders.fails(says="files")
def repeats_in_a_lake_without_a_log(submission: Submission) -> None:
    submission.log = False
    submission.append_batch(submission.rows[-5:])


@no_duplicate_orders.fails
def order_updated_and_sent_again(submission: Submission) -> None:
    submission.append_batch([submission.rows[3].model_copy(update={"order_status": "DELIVERED"})])


@no_duplicate_orders.passes
def equal_content_under_two_order_ids(submission: Submission) -> None:
    rows = [submission.rows[3].model_copy(update={"order_id": 21})]
    submission.insert(rows)
    submission.append_batch(rows)
