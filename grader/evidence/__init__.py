"""The files and tables of a pipeline, read-only. Everything is read once, when a check first needs it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from configs.contract import StateValue, format_timestamp
from grader.evidence.checkpoint import Checkpoint
from grader.evidence.comparison import Missing, Pair, clean, missing, side_by_side, source
from grader.evidence.config import Config
from grader.evidence.conservation import Account, account, batch_accounts
from grader.evidence.created_at import shift_us
from grader.evidence.database import Database
from grader.evidence.lake import Lake
from grader.evidence.locations import Locations, locate
from grader.evidence.orders import table_of
from grader.evidence.quarantine import Quarantine, find_quarantine
from grader.evidence.rewritten import Rewrite, rewrites
from grader.evidence.rounds import Rounds
from grader.evidence.state import State
from grader.mismatch import Fact, Mismatch


@dataclass(frozen=True)
class Evidence:
    """What the checks can see of a submission, or of the project itself."""

    config: Config
    database: Database

    @cached_property
    def locations(self) -> Locations:
        return locate(self.config)

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.locations.lake, self.config.boundary, self.locations.sink_log)

    @cached_property
    def quarantine(self) -> Quarantine:
        return find_quarantine(self.config, self.lake)

    @cached_property
    def database_diff(self) -> Pair | None:
        """The orders of Postgres paired with those of the lake; None if Postgres cannot be read."""
        orders = self.database.orders
        if orders is None or not {"order_id", "created_at"} <= set(orders.column_names):
            return None
        return side_by_side(orders, self.lake)

    @cached_property
    def rounds_diff(self) -> Pair | None:
        """The rows that the rounds inserted, paired with those of the lake; None without such rows."""
        rows = self.rounds.expected_orders
        return side_by_side(table_of(rows), self.lake) if rows else None

    @cached_property
    def missing_of_database(self) -> Missing:
        """The clean orders of Postgres that are not in the lake.

        Raises:
            NoEvidence: the database cannot be read.
        """
        return missing(clean(source(self.database)), self.lake, self.state, self.checkpoint, limit=3)

    @cached_property
    def missing_of_rounds(self) -> Missing:
        """The orders of the rounds that are not in the lake. A round does not backdate."""
        orders = table_of(self.rounds.expected_orders)
        return missing(orders, self.lake, self.state, self.checkpoint, limit=3, any_backdated=False)

    @cached_property
    def rewrites(self) -> tuple[Rewrite, ...]:
        """The files of the lake that changed after a round recorded them."""
        return rewrites(self.rounds, self.lake)

    @cached_property
    def rows_in(self) -> dict[int, int]:
        """batch -> its rows in the lake, for the batches of which the messages are known too."""
        return {batch: one.rows for batch, one in batch_accounts(self.checkpoint, self.lake).items()}

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """What the lake can be compared with: Postgres first, then the rows of the rounds."""
        return tuple(pair for pair in (self.database_diff, self.rounds_diff) if pair is not None)

    @cached_property
    def created_at_shift_us(self) -> int | None:
        """How far the lake's created_at are after the source's; see created_at.py."""
        return shift_us(self.pairs, self.lake)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.locations.checkpoint)

    @cached_property
    def state(self) -> State:
        return State(self.locations.state)

    @property
    def batch_in_flight(self) -> int | None:
        """The batch that the consumer planned and had not finished; see Checkpoint."""
        return self.checkpoint.batch_in_flight(self.lake.log)

    @cached_property
    def rounds(self) -> Rounds:
        settings = self.config.settings
        if settings is None:
            return Rounds(self.locations.rounds)
        # If the config has another topic now, topic_is_configured reports it.
        topics = (settings.kafka.topic, *self.checkpoint.topics)
        return Rounds(self.locations.rounds, settings.postgres.table, topics)

    @cached_property
    def account(self) -> Account | None:
        """Where the messages are that the consumer read; None if this is unknown."""
        try:
            return account(self.checkpoint, self.lake, self.quarantine)
        except Mismatch:  # the quarantine is damaged, which another check reports
            return None

    @property
    def is_empty(self) -> bool:
        """Whether there is no lake, no checkpoint and no state file: nothing has run here."""
        return not (self.lake.exists or self.checkpoint.exists or self.state.exists)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the grader assumed and a reader of the report should know."""
        return (*self.locations.assumptions, *self.lake.assumptions)

    @property
    def has_run(self) -> bool:
        """Whether both programs have run: the lake has rows, and the producer kept a state."""
        return bool(self.lake.figures.rows) and self.state.value is not None

    def facts(self) -> dict[str, Fact]:
        """The figures of report.json. A figure without evidence is None."""
        lake, checkpoint = self.lake, self.checkpoint
        figures, account = lake.figures, self.account
        state: StateValue | None = self.state.value
        return {
            "rows": figures.rows,
            "distinct_order_ids": figures.distinct_order_ids,
            "duplicate_rows": figures.duplicate_rows,
            "null_order_ids": figures.null_order_ids,
            "negative_amounts": figures.negative_amounts,
            "partitions": figures.partitions,
            "misplaced_rows": figures.misplaced_rows,
            "files": len(lake.files) if lake.exists else None,
            "orphan_files": len(lake.orphans) if lake.log else None,
            "missing_files": len(lake.missing) if lake.log else None,
            "state_timestamp": format_timestamp(state.timestamp) if state else None,
            "max_created_at": figures.max_created_at,
            "last_offset_batch": checkpoint.last_offset_batch,
            "last_commit_batch": checkpoint.last_commit_batch,
            "end_offset": checkpoint.end_offset,
            "messages_read": checkpoint.messages_read,
            "messages_rejected": account.rejected if account and self.quarantine.exists else None,
            "messages_unexplained": account.unexplained if account else None,
            "database_rows": self.database.row_count,
        }
