import shutil
from pathlib import Path

from configs.wording import counted
from grader.builder import CHECKPOINT, MOMENT, Submission, order
from grader.effects import rounds_added_too_many
from grader.evidence import Evidence
from grader.evidence.lake import Lake
from grader.model import Mismatch, Row, check
from grader.spark_files import CheckpointWriter

_NEARLY_ALL = 0.9  # of the orders; those of the last poll are there once
_SEND_ONCE = "Write the state after each publish, and read only `created_at > state`."
_DROP = "The consumer must drop duplicates by order_id."


def _are_the_surplus(evidence: Evidence) -> bool:
    """Whether the rounds added too many rows, and not more than the duplicates."""
    surplus = sum(item.surplus for item in evidence.rounds.runs if item.run.complete)
    return rounds_added_too_many(evidence) and surplus <= (evidence.lake.figures.duplicate_rows or 0)


@check(
    needs=("lake_readable", "lake_schema"),
    hint=f"The batches above show which program delivered twice. {_DROP}",
    explains={"round_added_exactly": _are_the_surplus},
)
def no_duplicate_orders(evidence: Evidence) -> None:
    """Each order is in the lake exactly once.

    Counts every order_id over all files that count, and names the batches that wrote it. The next step depends on which
    orders are repeated, and how often:

    - Nearly all, many times: the producer sends the whole table at every poll.
    - Nearly all, twice: the consumer read the topic again, or the producer sent the whole table again.
    - A few, many times: the producer reads its newest rows at every poll.
    - A range of orders, twice: one batch was delivered again after a restart. If a producer is killed after it
      published and before it wrote its state file, it sends the batch again. This is correct: at-least-once delivery.

    In each case the consumer has to drop the duplicates.
    """
    lake = evidence.lake
    repeated = lake.repeated_ids(limit=3)
    if repeated:
        total, extra = lake.figures.distinct_order_ids or 0, lake.figures.duplicate_rows or 0
        what, hint = _pattern(evidence, repeated.total, extra)
        raise Mismatch(
            expected="every order_id once",
            actual=f"{counted(repeated.total, 'order_id')} more than once, {counted(extra, 'row')} too many{what}",
            samples=tuple(_with_batches(lake, row) for row in repeated.rows),
            right=total - repeated.total,
            total=total,
            hint=hint,
        )


def _pattern(evidence: Evidence, repeated: int, extra: int) -> tuple[str, str]:
    """What the duplicates look like, and the next step. `repeated` orders have `extra` rows too many."""
    lake = evidence.lake
    times = round(extra / repeated) + 1
    is_nearly_all = repeated > 1 and repeated >= _NEARLY_ALL * (lake.figures.distinct_order_ids or 0)
    if is_nearly_all and times > 2:
        return (
            f": nearly every order, about {times} times each",
            f"The producer sends the whole table at every poll. {_SEND_ONCE} {_DROP}",
        )
    if is_nearly_all:
        return ": nearly every order twice", f"{_who_sent_all_again(evidence)} {_DROP}"
    if times > 2:
        return (
            f": few orders, about {times} times each",
            "The producer reads its newest rows again at every poll. Read `created_at > state`, not >=, and keep all "
            f"six digits in the state. {_DROP}",
        )
    if _is_range(lake, repeated):
        return (
            ", all next to each other",
            "One batch was delivered again, as after a restart. That is correct for a producer (at-least-once "
            f"delivery). {_DROP}",
        )
    return "", no_duplicate_orders.hint


def _who_sent_all_again(evidence: Evidence) -> str:
    """If the lake has more rows than the consumer read messages, the producer did not send them."""
    consumer = "The consumer read the topic again. Keep its checkpoint, and give it the same one at each start."
    producer = f"The producer sent the whole table again. Keep its state file. {_SEND_ONCE}"
    read = evidence.checkpoint.messages_read
    if read is None:
        return f"{consumer} Or: {producer}"
    return consumer if read < (evidence.lake.figures.rows or 0) else producer


def _is_range(lake: Lake, repeated: int) -> bool:
    """Whether no order between the first and the last repeated one is there only once."""
    ids = lake.ids.repeated
    if ids is None or repeated < 2:
        return False
    every, some = lake.ids.ids(), ids.ids()
    return int(((every >= some[0]) & (every <= some[-1])).sum()) == repeated


def _with_batches(lake: Lake, row: Row) -> Row:
    batches = {lake.batch_of.get(path) for path in str(row["files"]).split(", ")}
    known = sorted(batch for batch in batches if batch is not None)
    return {**row, "batches": ", ".join(map(str, known))} if known else row


@no_duplicate_orders.fails(says="5 order_ids more than once, 5 rows too many, all next to each other")
def batch_published_twice(submission: Submission) -> None:
    submission.append_batch(submission.rows[-5:])


@no_duplicate_orders.fails(says="batches 3")
def row_twice_in_one_batch(submission: Submission) -> None:
    submission.append_batch([order(21, MOMENT), order(21, MOMENT)])
    submission.insert([order(21, MOMENT)])


@no_duplicate_orders.fails(says="20 rows too many: nearly every order twice")
def whole_table_sent_again(submission: Submission) -> None:
    submission.append_batch(submission.rows)


@no_duplicate_orders.fails(says="240 rows too many: nearly every order, about 13 times each")
def whole_table_sent_at_every_poll(submission: Submission) -> None:
    table = submission.rows
    for _ in range(12):
        submission.append_batch(table)


@no_duplicate_orders.fails(also=("offsets_add_up",), says="20 rows too many: nearly every order twice")
def topic_read_again_without_the_checkpoint(submission: Submission) -> None:
    submission.log, submission.rounds = False, 0
    submission.append_batch(submission.rows)
    submission.edit(lambda root: _start_over(root, submission.topic))


def _start_over(root: Path, topic: str) -> None:
    """The checkpoint of a consumer that read the 20 messages of the topic in its first batch."""
    shutil.rmtree(root / CHECKPOINT)
    checkpoint = CheckpointWriter(root / CHECKPOINT, topic)
    checkpoint.begin("5bb1f1d8-a189-5f39-a8ce-866ffec102e5", {0: 0, 1: 0, 2: 0})
    checkpoint.plan(0, {0: 7, 1: 7, 2: 6})
    checkpoint.commit(0)


@no_duplicate_orders.fails(says="1 order_id more than once, 4 rows too many: few orders, about 5 times each")
def last_row_sent_at_every_poll(submission: Submission) -> None:
    for _ in range(4):
        submission.append_batch(submission.rows[19:20])


@no_duplicate_orders.fails(says="files")
def repeats_in_a_lake_without_a_log(submission: Submission) -> None:
    submission.log = False
    submission.append_batch(submission.rows[-5:])


@no_duplicate_orders.fails
def order_updated_and_sent_again(submission: Submission) -> None:
    submission.append_batch([submission.rows[3].model_copy(update={"order_status": "DELIVERED"})])


@no_duplicate_orders.passes
def equal_content_under_two_order_ids(submission: Submission) -> None:
    rows = [submission.rows[3].model_copy(update={"order_id": 21})]
    submission.insert(rows)
    submission.append_batch(rows)
