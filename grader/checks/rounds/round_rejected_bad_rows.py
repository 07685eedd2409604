from datetime import timedelta

from configs.wording import counted
from grader.builder import MOMENT, Submission, order
from grader.effects import rounds_added_too_many
from grader.evidence import Evidence
from grader.evidence.comparison import altered
from grader.evidence.rounds import Rejected
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("rounds_readable", "lake_readable", "lake_schema"),
    hint="Reject what the record calls bad: a negative amount, NaN, an order_id that is text or missing, cut JSON.",
    explains={
        "no_negative_amount": lambda evidence: _bad_amounts(evidence) <= _kept_of_table(evidence),
        "no_null_order_id": lambda evidence: evidence.lake.null_ids(limit=0).total <= _sent_without_an_id(evidence),
        "round_added_exactly": rounds_added_too_many,
        "values_match_database": lambda evidence: _altered_orders(evidence) <= _kept_of_table(evidence),
    },
)
def round_rejected_bad_rows(evidence: Evidence) -> None:
    """No bad row that a round sent is in the lake.

    Looks for the order_ids of the bad rows and messages in the round records. This includes order_ids that only a
    lenient parser can read. no_null_order_id and round_added_exactly find a bad message without an order_id. Only round
    3 sends bad rows.
    """
    bad = _bad(evidence)
    if not bad:
        raise NoEvidence("no round sent a bad row; `make round3` does")
    found = _kept(evidence)
    if found:
        raise Mismatch(
            expected=f"none of {counted(len(bad), 'bad row')}",
            actual=f"{len(found)} in the lake",
            samples=tuple(
                {"order_id": order_id, "sent by": bad[order_id].round, "what is wrong": bad[order_id].mistake}
                for order_id in found[:3]
            ),
            right=len(bad) - len(found),
            total=len(bad),
        )


def _bad(evidence: Evidence) -> dict[int, Rejected]:
    """order_id -> the bad row or message that a round sent."""
    return {row.order_id: row for row in evidence.rounds.rejected if row.order_id is not None}


def _kept(evidence: Evidence) -> list[int]:
    return sorted(evidence.lake.ids.those_of(_bad(evidence)))


def _kept_of_table(evidence: Evidence) -> int:
    """How many of them are rows of Postgres: only these have a bad amount."""
    return sum(_bad(evidence)[order_id].raw is None for order_id in _kept(evidence))


def _sent_without_an_id(evidence: Evidence) -> int:
    return sum(row.order_id is None for row in evidence.rounds.rejected)


def _bad_amounts(evidence: Evidence) -> int:
    """The bad amounts of the lake, without those of messages that have no order_id: no_null_order_id counts them."""
    return evidence.lake.bad_amounts(limit=0).total - evidence.lake.null_ids(limit=0).total


def _altered_orders(evidence: Evidence) -> int:
    pair, shift = evidence.database_diff, evidence.created_at_shift_us or 0
    return altered(pair, evidence.lake, limit=0, shift_us=shift, status_moves=True).orders if pair else 0


def _deliver(submission: Submission, order_id: int, amount: str) -> None:
    submission.add_round_3()
    submission.has_quarantine = False
    created_at = MOMENT - timedelta(hours=23) + timedelta(seconds=order_id % 1000)  # as the row has it in Postgres
    submission.batches[3].append(order(order_id, created_at, amount=amount))


@round_rejected_bad_rows.fails(also=("no_negative_amount", "round_added_exactly"), says="a negative amount")
def negative_amount_of_round_3_kept(submission: Submission) -> None:
    _deliver(submission, 26, "-126.50")


@round_rejected_bad_rows.fails(also=("no_negative_amount", "round_added_exactly"), says="not a number")
def nan_of_round_3_kept(submission: Submission) -> None:
    submission.types["amount"] = "double"
    _deliver(submission, 27, "NaN")


@round_rejected_bad_rows.fails(also=("round_added_exactly",), says="an order_id that is text")
def text_taken_for_an_order_id(submission: Submission) -> None:
    _deliver(submission, 1000027, "127.50")


@round_rejected_bad_rows.fails(also=("round_added_exactly",), says="JSON that breaks off")
def broken_message_half_parsed(submission: Submission) -> None:
    _deliver(submission, 2000027, "127.50")


@round_rejected_bad_rows.fails(says="an order_id that is text")
def bad_message_let_in_after_the_round(submission: Submission) -> None:
    _deliver(submission, 1000027, "127.50")
    submission.append_batch([submission.batches[3].pop()])


@round_rejected_bad_rows.fails(says="a negative amount", also=("round_added_exactly", "values_match_database"))
def negative_amount_made_positive(submission: Submission) -> None:
    _deliver(submission, 26, "126.50")


@round_rejected_bad_rows.passes
def round_3_of_a_reference_pipeline(submission: Submission) -> None:
    submission.add_round_3()


@round_rejected_bad_rows.passes
def bad_rows_dropped_without_a_quarantine(submission: Submission) -> None:
    submission.add_round_3()
    submission.has_quarantine = False
