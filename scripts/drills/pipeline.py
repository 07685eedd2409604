"""The pipeline under test, and everything that a drill may do to it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
import psycopg2
import psycopg2.extensions

from configs.contract import UTC, state_file
from configs.settings import ENVIRONMENT_PREFIX, PROJECT, local_path
from scripts import programs
from scripts.drills.errors import DrillError
from scripts.drills.evidence import StreamPlace, TopicWatch, last_batch, read_reached, stream_place, topic_ends
from scripts.drills.orders import insert_orders
from scripts.services import kafka, postgres
from scripts.services.processes import last_lines, launch
from scripts.services.stack import Stack
from scripts.table import require_table

PRODUCER, CONSUMER = programs.PROGRAMS
FAULT_POINT = Path(__file__).with_name("fault_point")
MAX_ENDS = 3  # a program that ends by itself so often in one drill is not started again
# Compiling less while a program lives for seconds: it starts a good deal earlier on a machine with few cores.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1"
WAIT_TIMEOUT = 90.0
MAX_TRIES = 40


class GivenUpError(DrillError):
    """A program ends again and again: waiting for what it should do has no end."""


@dataclass(frozen=True)
class Programs:
    """Producer and consumer under test: a folder with scripts/{producer,consumer}_spark_submit.sh in it."""

    name: str
    folder: Path

    def submit_script(self, program: str) -> Path:
        return self.folder / "scripts" / f"{program}_spark_submit.sh"


OURS = Programs("ours", PROJECT)
NAIVE = Programs("naive", PROJECT / "tests" / "naive_baseline")


class Pipeline:
    """A stack with both programs, seen from a drill. Postgres and Kafka run when a drill begins and when it ends."""

    def __init__(self, stack: Stack, under_test: Programs) -> None:
        self.stack = stack
        self.settings = stack.settings
        self.rng = random.Random(0)
        self.faults: list[str] = []
        self.ended: list[str] = []
        self._under_test = under_test
        self._wanted: dict[str, dict[str, str]] = {}
        self._given_up: set[str] = set()
        self._away: set[str] = set()  # services that are stopped
        self._watch: TopicWatch | None = None
        self._connection: psycopg2.extensions.connection | None = None
        self._table = ""
        self._fault_file = stack.home / "fault_point"
        self.checkpoint = local_path(self.settings.streaming.checkpoint_location)
        self.lake = local_path(self.settings.datalake.path)

    def begin(self, seed: int) -> None:
        """Forget what the drill before has counted."""
        self.rng = random.Random(seed)
        self.faults, self.ended, self._given_up = [], [], set()

    def close(self) -> None:
        """End both programs and the connections."""
        self._wanted.clear()
        for name in (*programs.PROGRAMS, *(f"second_{name}" for name in programs.PROGRAMS)):
            self.end(name)
        if self._watch is not None:
            self._watch.close()
        if self._connection is not None:
            self._connection.close()

    def note(self, fault: str) -> None:
        """Count a fault that was injected."""
        self.faults.append(fault)

    # -- the programs

    def start(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Start a program; from now on it is wanted, and one that ends by itself is started again and reported."""
        self._wanted[name] = dict(environment or {})
        self._launch(name, name, self._wanted[name])

    def start_second(self, name: str) -> str:
        """Start a program beside the one that runs; return the name that it goes by. Nobody starts it again."""
        second = f"second_{name}"
        self._launch(name, second, {})
        self.note(f"second {name}")
        return second

    def _launch(self, program: str, name: str, environment: Mapping[str, str]) -> None:
        launch(
            [self._under_test.submit_script(program), "--config", self.settings.source],
            pid_file=self.stack.pid_file(name),
            log=self.stack.log(name),
            environment=self._environment(environment),
        )

    def stop(self, name: str) -> None:
        """Ask a program to stop, as `make stop` does."""
        self._wanted.pop(name, None)
        programs.stop_programs(self.stack, [name])

    def kill(self, name: str) -> None:
        """kill -9 of a program: its JVM, its Python and the script around them."""
        self._wanted.pop(name, None)
        self.end(name)
        self.note(f"kill -9 {name}")

    def start_what_is_missing(self) -> None:
        """What an operator or a supervisor does after a crash."""
        for name in programs.PROGRAMS:
            if name not in self._wanted and name not in self._given_up:
                self.start(name)

    def freeze(self, name: str) -> None:
        """SIGSTOP to all of a program."""
        for process in self._family(name, freeze=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw(self, name: str) -> None:
        """SIGCONT to all of a program."""
        for process in self._family(name):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def is_alive(self, name: str) -> bool:
        return self.stack.pid_file(name).process() is not None

    @contextlib.contextmanager
    def full_disk(self, name: str) -> Iterator[None]:
        """Make every write of a program to a file fail, as on a full disk: with "file too large" in place of "no space
        left on device", by the limit on the size of files (RLIMIT_FSIZE), which needs no root and no disk to fill.
        Of the consumer, that is all it writes, its log too; of the producer only what its Python writes, which is the
        state file: Spark's own temporary files may be on another disk.
        """
        before = {}
        for process in self._family(name):
            with contextlib.suppress(psutil.NoSuchProcess):
                if name == PRODUCER and not process.name().startswith("python"):
                    continue
                soft, hard = process.rlimit(psutil.RLIMIT_FSIZE)
                before[process] = (soft, hard)
                process.rlimit(psutil.RLIMIT_FSIZE, (0, hard))
        self.note(f"full disk for the {name}")
        try:
            yield
        finally:
            for process, limits in before.items():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.rlimit(psutil.RLIMIT_FSIZE, limits)

    def end(self, name: str) -> None:
        """End a program with kill -9, whether or not that is a fault."""
        family = self._family(name, freeze=True)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)
        self.stack.pid_file(name).path.unlink(missing_ok=True)

    def _family(self, name: str, *, freeze: bool = False) -> list[psutil.Process]:
        """The script, Spark's JVM and Python. `freeze` stops each at once, so that none can start another unseen."""
        root = self.stack.pid_file(name).process()
        if root is None:
            return []
        family = [root]
        while True:
            if freeze:
                for process in reversed(family):  # Python first: it is what moves the state
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.suspend()
            try:
                now = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return family
            if len(now) == len(family) or not freeze:
                return now
            family = now

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Ours, without what would override the stack's settings file, and with the fault points watched for."""
        strange = ("CONFIG", "ROLLNUMBER", "SPARK_MASTER", "SERVICES", "PYTHONPATH")
        kept = {
            key: value
            for key, value in os.environ.items()
            if key not in strange and not key.startswith(ENVIRONMENT_PREFIX)
        }
        state = state_file(local_path(self.settings.streaming.last_processed_timestamp_location))
        return {
            **kept,
            "PYTHONPATH": str(FAULT_POINT),
            "DRILL_FAULT_FILE": str(self._fault_file),
            "DRILL_STATE_FILE": str(state),
            "JAVA_TOOL_OPTIONS": JAVA_OPTIONS,
            **more,
        }

    # -- waiting, always for evidence

    def wait(self, condition: Callable[[], bool], what: str, timeout: float = WAIT_TIMEOUT) -> None:
        """Wait until a condition holds; meanwhile a wanted program that has ended is started again.

        Raises:
            GivenUpError: a program has ended too often.
            DrillError: the condition did not come to hold in `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            self._supervise()
            if time.monotonic() > deadline:
                logs = "\n".join(f"{name}:\n{last_lines(self.stack.log(name), 4)}" for name in programs.PROGRAMS)
                raise DrillError(f"not seen within {timeout:.0f} s: {what}. The ends of the logs:\n{logs}")
            time.sleep(0.02)

    def _supervise(self) -> None:
        for name, environment in list(self._wanted.items()):
            if self.is_alive(name):
                continue
            self.ended.append(name)
            if self._away:
                del self._wanted[name]  # nobody starts it before its service is back
                continue
            if self.ended.count(name) >= MAX_ENDS:
                self._given_up.add(name)
                del self._wanted[name]
                raise GivenUpError(
                    f"the {name} ended by itself {MAX_ENDS} times. The end of its log:\n"
                    f"{last_lines(self.stack.log(name), 4)}"
                )
            self.start(name, environment)

    def catch(self, name: str, condition: Callable[[], bool], what: str, timeout: float = WAIT_TIMEOUT) -> None:
        """Stop a program (SIGSTOP) while a condition holds that does so for milliseconds only.

        The condition is looked at again once the program stands still: only then is the moment caught. Otherwise the
        program goes on, and the next moment is waited for.

        Raises:
            DrillError: no such moment was caught in `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        look_after = 0.0
        while True:
            if condition():
                self.freeze(name)
                if condition():
                    return
                self.thaw(name)
            now = time.monotonic()
            if now > deadline:
                raise DrillError(f"no moment was caught within {timeout:.0f} s in which {what}")
            if now > look_after:
                self._supervise()
                look_after = now + 0.5

    def freeze_after_publish(self) -> None:
        """Insert rows, and stop the producer (SIGSTOP) while they are on the topic and the state has not moved.

        Raises:
            DrillError: the producer was quicker every time.
        """
        watch = self._topic_watch()
        for _ in range(MAX_TRIES):
            self.wait(self.is_all_published, "the state at the newest row")
            reached = self.reached()
            watch.from_here()
            self.insert(6)
            self.wait(lambda: watch.has_message(0.2), "a message on the topic")
            self.freeze(PRODUCER)
            if self.reached() == reached:
                return
            self.thaw(PRODUCER)
        raise DrillError(f"the producer moved its state within a millisecond or so of publishing, {MAX_TRIES} times")

    def wait_for_polls(self, count: int) -> None:
        """Wait until the producer has read the table `count` times more, as Postgres counts.

        Ours reads once a poll; the naive baseline three times where a poll finds rows.
        """
        before = self._scans()
        # The statistics of a session come with its end: one that had begun before counts too.
        self.wait(lambda: self._scans() > before + count, f"{count} more polls of the producer")

    def settle(self, timeout: float = WAIT_TIMEOUT) -> None:
        """Wait until the state has reached the newest row and the consumer has finished all of the topic.

        Raises:
            DrillError: that did not happen in time.
        """
        self.disarm()
        self.start_what_is_missing()
        while True:
            self.wait(
                self._is_settled, "the state at the newest row and all of the topic read by the consumer", timeout
            )
            ended = len(self.ended)
            self._supervise()  # one may have finished its last batch, and then ended
            if len(self.ended) == ended:
                return

    def _is_settled(self) -> bool:
        return self.is_all_published() and self.is_topic_read()

    def is_all_published(self) -> bool:
        """The state is at the newest row of Postgres."""
        newest, reached = self._newest(), self.reached()
        return newest is None or (reached is not None and reached >= newest)

    def is_topic_read(self) -> bool:
        """The consumer has finished all that is on the topic; where it has a quarantine, that too."""
        ends = topic_ends(self.settings.kafka)
        aside = self.checkpoint.with_name(f"{self.checkpoint.name}_quarantine")
        checkpoints = [self.checkpoint, *([aside] if aside.is_dir() else [])]
        places = [stream_place(folder, self.settings.kafka.topic) for folder in checkpoints]
        return all(place.finished == place.planned and place.ends == ends for place in places)

    # -- evidence

    def reached(self) -> datetime | None:
        return read_reached(self.settings)

    def topic_length(self) -> int:
        """Messages on the topic."""
        return self._topic_watch().length()

    def _topic_watch(self) -> TopicWatch:
        if self._watch is None:
            self._watch = TopicWatch(self.settings.kafka)
        return self._watch

    def batch(self) -> StreamPlace:
        """Where the consumer's stream into the lake stands."""
        return stream_place(self.checkpoint, self.settings.kafka.topic)

    def last_attempt(self) -> int:
        """When the consumer has last begun to write a batch's plan, also one that failed (ns since 1970)."""
        try:
            return (self.checkpoint / "offsets").stat().st_mtime_ns
        except OSError:
            return 0

    def is_batch_under_way(self) -> bool:
        """A batch is planned and not finished."""
        return last_batch(self.checkpoint / "offsets") > last_batch(self.checkpoint / "commits")

    def last_logged_batch(self) -> int:
        """The last batch of which the lake's log (`_spark_metadata`) knows."""
        return last_batch(self.lake / "_spark_metadata")

    def has_data_file_since(self, moment: int) -> bool:
        """Whether the lake has a Parquet file, with anything in it, written at or after `moment` (ns since 1970)."""
        for day in self.lake.glob("date=*"):
            with contextlib.suppress(OSError), os.scandir(day) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        if entry.name.endswith(".parquet") and not entry.name.startswith("."):
                            found = entry.stat()
                            if found.st_size and found.st_mtime_ns >= moment:
                                return True
        return False

    # -- exact points of the state file's writing

    def arm(self, point: str) -> None:
        """Let the producer end at a point of fault_point/sitecustomize.py, the next time that it comes there."""
        temporary = self._fault_file.with_suffix(".new")
        temporary.write_text(point, encoding="utf-8")
        temporary.replace(self._fault_file)

    def disarm(self) -> None:
        self._fault_file.unlink(missing_ok=True)

    def is_armed(self) -> bool:
        """Whether the point has not been reached yet."""
        return self._fault_file.exists()

    def kill_at(self, point: str, *, is_sure: bool = False) -> bool:
        """Insert rows and let the producer end at a point; False if it published them without passing there.

        Raises:
            DrillError: it did, and `is_sure` says that every producer passes there.
        """
        self.arm(point)
        ids = self.insert(5)
        moved = self._newest()
        self._wanted.pop(PRODUCER, None)

        def passed() -> bool:
            reached = self.reached()
            return not self.is_armed() or (reached is not None and moved is not None and reached >= moved)

        self.wait(passed, f"the producer at {point}, or rows {ids[0]} to {ids[-1]} passed by the state")
        hit = not self.is_armed()
        self.disarm()
        self.end(PRODUCER)
        if hit:
            self.note(f"kill -9 producer {point}")
        elif is_sure:
            raise DrillError(f"the producer moved its state and did not pass {point}: nothing was injected")
        return hit

    # -- Postgres and Kafka

    def connect(self) -> psycopg2.extensions.connection:
        """A new connection in autocommit mode."""
        return postgres.connect(self.settings.postgres)

    @property
    def table(self) -> str:
        """The quoted name of the orders table."""
        if not self._table:
            with contextlib.closing(self.connect()) as connection:
                self._table = require_table(connection, self.settings).name
        return self._table

    def scalar(self, query: str) -> object:
        """The one value of a query, through a connection that is kept, and opened again where a drill has cut it."""
        for _ in range(2):
            if self._connection is None or self._connection.closed:
                self._connection = self.connect()
                with self._connection.cursor() as cursor:
                    cursor.execute("SET track_counts = off")  # so that the scans counted are the producer's
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(query)
                    row = cursor.fetchone()
                return row[0] if row else None
            except psycopg2.OperationalError:
                self._connection.close()
        raise DrillError(f"Postgres cuts every connection at {self.settings.postgres.host}: {query}")

    def execute(self, statement: str) -> None:
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def insert(self, count: int) -> list[int]:
        """Insert rows in one transaction, so that all have one created_at; return their order_ids."""
        with contextlib.closing(self.connect()) as connection:
            return insert_orders(connection, self.table, count)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[psycopg2.extensions.connection]:
        """A transaction that has begun, and with it the created_at of its rows; it commits at the end."""
        connection = self.connect()
        connection.autocommit = False
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT now()")
            yield connection
            connection.commit()
        finally:
            connection.close()

    def stop_postgres(self, *, crash: bool = False) -> None:
        """Stop the server: in order, or as a power cut does, so that it recovers at its next start."""
        process = self.stack.pid_file(postgres.NAME).process()
        if crash and process is not None:
            process.send_signal(signal.SIGQUIT)  # Postgres ends at once, without a checkpoint
            psutil.wait_procs([process], timeout=30)
        postgres.down(self.stack)
        self._away.add(postgres.NAME)
        self.note("Postgres crashes" if crash else "Postgres stops")

    def start_postgres(self) -> None:
        postgres.up(self.stack)
        self._away.discard(postgres.NAME)

    def stop_kafka(self, *, crash: bool = False) -> None:
        """Stop the broker: in order, or with kill -9."""
        process = self.stack.pid_file(kafka.NAME).process()
        if crash and process is not None:
            process.kill()
            psutil.wait_procs([process], timeout=30)
        kafka.down(self.stack)
        self._away.add(kafka.NAME)
        self.note("Kafka crashes" if crash else "Kafka stops")

    def start_kafka(self) -> None:
        kafka.up(self.stack)
        self._away.discard(kafka.NAME)

    def log_size(self, name: str) -> int:
        """Bytes of a program's log: it grows when the program has something to say."""
        try:
            return self.stack.log(name).stat().st_size
        except OSError:
            return 0

    def _newest(self) -> datetime | None:
        newest = self.scalar(f"SELECT max(created_at) FROM {self.table}")
        return newest.replace(tzinfo=UTC) if isinstance(newest, datetime) else None

    def last_id(self) -> int:
        found = self.scalar(f"SELECT coalesce(max(order_id), 0) FROM {self.table}")
        return found if isinstance(found, int) else 0

    def _scans(self) -> int:
        found = self.scalar(
            f"SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_all_tables WHERE relid = '{self.table}'::regclass"
        )
        return int(str(found))
