"""Every message that the consumer has read must be somewhere: in the lake, in the quarantine, or a repeat."""

from __future__ import annotations

from dataclasses import dataclass

from grader.evidence.checkpoint import Checkpoint
from grader.evidence.lake import Lake
from grader.evidence.quarantine import Quarantine
from grader.evidence.sink_log import path_in_lake


@dataclass(frozen=True)
class Account:
    """`read` messages (offsets from where the consumer began to its last batch), `rows` in the lake, `rejected`
    messages of that stretch in the quarantine.
    """

    read: int
    rows: int
    rejected: int

    @property
    def unexplained(self) -> int:
        """Repeats, what was rejected without a trace, markers of transactions, losses; below 0: rows too many."""
        return self.read - self.rows - self.rejected


def account(checkpoint: Checkpoint, lake: Lake, quarantine: Quarantine) -> Account | None:
    """The account of the whole lake; None where lake or checkpoint do not tell, or do not belong together.

    Raises:
        Mismatch: a file of the quarantine cannot be read after all.
    """
    log, rows, read = lake.log, lake.figures.rows, checkpoint.messages_read
    if read is None or rows is None:
        return None
    last = max(checkpoint.offsets)
    if log is not None and log.last_batch is not None and log.last_batch > last:
        return None  # batches of which the checkpoint does not know the messages
    is_readable = quarantine.exists and not quarantine.problems
    rejected = quarantine.read_so_far(checkpoint.start_offsets, checkpoint.offsets[last]) if is_readable else 0
    return Account(read, rows, rejected)


def batch_accounts(checkpoint: Checkpoint, lake: Lake) -> dict[int, Account]:
    """batch -> its account, without what it rejected; of the batches for which both sides are known."""
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
