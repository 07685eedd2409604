"""Whether lost or repeated rows can be the result of another mistake. Checks use this in `explains`.

Each function looks for something that the cause cannot have done. If it finds something, there is a second mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from configs.contract import format_timestamp
from grader.evidence import Evidence
from grader.evidence.comparison import Missing
from grader.evidence.orders import moment_us, table_of
from grader.evidence.rewritten import SINCE
from grader.model import Agrees


def lost_rows(covers: Callable[[Evidence, Missing], bool]) -> dict[str, Agrees]:
    """The checks that fail if rows are lost. `covers`: whether the cause can have lost all of these."""
    return {
        "round_rows_arrived": lambda evidence: covers(evidence, evidence.missing_of_rounds),
        "no_missing_orders": lambda evidence: covers(evidence, evidence.missing_of_database),
        "round_added_exactly": rounds_added_too_few,
        "state_matches_newest_order": state_is_of_a_lost_order,
    }


def only_newest(evidence: Evidence, missing: Missing) -> bool:
    """Whether every missing order is newer than the whole lake: nothing arrived after the first lost row."""
    newest = newest_us(evidence)
    return newest is None or missing.oldest_us is None or missing.oldest_us > newest


def lost_in(evidence: Evidence, batches: Iterable[int | None], missing: Missing) -> bool:
    """Whether the messages of these batches that are not in the lake can be all missing orders.

    They can if the number of messages is not known. A batch that is not known either is None.
    """
    rows, read, absent = evidence.rows_in, evidence.checkpoint.messages_in, 0
    for batch in set(batches):
        if batch is None or batch not in read:
            return True
        absent += read[batch] - rows.get(batch, 0)
    return missing.total <= absent


def rounds_added_too_few(evidence: Evidence) -> bool:
    """Whether lost rows can be the reason for the rounds' figures: no round added more rows than it should."""
    return all(item.surplus <= 0 for item in evidence.rounds.runs if item.run.complete)


def rounds_added_too_many(evidence: Evidence) -> bool:
    """Whether rows too many can be the reason: no round added fewer rows than it should."""
    return all(item.surplus >= 0 for item in evidence.rounds.runs if item.run.complete)


def topic_grew(evidence: Evidence) -> bool:
    """Whether each round put its rows on the topic."""
    complete = [item for item in evidence.rounds.runs if item.run.complete and item.run.after.topic_offsets]
    return all(item.topic_growth >= len(item.run.expected_ids) for item in complete)


def only_other_sizes(evidence: Evidence) -> bool:
    """Whether every file that the rounds saw and that changed is gone now, or has another size.

    A damaged lake or log explains that. It does not explain a file with other content, or one that a round rewrote.
    """
    sizes = {**evidence.lake.other_listing, **evidence.lake.listing}
    return all(
        rewrite.when == SINCE and all(sizes[file.path] != file.size for file in rewrite.changed)
        for rewrite in evidence.rewrites
    )


def newest_us(evidence: Evidence) -> int | None:
    """The newest created_at of the lake in microseconds, without the offset of a wrong time zone."""
    newest = evidence.lake.greatest_created_us
    return None if newest is None else newest - (evidence.created_at_shift_us or 0)


def state_us(evidence: Evidence) -> int | None:
    value = evidence.state.value
    return None if value is None else moment_us(format_timestamp(value.timestamp))


def state_is_of_a_lost_order(evidence: Evidence) -> bool:
    """Whether the state is right, and only its order is not in the lake."""
    import pyarrow.compute as pc

    state, newest = state_us(evidence), newest_us(evidence)
    if state is None or (newest is not None and state <= newest):
        return False
    orders, rows = evidence.database.orders, evidence.rounds.expected_orders
    sources = [*([orders] if orders is not None else []), *([table_of(rows)] if rows else [])]
    created = [table.column("created_at") for table in sources if "created_at" in table.column_names]
    return not created or any(pc.any(pc.equal(column, state)).as_py() for column in created)


def first_order_is_repeated(evidence: Evidence) -> bool:
    """Whether the lowest order_id is in the lake more than once, as if a program began again at the first order."""
    repeated = evidence.lake.ids.repeated
    return repeated is not None and repeated.first(1) == evidence.lake.ids.first(1)


def repeats_are_after(evidence: Evidence, moment: int | None) -> bool:
    """Whether every repeated order was created after `moment`: a producer with this state reads these again."""
    import pyarrow.compute as pc

    repeated, orders = evidence.lake.ids.repeated, evidence.lake.orders
    if repeated is None or moment is None:
        return False
    created = orders.column("created_at").filter(repeated.mask(orders.column("order_id")))
    oldest = pc.min(created).as_py()
    return oldest is not None and oldest - (evidence.created_at_shift_us or 0) > moment
