from grader.builder import MOMENT, Submission, order
from grader.evidence import Evidence
from grader.evidence.lake import Lake
from grader.evidence.sink_log import path_in_lake
from grader.model import Mismatch, Row, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint="A batch was published or written again after a restart: let the consumer drop repeats by order_id.",
)
def no_duplicate_orders(evidence: Evidence) -> None:
    """Each order is in the lake exactly once.

    Counts every order_id over all files that count, and says which batches wrote it. A producer that is killed between
    publishing and writing its state file sends the batch again, which is right: at-least-once delivery. Dropping the
    repeats is the consumer's part.
    """
    lake = evidence.lake
    repeated = lake.repeated_ids(limit=3)
    if repeated:
        total = lake.figures.distinct_order_ids or 0
        raise Mismatch(
            expected="every order_id once",
            actual=f"{repeated.total} order_ids more than once, {lake.figures.duplicate_rows} rows too many",
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


@no_duplicate_orders.fails(says="1 order_ids more than once, 4 rows too many")
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
