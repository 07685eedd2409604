from grader.builder import Submission
from grader.evidence import Evidence
from grader.evidence.orders import MILLISECOND_US, unit_us
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Give to_json the timestampFormat yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX: its default keeps three digits.",
)
def keeps_microseconds(evidence: Evidence) -> None:
    """created_at in the lake is as fine as Postgres has it.

    Times that are all whole milliseconds or seconds, where those of Postgres or of the rounds are finer, have lost
    digits in the JSON. Orders of one millisecond can then not be told apart, and a state cut the same way lies below
    the row it stands for, which is sent again at every poll. The hand-out allows it.
    """
    finest = min(
        (unit_us(pair.left.column("created_at")) for pair in evidence.pairs if pair.left.num_rows), default=None
    )
    if finest is None:
        raise NoEvidence("neither the database nor a round's record to compare created_at with")
    kept = evidence.lake.created_at_unit_us
    if finest < kept:
        raise Mismatch(
            expected="six digits after the second",
            actual=f"whole {'milliseconds' if kept == MILLISECOND_US else 'seconds'} only",
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
