from configs.wording import counted
from grader.builder import Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("quarantine_readable", "rounds_readable"),
    hint="Send every rejected message to the quarantine, with its raw text. Drop none.",
)
def quarantine_kept_all(evidence: Evidence) -> None:
    """Every bad row that a round sent is in the quarantine.

    Looks for the text of the messages, and for the order_ids of bad rows in Postgres. What is neither in the lake nor
    in the quarantine is lost without a trace.
    """
    sent, messages = evidence.rounds.rejected, evidence.quarantine.messages
    texts = {message.raw for message in messages}
    order_ids = {message.order_id for message in messages}
    lost = [row for row in sent if (row.raw not in texts if row.raw is not None else row.order_id not in order_ids)]
    if lost:
        raise Mismatch(
            expected=f"{counted(len(sent), 'bad row')} of the rounds in the quarantine",
            actual=f"{len(lost)} missing",
            samples=tuple({"sent by": row.round, "what is wrong": row.mistake} for row in lost[:3]),
            right=len(sent) - len(lost),
            total=len(sent),
        )


@quarantine_kept_all.fails(says="JSON that breaks off")
def broken_message_dropped(submission: Submission) -> None:
    submission.add_round_3()
    submission.change_quarantine(lambda rows: rows[:-1])


@quarantine_kept_all.fails(says="a negative amount")
def negative_amount_dropped(submission: Submission) -> None:
    submission.add_round_3()
    submission.change_quarantine(lambda rows: rows[1:])
