"""A class graded live: what each submission hands in is read, and then its own programs run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.class_run.command import Mode
from grader.class_run.discovery import Found
from grader.class_run.evidence_workers import EvidenceOptions, EvidenceWorkers
from grader.class_run.task import Graded, GradeOne
from scripts.classroom.live import run_live
from scripts.classroom.sandbox import SandboxChoice

# Of one run: Postgres, Kafka, two JVMs, and the folders in memory.
BYTES_EACH = 2560 << 20
PER_CORE = 1.5  # runs; each waits much
HANDED_IN = "handed_in"  # in a submission's results: the reports on the evidence that came with it


@dataclass(frozen=True)
class LiveOptions:
    """How a class is run live. `evidence`: how the evidence that was handed in is graded."""

    evidence: EvidenceOptions
    sandbox: SandboxChoice
    load: bool = False

    @property
    def mode(self) -> str:
        """What of this can change a mark."""
        return f"live, load={self.load}, sandbox={self.sandbox}; {self.evidence.mode}"


def live_mode(options: LiveOptions) -> Mode:
    """Runs each submission's own programs; the marks are those of this run."""

    @contextmanager
    def open_runs(workers: int, scratch: Path) -> Iterator[GradeOne]:
        cancelled = threading.Event()
        with EvidenceWorkers(options.evidence, 1, scratch) as evidence:

            def grade_one(found: Found, out: Path) -> Graded:
                return _grade(found, out, options, evidence, cancelled)

            try:
                yield grade_one
            finally:
                cancelled.set()

    return Mode(options.mode, open_runs, BYTES_EACH, PER_CORE)


def _grade(
    found: Found, out: Path, options: LiveOptions, evidence: EvidenceWorkers, cancelled: threading.Event
) -> Graded:
    reports = out / HANDED_IN
    reports.mkdir()
    handed_in = evidence(found, reports)
    result = run_live(found.path, out, load=options.load, sandbox=options.sandbox, cancelled=cancelled)
    return Graded(
        seconds=result.seconds,
        producer=result.producer,
        consumer=result.consumer,
        note="" if result.is_machine_fault else result.note,
        problem=result.note if result.is_machine_fault else None,
        is_machine_fault=result.is_machine_fault or result.may_do_better_alone,
        fingerprints=handed_in.fingerprints,
    )
