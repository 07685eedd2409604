from configs.contract import RoundRecord
from configs.wording import counted
from grader.builder import Submission, with_lake_rows
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("rounds_readable",),
    hint="Too many rows: they are duplicates, or bad rows that the consumer must reject. Too few rows: some are lost.",
)
def round_added_exactly(evidence: Evidence) -> None:
    """Each round added exactly its clean rows to the lake: +5 for five rows.

    Compares the lake's rows before and after each run that the records mark as complete. If the lake was still empty,
    the first run may also add rows that were in Postgres before.
    """
    complete = [item for item in evidence.rounds.runs if item.run.complete]
    if not complete:
        raise NoEvidence("no round ended with all its rows in the lake")
    for item in complete:
        before, after = item.run.before.lake_rows, item.run.after.lake_rows
        if item.surplus:
            raise Mismatch(
                expected=f"+{counted(len(item.run.expected_ids), 'row')} in {item.name}",
                actual=f"{after - before:+} ({before} before, {after} after)",
            )


@round_added_exactly.fails
def six_for_five(submission: Submission) -> None:
    submission.revise_rounds(_one_more)


@round_added_exactly.passes
def base_rows_come_along(submission: Submission) -> None:
    submission.revise_rounds(_from_nothing)


def _one_more(records: list[RoundRecord]) -> list[RoundRecord]:
    first, second = records
    (run,) = second.runs
    return [first, with_lake_rows(second, run.after.lake_rows + 1)]


def _from_nothing(records: list[RoundRecord]) -> list[RoundRecord]:
    first, second = records
    (run,) = first.runs
    nothing = {"lake_rows": 0, "lake_files": (), "last_offset_batch": None, "last_commit_batch": None, "state": None}
    before = run.before.model_copy(update=nothing)
    return [first.model_copy(update={"runs": (run.model_copy(update={"before": before}),)}), second]
