from configs.contract import COLUMN_NAMES
from configs.wording import counted
from grader.builder import Submission, put_other_data
from grader.evidence import Evidence
from grader.evidence.columns import listed
from grader.model import Mismatch, check

_COLUMNS = ", ".join(COLUMN_NAMES)


@check(
    needs=("lake_readable",),
    hint="Parse the event with an explicit schema that has every column of the table, and write all columns.",
)
def lake_schema(evidence: Evidence) -> None:
    """Every file has the columns of the orders table, in types that can hold their values.

    - order_id: a whole number.
    - amount: a decimal, double or string.
    - created_at: a timestamp or string.
    - More columns are allowed.

    If a file has another schema, its rows are read as null, or the reader stops.
    """
    problems, others = evidence.lake.schema_problems, evidence.lake.other_columns
    if others:
        raise Mismatch(expected=f"the columns of orders: {_COLUMNS}", actual=f"these are not orders: {listed(others)}")
    if problems:
        raise Mismatch(
            expected=f"{_COLUMNS} in every file",
            actual=f"{counted(len(problems), 'column')} missing or of another type",
            samples=problems[:3],
        )


@lake_schema.fails
def column_forgotten(submission: Submission) -> None:
    submission.columns = tuple(name for name in submission.columns if name != "amount")


@lake_schema.fails
def order_id_as_text(submission: Submission) -> None:
    submission.types["order_id"] = "string"


@lake_schema.fails(says="these are not orders: columns trip_id, fare")
def lake_of_other_data(submission: Submission) -> None:
    submission.log = False
    submission.rounds = 0
    submission.edit(put_other_data)


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
