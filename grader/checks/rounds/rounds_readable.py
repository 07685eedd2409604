from collections.abc import Callable

from configs.contract import RoundRecord, RoundRun
from configs.wording import counted
from grader.builder import CONFIG, ROUNDS, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    hint="Only the rounds may write to this folder. Hand in all of its files. Remove the file named above and run the "
    "round again."
)
def rounds_readable(evidence: Evidence) -> None:
    """Every round record can be read, belongs to this pipeline, and does not contradict itself.

    `state/food/<rollnumber>/rounds/round<N>.json` says what a round inserted, and the state of each stage before and
    after. In a correct record:

    - The table is the config's table.
    - The topic is the config's topic, or one that the consumer read. Letter case does not matter.
    - The inserted rows are the rows that must arrive plus the rows that must be rejected.
    - The table grew by the inserted rows.
    - The lake's rows are the rows of its files.
    - There is a record of every earlier round.

    Any other record was written by hand, belongs to another pipeline, or is older than the config. It proves nothing.
    """
    if evidence.rounds.problems:
        raise Mismatch(
            expected="records as the rounds write them",
            actual=counted(len(evidence.rounds.problems), "wrong record"),
            samples=tuple({"problem": problem} for problem in evidence.rounds.problems[:3]),
        )
    if not evidence.rounds.runs:
        raise NoEvidence("no round was recorded; run `make round1`")


@rounds_readable.fails
def record_cut_short(submission: Submission) -> None:
    submission.write(f"{ROUNDS}/round2.json", '{"schema_version": 1, "round": 2, ')


@rounds_readable.fails(says="round2.json: run 1 has the table 2025em9999999_orders, the config has 2025em1100471")
def record_of_another_student(submission: Submission) -> None:
    other = {"table": "2025em9999999_orders", "topic": "2025em9999999_food_orders_raw"}
    _revise_round_2(submission, lambda run: run.model_copy(update=other))


@rounds_readable.fails(says="run 1 has the topic food_orders_raw, the config has 2025em1100471_food_orders_raw")
def record_of_another_topic(submission: Submission) -> None:
    _revise_round_2(submission, lambda run: run.model_copy(update={"topic": "food_orders_raw"}))


@rounds_readable.fails(says="run 1: the inserted order_ids are not the expected plus the rejected ones")
def lost_row_no_longer_expected(submission: Submission) -> None:
    submission.has_database = False
    submission.lose(18)
    _revise_round_2(
        submission, lambda run: run.model_copy(update={"expected_ids": tuple(set(run.expected_ids) - {18})})
    )


@rounds_readable.fails(says="run 1: the inserted order_ids are not the expected plus the rejected ones")
def lost_row_taken_out_of_those_inserted(submission: Submission) -> None:
    submission.has_database = False
    submission.lose(18)
    _revise_round_2(
        submission,
        lambda run: run.model_copy(update={"inserted": tuple(row for row in run.inserted if row.order_id != 18)}),
    )


@rounds_readable.fails(says="run 1 inserted nothing")
def round_that_did_nothing(submission: Submission) -> None:
    _revise_round_2(
        submission,
        lambda run: run.model_copy(update={"inserted": (), "expected_ids": (), "after": run.before}),
    )


@rounds_readable.fails(says="round2.json: contains no run")
def record_without_a_run(submission: Submission) -> None:
    submission.revise_rounds(lambda records: [records[0], records[1].model_copy(update={"runs": ()})])


@rounds_readable.fails(says="run 1: 5 rows inserted, but the table grew by 0")
def rows_that_are_not_in_postgres(submission: Submission) -> None:
    _revise_round_2(
        submission,
        lambda run: run.model_copy(
            update={"after": run.after.model_copy(update={"postgres_rows": run.before.postgres_rows})}
        ),
    )


@rounds_readable.fails(says="run 1: 1000 rows in the lake before, but 15 in its files")
def lake_rows_that_its_files_do_not_have(submission: Submission) -> None:
    def invent(run: RoundRun) -> RoundRun:
        before = run.before.model_copy(update={"lake_rows": 1000})
        return run.model_copy(update={"before": before, "after": run.after.model_copy(update={"lake_rows": 1005})})

    _revise_round_2(submission, invent)


@rounds_readable.fails(says="round2.json: is missing, but there is a record of a later round")
def record_of_round_2_removed(submission: Submission) -> None:
    submission.add_round_3()
    submission.remove(f"{ROUNDS}/round2.json")


@rounds_readable.passes
def table_quoted_in_the_config_and_in_capitals(submission: Submission) -> None:
    table = "2025em1100471_orders"
    submission.edit(
        lambda root: (root / CONFIG).write_text(
            (root / CONFIG).read_text().replace(f"table: {table}", f"table: 'public.\"{table.upper()}\"'")
        )
    )


@rounds_readable.passes
def roll_number_spelled_differently_when_the_rounds_ran(submission: Submission) -> None:
    submission.revise_rounds(
        lambda records: [record.model_copy(update={"rollnumber": "em1100471"}) for record in records]
    )


@rounds_readable.passes
def round_2_run_twice(submission: Submission) -> None:
    submission.add_round_3()
    submission.revise_rounds(_as_second_run_of_round_2)


@rounds_readable.passes
def round_2_gave_up_before_its_rows_came(submission: Submission) -> None:
    def give_up(run: RoundRun) -> RoundRun:
        after = run.before.model_copy(update={"postgres_rows": run.after.postgres_rows})
        return run.model_copy(update={"complete": False, "after": after})

    _revise_round_2(submission, give_up)


def _as_second_run_of_round_2(records: list[RoundRecord]) -> list[RoundRecord]:
    first, second, third = records
    return [first, second.model_copy(update={"runs": (*second.runs, *third.runs)})]


def _revise_round_2(submission: Submission, change: Callable[[RoundRun], RoundRun]) -> None:
    def revise(records: list[RoundRecord]) -> list[RoundRecord]:
        first, second = records
        return [first, second.model_copy(update={"runs": tuple(change(run) for run in second.runs)})]

    submission.revise_rounds(revise)
