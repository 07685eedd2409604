from grader.builder import Submission
from grader.evidence import Evidence
from grader.evidence.orders import MILLISECOND_US, unit_us
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Give to_json the timestampFormat yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX. Its default keeps only three digits.",
)
def keeps_microseconds(evidence: Evidence) -> None:
    """created_at in the lake is as precise as in Postgres.

    If all times are whole milliseconds or seconds, and those of Postgres or the rounds are not, they lost digits in the
    JSON. Orders in the same millisecond then have equal times. A state that lost the same digits
    is before its own row, and the producer sends this row again at every poll. The assignment allows it.
    """
    finest = min(
        (unit_us(pair.left.column("created_at")) for pair in evidence.pairs if pair.left.num_rows), default=None
    )
    if finest is None:
        raise NoEvidence("there is no database and no round record to compare created_at with")
    kept = evidence.lake.created_at_unit_us
    if finest < kept:
        raise Mismatch(
            expected="six digits after the second",
            actual=f"only whole {'milliseconds' if kept == MILLISECOND_US else 'seconds'}",
        )


@keeps_microseconds.fails(says="milliseconds")
def json_with_three_digits(submission: Submission) -> None:
    submission.types["created_at"] = "ms"


@keeps_microseconds.fails(says="seconds")
def json_without_digits(submission: Submission) -> None:
    for row in submission.rows:
        submission.change_in_lake(row.order_id, created_at=f"{row.created_at[:19]}.000000Z")


@keeps_microseconds.fails
def three_digits_and_no_database(submission: Submission) -> None:
    submission.has_database = False
    submission.types["created_at"] = "ms"


@keeps_microseconds.passes
def orders_at_whole_seconds(submission: Submission) -> None:
    for row in submission.rows:
        submission.change(row.order_id, created_at=f"{row.created_at[:19]}.000000Z")
