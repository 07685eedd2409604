from configs.contract import BAD_MESSAGES_RECORD, TriedMessage
from configs.wording import counted
from grader.builder import ROUNDS, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    hint="Parse with from_json in PERMISSIVE mode, and reject what has no order_id, amount or created_at. One bad "
    "message must neither reach the lake nor stop the stream."
)
def round_survived_bad_messages(evidence: Evidence) -> None:
    """No message of round 4 stopped the programs, and no bad one reached their lake.

    `make round4` sends messages that the assignment does not name, such as NaN or JSON that breaks off. It does this
    on a separate lake. After each message it inserts a clean order, which must arrive. An unusual order that is valid,
    such as one with a date in the future, may be written or rejected.
    """
    record = evidence.rounds.bad_messages
    if record is None:
        raise NoEvidence("round 4 was not run; `make round4` does")
    if isinstance(record, str):
        raise Mismatch(expected="a record as `make round4` writes it", actual=record)
    wrong = [
        one
        for one in record.messages
        if one.outcome == "stopped" or (one.must_be_rejected and one.outcome == "in the lake")
    ]
    if wrong:
        error = f". The consumer's last error: {record.error}" if record.error else ""
        raise Mismatch(
            expected="each message rejected, and clean orders after it",
            actual=f"{counted(len(wrong), 'message')} of {len(record.messages)} did harm{error}",
            samples=tuple({"message": one.mistake, "what became of it": one.outcome} for one in wrong[:3]),
        )


def _nan(outcome: str) -> TriedMessage:
    return TriedMessage.model_validate(
        {"mistake": "an amount that is not a number", "order_id": 1000000, "must_be_rejected": True, "outcome": outcome}
    )


_TOMORROW = TriedMessage(
    mistake="a created_at of tomorrow", order_id=1000001, must_be_rejected=False, outcome="in the lake"
)


@round_survived_bad_messages.fails(says="an amount that is not a number")
def nan_of_round_4_kept(submission: Submission) -> None:
    submission.add_round_4(_nan("in the lake"), _TOMORROW)


@round_survived_bad_messages.fails(says="Malformed records are detected")
def stream_stopped_by_a_bad_message(submission: Submission) -> None:
    untried = _TOMORROW.model_copy(update={"outcome": "not tried"})
    submission.add_round_4(_nan("stopped"), untried, error="SparkException: Malformed records are detected")


@round_survived_bad_messages.fails(says="round4.json")
def record_of_round_4_cut_short(submission: Submission) -> None:
    submission.write(f"{ROUNDS}/{BAD_MESSAGES_RECORD}", '{"schema_version": 1, "round": 4, ')


@round_survived_bad_messages.passes
def bad_rejected_and_unusual_kept(submission: Submission) -> None:
    submission.add_round_4(_nan("rejected"), _TOMORROW)
