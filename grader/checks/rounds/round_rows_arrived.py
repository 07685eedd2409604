from configs.wording import counted
from grader.builder import Submission, pretend_arrival
from grader.effects import rounds_added_too_few
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


def _are_all(evidence: Evidence) -> bool:
    """Whether every missing order of Postgres is one of the rounds."""
    return evidence.missing_of_database.total <= evidence.missing_of_rounds.total


@check(
    needs=("rounds_readable", "lake_readable", "lake_schema"),
    hint="Find the stage where the order stopped: `make status` shows Postgres, topic, batches and lake side by side.",
    explains={"no_missing_orders": _are_all, "round_added_exactly": rounds_added_too_few},
)
def round_rows_arrived(evidence: Evidence) -> None:
    """Every clean row that a round inserted is in the lake.

    Looks for the order_ids in the round records. Missing orders are grouped by cause, as in no_missing_orders, which
    looks at all orders of Postgres. No row counts as backdated: a round creates its rows later than every order in the
    table.
    """
    expected = evidence.rounds.expected
    if not expected:
        raise NoEvidence("no round inserted a row that must arrive")
    found = evidence.missing_of_rounds
    if found:
        raise Mismatch(
            expected=f"{counted(len(expected), 'row')} of the rounds in the lake",
            actual=found.summary,
            samples=tuple({**row, "inserted by": expected[int(str(row["order_id"]))]} for row in found.rows),
            right=len(expected) - found.total,
            total=len(expected),
        )


@round_rows_arrived.fails(also=("no_missing_orders",), says="1 with created_at <= state")
def row_of_round_2_lost(submission: Submission) -> None:
    submission.lose(18)
    submission.revise_rounds(pretend_arrival)


@round_rows_arrived.fails(says="1 with created_at <= state")
def row_lost_and_no_database(submission: Submission) -> None:
    submission.has_database = False
    submission.lose(17)
    submission.revise_rounds(pretend_arrival)


@round_rows_arrived.fails(says="1 with created_at <= state")
def row_of_a_round_that_looks_backdated(submission: Submission) -> None:
    submission.has_database = False
    submission.change(18, created_at="2025-11-18T12:25:00.123456Z")
    submission.lose(18)
    submission.revise_rounds(pretend_arrival)


@round_rows_arrived.fails(says="1 with the created_at of a delivered order")
def tie_cut_in_round_2(submission: Submission) -> None:
    submission.has_database = False
    submission.change(18, created_at="2025-11-19T12:24:17.123456Z")
    submission.lose(18)
    submission.revise_rounds(pretend_arrival)


@round_rows_arrived.passes
def no_rounds_and_no_database(submission: Submission) -> None:
    submission.has_database = False
    submission.rounds = 0
