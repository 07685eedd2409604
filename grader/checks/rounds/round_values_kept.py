from grader.builder import Submission
from grader.evidence import Evidence
from grader.evidence.comparison import altered
from grader.model import Mismatch, NoEvidence, check


def _are_all(evidence: Evidence) -> bool:
    """Whether every altered order is one of the rounds."""
    pairs, shift = (evidence.rounds_diff, evidence.database_diff), evidence.created_at_shift_us or 0
    of_rounds, of_database = (
        altered(pair, evidence.lake, limit=0, shift_us=shift).orders if pair is not None else 0 for pair in pairs
    )
    return of_database <= of_rounds


@check(
    needs=("rounds_readable", "lake_readable", "lake_schema"),
    hint="Parse with the types of the table, and write the parsed values. See the column and both values above.",
    explains={"values_match_database": _are_all},
)
def round_values_kept(evidence: Evidence) -> None:
    """The rows of the rounds arrived with the values that were inserted.

    Compares every column: created_at to the precision that the lake keeps, amounts to the cent. If all created_at
    differ by the same offset, only no_time_shift fails.
    """
    pair = evidence.rounds_diff
    if pair is None:
        raise NoEvidence("no round inserted a row that must arrive")
    found = altered(pair, evidence.lake, limit=3, shift_us=evidence.created_at_shift_us or 0)
    if found:
        raise Mismatch(
            expected="every value as it was inserted",
            actual=found.summary,
            samples=found.rows,
            right=found.compared - found.orders,
            total=found.compared,
        )


@round_values_kept.fails(also=("values_match_database",))
def item_renamed_on_the_way(submission: Submission) -> None:
    submission.change_in_lake(17, item="Soup")


@round_values_kept.fails(says="order_status 1")
def status_of_another_order(submission: Submission) -> None:
    submission.change_in_lake(17, order_status="CANCELLED")


@round_values_kept.fails
def amount_of_a_round_rounded_and_no_database(submission: Submission) -> None:
    submission.has_database = False
    submission.change_in_lake(17, amount="118.00")


@round_values_kept.fails(also=("values_match_database",))
def shifted_by_an_hour(submission: Submission) -> None:
    submission.change_in_lake(17, created_at="2025-11-19T11:24:17.123456Z")
