from grader.evidence import Evidence
from grader.evidence.comparison import altered, source
from grader.model import Mismatch, check
from grader.submission import Submission


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Parse with the table's types and write what was parsed; keep UTC and six digits in every timestamp.",
)
def values_match_database(evidence: Evidence) -> None:
    """Every order in the lake has the values that Postgres has.

    Compares every column of every order that both have, created_at to the precision that the lake keeps, amounts to the
    cent. Needs the database.
    """
    found = altered(source(evidence), evidence.lake, limit=3)
    if found:
        raise Mismatch(expected="every value as in Postgres", actual=f"{found.total} values differ", samples=found.rows)


@values_match_database.fails
def amount_altered(submission: Submission) -> None:
    submission.change_in_lake(4, amount="104.60")


@values_match_database.fails
def name_lost(submission: Submission) -> None:
    submission.change_in_lake(4, customer_name=None)


@values_match_database.fails
def times_cut_to_seconds_in_one_row(submission: Submission) -> None:
    submission.change_in_lake(4, created_at="2025-11-18T12:28:00.000000Z")


@values_match_database.passes
def lake_keeps_milliseconds(submission: Submission) -> None:
    submission.types["created_at"] = "ms"
