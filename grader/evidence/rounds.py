"""The records that the rounds write: what was inserted, and where every stage stood before and after."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from configs.contract import OrderRow, RoundRecord, RoundRun, Snapshot
from grader.evidence.listing import file_names, read_bytes

_LONG = 2**63


@dataclass(frozen=True)
class Run:
    """One run of a round, with the pipeline's state when the next run began (None for the last run)."""

    name: str
    run: RoundRun
    next_before: Snapshot | None


@dataclass(frozen=True)
class Rounds:
    """state/rounds/*.json. Records that cannot be read are in `problems`."""

    folder: Path

    @cached_property
    def _read(self) -> tuple[tuple[RoundRecord, ...], tuple[str, ...]]:
        names = [name for name in file_names(self.folder) if name.endswith(".json") and name[0] not in "._"]
        records = [read_record(self.folder / name) for name in names]
        return (
            tuple(record for record in records if isinstance(record, RoundRecord)),
            tuple(record for record in records if isinstance(record, str)),
        )

    @property
    def problems(self) -> tuple[str, ...]:
        return self._read[1]

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """All runs of all rounds in the order of time."""
        flat = sorted(
            ((run.started_at, record.round, run) for record in self._read[0] for run in record.runs),
            key=lambda item: item[:2],
        )
        counts: dict[int, int] = {}
        runs = []
        for at, (_, number, run) in enumerate(flat):
            counts[number] = counts.get(number, 0) + 1
            again = f" (run {counts[number]})" if counts[number] > 1 else ""
            following = flat[at + 1][2].before if at + 1 < len(flat) else None
            runs.append(Run(f"round {number}{again}", run, following))
        return tuple(runs)

    @cached_property
    def expected(self) -> dict[int, str]:
        """order_id -> the round that says it must reach the lake."""
        return {order_id: item.name for item in reversed(self.runs) for order_id in item.run.expected_ids}

    @cached_property
    def expected_orders(self) -> tuple[OrderRow, ...]:
        """The inserted rows that must reach the lake, as they were inserted."""
        return tuple(row for item in self.runs for row in item.run.inserted if row.order_id in item.run.expected_ids)

    @cached_property
    def rejected_orders(self) -> tuple[OrderRow, ...]:
        """The inserted rows that must not reach the lake."""
        return tuple(
            row for item in self.runs for row in item.run.inserted if row.order_id not in item.run.expected_ids
        )

    @cached_property
    def rejected(self) -> tuple[Rejected, ...]:
        """All that must not reach the lake: bad rows of Postgres, and messages put straight on the topic."""
        found = []
        for item in self.runs:
            mistakes = {row.order_id: row.mistake for row in item.run.rejected}
            found += [
                Rejected(item.name, mistakes.get(row.order_id, "not expected"), row.order_id, None)
                for row in item.run.inserted
                if row.order_id not in item.run.expected_ids
            ]
            found += [
                Rejected(item.name, row.mistake, _order_id_in(row.raw), row.raw)
                for row in item.run.rejected
                if row.raw is not None
            ]
        return tuple(found)


@dataclass(frozen=True)
class Rejected:
    """Something bad that a round sent: which round, what is wrong, the order_id it would have, the message's text.

    `order_id` is that of the row, or one that a lenient parser could read from the message; `raw` is None for a row of
    Postgres.
    """

    round: str
    mistake: str
    order_id: int | None
    raw: str | None


def _order_id_in(raw: str | None) -> int | None:
    found = re.search(r'"order_id"\s*:\s*"?(\d{1,18})', raw or "")
    return int(found[1]) if found else None


def read_record(path: Path) -> RoundRecord | str:
    """A record, or what is wrong with it."""
    try:
        record = RoundRecord.model_validate_json(read_bytes(path.parent, path.name))
    except ValidationError as error:
        first = error.errors()[0]
        return f"{path.name}: {'.'.join(map(str, first['loc'])) or 'not JSON'}: {first['msg']}"
    except OSError as error:
        return f"{path.name}: {error.strerror}"
    ids = [order_id for run in record.runs for order_id in run.expected_ids]
    ids += [row.order_id for run in record.runs for row in run.inserted]
    ids += [row.order_id for run in record.runs for row in run.rejected if row.order_id is not None]
    if any(not -_LONG <= order_id < _LONG for order_id in ids):
        return f"{path.name}: an order_id that no column of whole numbers holds"
    return record
