from collections import Counter

from configs.contract import LOAD_RECORD
from configs.wording import counted
from grader.builder import ROUNDS, Submission
from grader.evidence import Evidence
from grader.evidence.load import MEANING, lost_orders
from grader.model import Mismatch, NoEvidence, check


@check(
    hint="In each poll, read the rows once, publish them, and take the new state from the same rows. Read only up to "
    "a time before which no transaction is open. Use FETCH FIRST n ROWS WITH TIES, not LIMIT. Drop repeats by order_id."
)
def load_lost_nothing(evidence: Evidence) -> None:
    """Each order that several writers inserted at the same time is in the lake once.

    `make load` runs the programs on a separate lake, while four writers insert for 20 seconds in transactions of
    different length. Orders that did not reach that lake are grouped by cause:

    - tie: an order with the same created_at was published. A limit cut the tie.
    - late commit: the order was committed after one with a later created_at, which had moved the state past it.
    - between two reads: the order was committed at once, but the state passed it. A poll that reads the table twice,
      to publish and to take the newest created_at, skips what comes between.
    - not published yet: created_at > state when the load ended.
    - published, not in the lake: the consumer dropped the order, or did not come to it.

    By default this is advice. A rubric can give it marks.
    """
    record = evidence.rounds.load
    if record is None:
        raise NoEvidence("there was no load; `make load` runs one")
    if isinstance(record, str):
        raise Mismatch(expected="a record as `make load` writes it", actual=record)
    lost, total = lost_orders(record), len(record.rows)
    if not (lost or record.repeated or record.ended):
        return
    causes = Counter(order.cause for order in lost)
    seen = [f"the {record.ended} ended ({record.error or 'its log names no error'})"] if record.ended else []
    if lost:
        seen.append(f"{len(lost)} lost: {', '.join(f'{count} {cause}' for cause, count in causes.most_common())}")
    if record.repeated:
        seen.append(f"{len(record.repeated)} repeated")
    raise Mismatch(
        expected=f"{counted(total, 'order')} of {record.writers} writers in the lake once",
        actual="; ".join(seen),
        samples=tuple(
            {
                "order_id": order.row.order_id,
                "created_at": order.row.created_at,
                "open": f"{order.row.open_sec:.2f} s",
                "why": MEANING[order.cause],
            }
            for order in lost[:3]
        )
        or tuple({"order_id": order_id, "why": "more than once in the lake"} for order_id in record.repeated[:3]),
        right=total - len({order.row.order_id for order in lost} | set(record.repeated)),
        total=total,
    )


@load_lost_nothing.fails(says="1 lost: 1 tie")
def tie_of_the_load_cut_by_a_limit(submission: Submission) -> None:
    submission.add_load((1, "12:00:01.000000", 0.01), (2, "12:00:01.000000", 0.01), unpublished=(2,))


@load_lost_nothing.fails(says="1 lost: 1 late commit")
def state_moved_past_an_open_transaction(submission: Submission) -> None:
    submission.add_load((1, "12:00:01.000000", 0.4), (2, "12:00:01.200000", 0.01), unpublished=(1,))


@load_lost_nothing.fails(says="1 lost: 1 between two reads")
def newest_created_at_read_again(submission: Submission) -> None:
    submission.add_load((1, "12:00:01.000000", 0.01), (2, "12:00:01.005000", 0.01), unpublished=(1,))


@load_lost_nothing.fails(says="1 lost: 1 not published yet")
def producer_slower_than_the_writers(submission: Submission) -> None:
    submission.add_load(
        (1, "12:00:01.000000", 0.01), (2, "12:00:02.000000", 0.01), unpublished=(2,), state="2025-11-20T12:00:01Z"
    )


@load_lost_nothing.fails(says="1 lost: 1 published, not in the lake")
def consumer_drops_under_load(submission: Submission) -> None:
    submission.add_load((1, "12:00:01.000000", 0.01), (2, "12:00:02.000000", 0.01), unwritten=(1,))


@load_lost_nothing.fails(says="1 repeated")
def order_of_the_load_twice(submission: Submission) -> None:
    submission.add_load((1, "12:00:01.000000", 0.01), (2, "12:00:02.000000", 0.01), repeated=(2,))


@load_lost_nothing.fails(says="the consumer ended (OutOfMemoryError)")
def consumer_ended_under_load(submission: Submission) -> None:
    submission.add_load((1, "12:00:01.000000", 0.01), ended="consumer", error="OutOfMemoryError")


@load_lost_nothing.fails(says="load.json")
def record_of_the_load_cut_short(submission: Submission) -> None:
    submission.write(f"{ROUNDS}/{LOAD_RECORD}", '{"schema_version": 1, ')


@load_lost_nothing.fails(says="load.json: rows.0.created_at")
def time_in_the_record_of_the_load_unreadable(submission: Submission) -> None:
    submission.write(
        f"{ROUNDS}/{LOAD_RECORD}",
        '{"schema_version": 1, "rollnumber": "1", "finished_at": "", "writers": 4, "seconds": 20, "rows": '
        '[{"order_id": 1, "created_at": "9999-12-31T23:59:59-23:00", "open_sec": 1}]}',
    )


@load_lost_nothing.passes
def long_transactions_all_arrived(submission: Submission) -> None:
    submission.add_load((1, "12:00:01.000000", 0.4), (2, "12:00:01.200000", 0.01))
