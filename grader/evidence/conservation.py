"""Reconciles the messages that the consumer has read: each is in the lake, in the quarantine, or a duplicate."""

from __future__ import annotations

from dataclasses import dataclass

from grader.evidence.checkpoint import Checkpoint
from grader.evidence.lake import Lake
from grader.evidence.quarantine import Quarantine
from grader.evidence.sink_log import path_in_lake


@dataclass(frozen=True)
class Account:
    """What the consumer read and where it went.

    `read`: messages, as offsets from the consumer's start to its last batch. `rows`: rows in the lake. `rejected`:
    those of the messages that are in the quarantine.
    """

    read: int
    rows: int
    rejected: int

    @property
    def unexplained(self) -> int:
        """Duplicates, rejected messages without a trace, transaction markers, lost rows; below 0: too many rows."""
        return self.read - self.rows - self.rejected


def account(checkpoint: Checkpoint, lake: Lake, quarantine: Quarantine) -> Account | None:
    """The account of the whole lake; None if lake or checkpoint lack figures, or do not belong together.

    Raises:
        Mismatch: a file of the quarantine cannot be read, although its footer can.
    """
    log, rows, read = lake.log, lake.figures.rows, checkpoint.messages_read
    if read is None or rows is None:
        return None
    last = max(checkpoint.offsets)
    if log is not None and log.last_batch is not None and log.last_batch > last:
        return None  # the checkpoint does not know the messages of all batches
    is_readable = quarantine.exists and not quarantine.problems
    rejected = quarantine.read_so_far(checkpoint.start_offsets, checkpoint.offsets[last]) if is_readable else 0
    return Account(read, rows, rejected)


def batch_accounts(checkpoint: Checkpoint, lake: Lake) -> dict[int, Account]:
    """batch -> its account, without rejected messages, for the batches of which both sides are known."""
    if lake.log is None or lake.folder is None:
        return {}
    paths = frozenset(lake.listing)
    rows = {footer.path: footer.rows for footer in lake.footers}
    return {
        batch: Account(
            checkpoint.messages_in[batch],
            sum(rows.get(path_in_lake(file.path, paths, lake.folder), 0) for file in files),
            0,
        )
        for batch, files in sorted(lake.log.written.items())
        if batch in checkpoint.messages_in
    }
