"""How many messages a batch has read, written and rejected, also where tasks of a lost executor ran a second time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MessageCounts:
    """What became of a batch's messages. `too_old`: accepted, but older than the window of repeats.

    Without `are_exact`, some were counted twice: then `read` and `rejected` are upper limits.
    """

    read: int
    wrote: int
    repeats: int
    too_old: int
    rejected: int
    are_exact: bool


def count_messages(progress: dict[str, Any], rejected: int, offsets: int) -> MessageCounts:
    """Count a batch's messages from Spark's progress.

    `rejected`: as the stream has counted them. `offsets`: how many the batch covered. Each message has one, and the end
    of a transaction too.

    A batch has two stages. The first reads and checks, the second drops repeats and writes. When an executor is lost,
    tasks of the first stage run again, and Spark counts their messages again. It counts the second stage's only once.
    """
    store = progress["stateOperators"][0]
    wrote, too_old = store["numRowsUpdated"], store["numRowsDroppedByWatermark"]
    repeats = store.get("customMetrics", {}).get("numDroppedDuplicateRows", 0)
    accepted = wrote + repeats + too_old
    read = progress["numInputRows"]
    are_exact = read - rejected == accepted and read <= offsets
    if not are_exact:
        rejected = min(rejected, max(0, offsets - accepted))
        read = accepted + rejected
    return MessageCounts(read, wrote, repeats, too_old, rejected, are_exact)
