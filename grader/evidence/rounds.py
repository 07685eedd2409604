"""The records that the rounds write: what was inserted, and the state of every stage before and after."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from configs.contract import (
    BAD_MESSAGES_RECORD,
    LOAD_RECORD,
    BadMessagesRecord,
    LoadRecord,
    OrderRow,
    RoundRecord,
    RoundRun,
    Snapshot,
)
from configs.wording import counted
from grader.evidence.listing import file_names, read_bytes

_LONG = 2**63
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Run:
    """One run of a round, with the pipeline's state when the next run began (None for the last run)."""

    name: str
    run: RoundRun
    next_before: Snapshot | None

    @property
    def topic_growth(self) -> int:
        """The offsets that the topic gained during the run."""
        return sum(self.run.after.topic_offsets.values()) - sum(self.run.before.topic_offsets.values())

    @property
    def surplus(self) -> int:
        """Rows that the run added to the lake beyond its clean rows; below 0: too few.

        If the lake was still empty, the run may also add the rows that were in Postgres before.
        """
        run = self.run
        surplus = run.after.lake_rows - run.before.lake_rows - len(run.expected_ids)
        backlog = run.before.postgres_rows if run.before.lake_rows == 0 else 0
        return 0 if surplus == backlog else surplus


@dataclass(frozen=True)
class Rounds:
    """The round*.json of the pipeline with this table and one of these topics; None and () if they are unknown.

    `problems` lists the records that cannot be read, belong to another pipeline, or contradict themselves. They do not
    count.
    """

    folder: Path
    table: str | None = None
    topics: tuple[str, ...] = ()

    @cached_property
    def _read(self) -> tuple[tuple[RoundRecord, ...], tuple[str, ...]]:
        names = [name for name in file_names(self.folder) if name.endswith(".json") and name[0] not in "._"]
        names = [name for name in names if name not in (BAD_MESSAGES_RECORD, LOAD_RECORD)]
        read = {name: read_record(self.folder / name) for name in names}
        records = {name: record for name, record in read.items() if isinstance(record, RoundRecord)}
        wrong = {name: record for name, record in read.items() if isinstance(record, str)}
        absent = None if wrong else _absent_round({record.round for record in records.values()})
        for name, record in records.items():
            contradiction = self._contradiction(record)
            if contradiction:
                wrong[name] = f"{name}: {contradiction}"
        problems = [wrong[name] for name in sorted(wrong)]
        if absent is not None:
            problems.append(f"round{absent}.json: is missing, but there is a record of a later round")
        return tuple(record for name, record in records.items() if name not in wrong), tuple(problems)

    def _contradiction(self, record: RoundRecord) -> str | None:
        """The first thing in a record that no round of this pipeline writes, whether it is complete or not."""
        if not record.runs:
            return "contains no run"
        for number, run in enumerate(record.runs, start=1):
            wrong = self._of_another(run) or _contradiction_in(run)
            if wrong:
                return f"run {number}{wrong}"
        return None

    def _of_another(self, run: RoundRun) -> str | None:
        """Table and topic identify the pipeline. The roll number does not: a config may get this key later."""
        if self.table is not None and _bare(run.table) != _bare(self.table):
            return f" has the table {run.table}, the config has {self.table}"
        if self.topics and run.topic.casefold() not in {topic.casefold() for topic in self.topics}:
            return f" has the topic {run.topic}, the config has {self.topics[0]}"
        return None

    @property
    def problems(self) -> tuple[str, ...]:
        return self._read[1]

    @cached_property
    def bad_messages(self) -> BadMessagesRecord | str | None:
        """The record of round 4, or what is wrong with it; None if there is none."""
        return self._record(BAD_MESSAGES_RECORD, BadMessagesRecord)

    @cached_property
    def load(self) -> LoadRecord | str | None:
        """The record of the load, or what is wrong with it; None if there is none."""
        return self._record(LOAD_RECORD, LoadRecord)

    def _record(self, name: str, model: type[Model]) -> Model | str | None:
        return _read(self.folder / name, model) if name in file_names(self.folder) else None

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """All runs of all rounds, oldest first."""
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
        """Everything that must not reach the lake: bad rows of Postgres, and messages put directly on the topic."""
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
    """A bad row or message of a round: the round, the mistake, the order_id, the message's text.

    `order_id` is that of the row, or one that a lenient parser can read from the message. `raw` is None for a row of
    Postgres.
    """

    round: str
    mistake: str
    order_id: int | None
    raw: str | None


def _order_id_in(raw: str | None) -> int | None:
    found = re.search(r'"order_id"\s*:\s*"?(\d{1,18})', raw or "")
    return int(found[1]) if found else None


def _absent_round(numbers: set[int]) -> int | None:
    """The first round that is missing before a later one: `make round3` does not run without round 2."""
    return next((number for number in range(1, len(numbers) + 1) if number not in numbers), None)


def _bare(table: str) -> str:
    """The table's name without schema and quotes, in lower case: a config may change these."""
    return table.rpartition(".")[2].strip('"').casefold()


def _contradiction_in(run: RoundRun) -> str | None:
    if not run.inserted:
        return " inserted nothing"
    known = [*run.expected_ids, *(row.order_id for row in run.rejected if row.order_id is not None)]
    if sorted(known) != sorted(row.order_id for row in run.inserted):
        return ": the inserted order_ids are not the expected plus the rejected ones"
    grown = run.after.postgres_rows - run.before.postgres_rows
    if grown < len(run.inserted):
        return f": {counted(len(run.inserted), 'row')} inserted, but the table grew by {grown}"
    for when, seen in (("before", run.before), ("after", run.after)):
        in_files = sum(file.rows for file in seen.lake_files)
        if seen.lake_rows != in_files:
            return f": {counted(seen.lake_rows, 'row')} in the lake {when}, but {in_files} in its files"
    return None


def read_record(path: Path) -> RoundRecord | str:
    """A record, or what is wrong with it."""
    record = _read(path, RoundRecord)
    if isinstance(record, str):
        return record
    ids = [order_id for run in record.runs for order_id in run.expected_ids]
    ids += [row.order_id for run in record.runs for row in run.inserted]
    ids += [row.order_id for run in record.runs for row in run.rejected if row.order_id is not None]
    if any(not -_LONG <= order_id < _LONG for order_id in ids):
        return f"{path.name}: an order_id does not fit into 64 bits"
    return record


def _read(path: Path, model: type[Model]) -> Model | str:
    try:
        return model.model_validate_json(read_bytes(path.parent, path.name))
    except ValidationError as error:
        first = error.errors()[0]
        return f"{path.name}: {'.'.join(map(str, first['loc'])) or 'not JSON'}: {first['msg']}"
    except OSError as error:
        return f"{path.name}: {error.strerror}"
