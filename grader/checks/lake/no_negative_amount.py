from configs.wording import counted
from grader.builder import Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Keep only rows with `amount >= 0`, and reject NaN too: `NaN >= 0` is true in Spark.",
)
def no_negative_amount(evidence: Evidence) -> None:
    """Every amount in the lake is a number of at least 0.

    Rows with a negative, null, infinite or NaN amount are bad, and the consumer must reject them. Zero may be kept or
    rejected.
    """
    found = evidence.lake.bad_amounts(limit=3)
    if found:
        raise Mismatch(
            expected="every amount >= 0",
            actual=f"{counted(found.total, 'row')} below 0, or not a number",
            samples=found.rows,
        )


@no_negative_amount.fails
def refund_kept(submission: Submission) -> None:
    submission.change(7, amount="-5.00")


@no_negative_amount.fails
def nan_kept(submission: Submission) -> None:
    submission.types["amount"] = "double"
    submission.change(7, amount="NaN")


@no_negative_amount.fails
def infinity_kept(submission: Submission) -> None:
    submission.types["amount"] = "double"
    submission.change(7, amount="inf")


@no_negative_amount.fails
def null_amount_kept(submission: Submission) -> None:
    submission.change(7, amount=None)


@no_negative_amount.fails
def refund_kept_as_text(submission: Submission) -> None:
    submission.types["amount"] = "string"
    submission.change(7, amount="-5.00")


@no_negative_amount.passes
def zero_kept(submission: Submission) -> None:
    submission.change(7, amount="0.00")


@no_negative_amount.passes
def zero_dropped(submission: Submission) -> None:
    submission.change(7, amount="0.00")
    submission.lose(7)
