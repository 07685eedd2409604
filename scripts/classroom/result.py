"""What a live run comes to."""

from __future__ import annotations

from dataclasses import dataclass

FILE_NAME = "live.json"


@dataclass(frozen=True)
class LiveResult:
    """How both programs ran, how long it all took, and a few sentences for the gradebook.

    `producer` and `consumer`:

    - "ran": until the kit stopped it
    - "ended": by itself
    - "hung": it ran and did nothing
    - "killed: memory", "killed: processes", "killed: disk", "killed: files", "killed: output": over that limit
    - "killed: system": by the system, as it is when the machine has no memory left
    - "not found": the submission has no such program
    - "not started": what comes before it did not succeed

    `is_machine_fault`: nothing can be said about the submission, and there is no report; `note` says why.
    `may_do_better_alone`: a round gave up, or memory ran out, while other runs may have used the machine.
    """

    producer: str
    consumer: str
    seconds: float
    note: str
    is_machine_fault: bool
    may_do_better_alone: bool = False
