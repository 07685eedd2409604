from grader.evidence import Evidence
from grader.model import Mismatch, check
from grader.submission import Submission


@check(
    needs=("lake_readable",),
    hint="Parse the event with an explicit schema that has every column of the table, and write them all.",
)
def lake_schema(evidence: Evidence) -> None:
    """Every file has the columns of the orders table, in types that hold them.

    order_id a whole number, amount a decimal, double or string, created_at a timestamp or string; further columns are
    welcome. Rows of a file with another schema are read as null, or stop the reader. A column of text that is null in
    every row of the lake counts as missing, unless Postgres has nothing in it either: the consumer's schema spells the
    field unlike the event does.
    """
    problems = evidence.lake.schema_problems
    if problems:
        raise Mismatch(
            expected="order_id, customer_name, restaurant_name, item, amount, order_status, created_at in every file",
            actual=f"{len(problems)} columns missing or of another type",
            samples=problems[:3],
        )
    empty = [name for name in evidence.lake.null_columns if not _is_empty_at_source(evidence, name)]
    if empty:
        raise Mismatch(
            expected="something in every column of the orders table",
            actual=f"null in every row: {', '.join(empty)}; does the schema spell it as the event does?",
        )


def _is_empty_at_source(evidence: Evidence, name: str) -> bool:
    orders = evidence.database.orders
    if orders is None or name not in orders.column_names:
        return False
    column = orders.column(name)
    return bool(column.null_count == len(column))


@lake_schema.fails
def column_forgotten(submission: Submission) -> None:
    submission.columns = tuple(name for name in submission.columns if name != "amount")


@lake_schema.fails
def order_id_as_text(submission: Submission) -> None:
    submission.types["order_id"] = "string"


@lake_schema.fails(says="null in every row: restaurant_name, item")
def fields_misspelt_in_the_schema(submission: Submission) -> None:
    for row in submission.rows:
        submission.change_in_lake(row.order_id, restaurant_name=None, item=None)


@lake_schema.passes
def column_that_is_null_in_some_files(submission: Submission) -> None:
    for row in submission.batches[0]:
        submission.change(row.order_id, item=None)


@lake_schema.passes
def column_that_is_null_in_postgres_too(submission: Submission) -> None:
    submission.rounds = 0
    for row in submission.rows:
        submission.change(row.order_id, item=None)


@lake_schema.passes
def wider_types(submission: Submission) -> None:
    submission.types.update(order_id="int64", amount="double")


@lake_schema.passes
def everything_as_text(submission: Submission) -> None:
    submission.types.update(amount="string", created_at="string")


@lake_schema.passes
def int96_timestamps(submission: Submission) -> None:
    submission.types["created_at"] = "int96"


@lake_schema.passes
def extra_column(submission: Submission) -> None:
    submission.columns = (*submission.columns, "validation_status")
