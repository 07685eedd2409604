"""The pitfalls: where the reference differs from the naive baseline, in the order of docs/student.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["lost", "repeated", "unaccounted"]  # as the drills count it; of messages, if unaccounted


@dataclass(frozen=True)
class Pitfall:
    """A mistake of the naive baseline. Its page is docs/pitfalls/<name>.md, its text lessons/<name>.md.j2.

    `place`: the file of the reference that stops it. `does`: how. `without`: what happens otherwise. `drill`: shows it
    on the naive baseline, as `kind`. `check`: what the grader fails on such a lake, with its `example`.
    """

    name: str
    title: str
    place: str
    does: str
    without: str
    drill: str
    kind: Kind
    check: str
    example: str


PITFALLS = (
    Pitfall(
        name="maximum_after_publish",
        title="The maximum is taken after the publish",
        place="producers/orders_batch.py",
        does="fixes the batch's last timestamp once, before it reads the rows",
        without="rows that arrive between publishing and taking the maximum are never read",
        drill="rows_between_publish_and_max",
        kind="lost",
        check="no_missing_orders",
        example="rows_between_two_reads_skipped",
    ),
    Pitfall(
        name="late_commit",
        title="A row commits late",
        place="producers/horizon.py",
        does="reads only below the oldest open transaction",
        without="a row that commits late is below the state and is never read",
        drill="late_commit",
        kind="lost",
        check="load_lost_nothing",
        example="state_moved_past_an_open_transaction",
    ),
    Pitfall(
        name="ties_at_the_limit",
        title="A limit cuts equal timestamps",
        place="producers/orders_batch.py",
        does="`FETCH FIRST n ROWS WITH TIES`",
        without="a limit cuts a run of equal timestamps in two",
        drill="ties_at_the_limit",
        kind="lost",
        check="no_missing_orders",
        example="tie_cut_by_a_limit",
    ),
    Pitfall(
        name="state_written_in_place",
        title="The state file is written in place",
        place="producers/state_file.py",
        does="temporary file, fsync, rename, fsync of the folder",
        without="a kill leaves an empty state",
        drill="producer_killed_in_state_write",
        kind="repeated",
        check="state_readable",
        example="empty_state",
    ),
    Pitfall(
        name="repeats_appended",
        title="A repeated batch is appended again",
        place="consumers/orders_stream_consumer.py",
        does="drops repeats by order_id, in a state store",
        without="a crash between publishing and the state repeats a batch",
        drill="producer_killed_after_publish",
        kind="repeated",
        check="no_duplicate_orders",
        example="batch_published_twice",
    ),
    Pitfall(
        name="bad_rows_filtered_out",
        title="Bad rows are filtered out silently",
        place="consumers/order_events.py",
        does="gives each bad message a reason",
        without="a bad row disappears without a trace",
        drill="bad_orders",
        kind="unaccounted",
        check="quarantine_kept_all",
        example="negative_amount_dropped",
    ),
    Pitfall(
        name="checkpoint_deleted",
        title="The checkpoint is deleted and the lake is kept",
        place="consumers/start_checks.py",
        does="compares lake, checkpoint and topic at start",
        without="Spark skips batches silently",
        drill="checkpoint_deleted",
        kind="lost",
        check="sink_log_not_ahead",
        example="checkpoint_deleted_and_lake_kept",
    ),
)


def table(pitfalls: Sequence[Pitfall], folder: str) -> str:
    """The table of docs/student.md. `folder`: of the pages, from where the table is."""
    rows = [f"| `{item.place}` | {item.does} | [{item.without}]({folder}{item.name}.md) |" for item in pitfalls]
    return "\n".join(["| in | what it does | without it |", "|---|---|---|", *rows])
