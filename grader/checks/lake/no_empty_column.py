from grader.builder import Submission
from grader.evidence import Evidence
from grader.evidence.comparison import Pair, altered
from grader.model import Mismatch, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Spell every field of the consumer's schema as in the event: from_json reads any other field as null.",
    explains={
        "round_values_kept": lambda evidence: _differs_only_there(evidence, evidence.rounds_diff),
        "values_match_database": lambda evidence: _differs_only_there(evidence, evidence.database_diff),
    },
)
def no_empty_column(evidence: Evidence) -> None:
    """No text column is null in every row of the lake.

    If the schema spells a field in another way than the event, its column is silently null in every row. A column that
    is null in Postgres too does not count. order_id, amount and created_at have their own checks.
    """
    empty = [name for name in evidence.lake.null_columns if not _is_empty_at_source(evidence, name)]
    if empty:
        raise Mismatch(expected="values in every text column", actual=f"null in every row: {', '.join(empty)}")


def _differs_only_there(evidence: Evidence, pair: Pair | None) -> bool:
    if pair is None:
        return False
    shift = evidence.created_at_shift_us or 0
    found = altered(pair, evidence.lake, limit=0, shift_us=shift, status_moves=pair is evidence.database_diff)
    return set(found.columns) <= set(evidence.lake.null_columns)


def _is_empty_at_source(evidence: Evidence, name: str) -> bool:
    orders = evidence.database.orders
    if orders is None or name not in orders.column_names:
        return False
    column = orders.column(name)
    return bool(column.null_count == len(column))


@no_empty_column.fails(
    also=("values_match_database", "round_values_kept"), says="null in every row: restaurant_name, item"
)
def fields_misspelt_in_the_schema(submission: Submission) -> None:
    for row in submission.rows:
        submission.change_in_lake(row.order_id, restaurant_name=None, item=None)


@no_empty_column.fails
def field_misspelt_and_neither_database_nor_rounds(submission: Submission) -> None:
    submission.has_database, submission.rounds = False, 0
    for row in submission.rows:
        submission.change_in_lake(row.order_id, customer_name=None)


@no_empty_column.passes
def column_that_is_null_in_some_files(submission: Submission) -> None:
    for row in submission.batches[0]:
        submission.change(row.order_id, item=None)


@no_empty_column.passes
def column_that_is_null_in_postgres_too(submission: Submission) -> None:
    submission.rounds = 0
    for row in submission.rows:
        submission.change(row.order_id, item=None)
