"""Runs drills one after the other on a separate stack, and reconciles the results of each."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from confluent_kafka import KafkaException

from configs.errors import KitError
from scripts.drills.balance import Balance, balance
from scripts.drills.errors import DrillError
from scripts.drills.evidence import EvidenceReader, read_source
from scripts.drills.model import Drill, Result
from scripts.drills.pipeline import Pipeline
from scripts.pipeline.services import services_of
from scripts.pipeline.temporary_stack import Changes, bring_up, temporary_cluster, temporary_stack
from scripts.services.stack import Programs

# Small and fast, so that every drill has many polls and batches. The limit is below the size of one transaction.
CHANGES: Changes = {
    "cdc": {"poll_interval_sec": 0.4, "batch_limit": 20},
    "streaming": {"batch_interval": "400 milliseconds"},
}


@dataclass(frozen=True)
class Planned:
    """A drill to run, with the seed of its random numbers."""

    drill: Drill
    seed: int


class Session:
    """A stack with both programs running and nothing left to do. Several drills use it; their order_ids continue."""

    def __init__(self, under_test: Programs, *, on_cluster: bool) -> None:
        self.on_cluster = on_cluster
        self._held = contextlib.ExitStack()
        make_stack = temporary_cluster if on_cluster else temporary_stack
        try:
            stack = self._held.enter_context(make_stack(CHANGES, rollnumber="2025drill01", programs=under_test))
            bring_up(stack)
            self.pipeline = Pipeline(stack)
            self._held.callback(self.pipeline.close)
            self.reader = EvidenceReader(stack.settings)
            self.pipeline.settle()
            self.reader.remember(self.reader.gather())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop and remove all of it."""
        self._held.close()

    def skips_batches(self) -> bool:
        """Whether the lake's log is ahead of the checkpoint: Spark takes the batches in between for written."""
        return self.pipeline.last_logged_batch() > self.pipeline.last_planned_batch()

    def keep_logs(self, folder: Path) -> None:
        """Copy the logs of programs and services, which would be removed with the stack."""
        shutil.copytree(self.pipeline.stack.logs, folder, dirs_exist_ok=True)

    def run(self, planned: Planned) -> Result:
        """Inject the fault, wait until nothing is left to do, reconcile."""
        pipeline = self.pipeline
        clock = time.monotonic()
        pipeline.begin(planned.seed)
        first_id = pipeline.last_id()
        problem = None
        try:
            planned.drill.inject(pipeline)
            pipeline.settle()
        except DrillError as error:
            problem = str(error)
        except (KitError, KafkaException, psycopg2.Error, OSError) as error:
            problem = f"{type(error).__name__}: {error}"
        figures = self._reconcile(first_id)
        return Result(
            drill=planned.drill.name,
            seed=planned.seed,
            faults=tuple(pipeline.faults),
            balance=figures,
            ended=tuple(pipeline.ended),
            problem=problem,
            seconds=time.monotonic() - clock,
        )

    def _reconcile(self, first_id: int) -> Balance:
        pipeline, reader = self.pipeline, self.reader
        services_of(pipeline.stack).up()  # a drill that failed may have left one stopped
        reached = pipeline.reached()  # before the topic is read: the topic must have what the state has passed
        gathered = reader.gather()
        with contextlib.closing(pipeline.connect()) as connection:
            source = read_source(connection, pipeline.table, first_id)
        figures = balance(
            good=source.good,
            passed_by_state=[
                order_id
                for order_id, created_at in source.created_at.items()
                if reached is not None and created_at <= reached
            ],
            messages=gathered.messages,
            published_before=reader.published,
            lake=gathered.lake,
            in_lake_before=reader.in_lake,
            quarantine=gathered.quarantine,
        )
        reader.remember(gathered)
        return figures


def run_drills(
    planned: Iterable[Planned],
    under_test: Programs,
    report: Callable[[Result], None],
    kept_logs: Path,
    *,
    one_stack: bool = False,
) -> list[Result]:
    """Run drills in order. After one that was not clean the stack proves nothing, so the next drill gets a new one.

    With `one_stack` it only gets a new one after a drill that was cut short, or if Spark would skip the next batches.
    That is faster, but rows that an earlier drill lost or repeated may be counted again. The logs of a drill that was
    not clean go to a folder in `kept_logs`.

    Raises:
        KitError, DrillError: a stack could not be started.
    """
    results: list[Result] = []
    session: Session | None = None
    try:
        for item in planned:
            if session is not None and session.on_cluster != item.drill.needs_cluster:
                session.close()
                session = None
            session = session or Session(under_test, on_cluster=item.drill.needs_cluster)
            result = session.run(item)
            results.append(result)
            report(result)
            if not result.is_clean:
                session.keep_logs(kept_logs / f"{result.drill}_{result.seed}")
                if result.problem is not None or session.skips_batches() or not one_stack:
                    session.close()
                    session = None
    finally:
        if session is not None:
            session.close()
    return results
