"""The pipeline under test, and everything that a drill may do to it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg2
import psycopg2.extensions
from confluent_kafka import KafkaException

from configs.contract import state_file
from configs.settings import ENVIRONMENT_PREFIX, local_path
from configs.storage import lake_place
from grader.evidence.checkpoint import Checkpoint
from grader.evidence.sink_log import FOLDER as SINK_LOG
from grader.evidence.sink_log import SinkLog
from scripts.drills.errors import DrillError
from scripts.pipeline import position, programs
from scripts.pipeline.orders import NewOrder, insert_orders
from scripts.pipeline.position import StreamPosition
from scripts.pipeline.services import services_of
from scripts.pipeline.store_proxy import behind
from scripts.pipeline.table import require_table
from scripts.pipeline.topic import TopicWatch
from scripts.pipeline.writers import Writers, writers
from scripts.services import kafka, postgres, spark_cluster
from scripts.services.processes import begin_stop, last_lines
from scripts.services.stack import CONSUMER as CONSUMER
from scripts.services.stack import PRODUCER as PRODUCER
from scripts.services.stack import PROGRAM_NAMES, Stack

Answer = TypeVar("Answer")

FAULT_POINT = Path(__file__).with_name("fault_point")
MAX_ENDS = 3  # a program that ends by itself this often in one drill is not started again
# Compile less, because a program lives only for seconds: on a machine with few cores it then starts much faster.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1"
WAIT_TIMEOUT = 90.0
CLUSTER_PATIENCE = 2.0  # times as long; its programs start executors first
STOP_LIMIT = 10.0  # seconds from SIGTERM to the end of a program
MAX_TRIES = 40
_PREPARED = "drill"
SCANS_OF_A_POLL = 3  # of the orders table


class GivenUpError(DrillError):
    """A program ends again and again, so there is no point in waiting for it."""


class Pipeline:
    """A stack with both programs, seen from a drill. Postgres and Kafka run when a drill begins and when it ends."""

    def __init__(self, stack: Stack) -> None:
        self.stack = self._behind = stack
        self.settings = stack.settings
        self.rng = random.Random(0)
        self.faults: list[str] = []
        self.ended: list[str] = []
        self._supervised: dict[str, dict[str, str]] = {}  # program -> its extra environment
        self._given_up: set[str] = set()
        self._stopped_services: set[str] = set()
        self._watch: TopicWatch | None = None
        self._connection: psycopg2.extensions.connection | None = None
        self._table = ""
        self._fault_file = stack.home / "fault_point"
        self.checkpoint = local_path(self.settings.streaming.checkpoint_location)
        self.lake = lake_place(self.settings)
        self._patience = CLUSTER_PATIENCE if self.settings.spark.is_cluster else 1.0

    def begin(self, seed: int) -> None:
        """Forget the counts of the last drill."""
        self.rng = random.Random(seed)
        self.faults, self.ended, self._given_up = [], [], set()

    def close(self) -> None:
        """End both programs and the connections."""
        self._supervised.clear()
        for name in (*PROGRAM_NAMES, *(f"second_{name}" for name in PROGRAM_NAMES)):
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
        """Start a program and supervise it: if it ends by itself, it is started again and reported."""
        self._supervised[name] = dict(environment or {})
        self._launch(name, name, self._supervised[name])

    @contextlib.contextmanager
    def consumer_behind(self, address: str) -> Iterator[None]:
        """Let the consumer reach S3 at another address during the block: it is started again at both ends."""
        self.stop(CONSUMER)
        self._behind, variables = behind(self.stack, address)
        self.start(CONSUMER, variables)
        try:
            yield
            self.settle()
        finally:
            self.stop(CONSUMER)
            self._behind = self.stack
            self.start(CONSUMER)

    def start_second(self, name: str) -> str:
        """Start a program next to the one that runs; return its name. It is not supervised."""
        second = f"second_{name}"
        self._launch(name, second, {})
        self.note(f"second {name}")
        return second

    def start_consumer_elsewhere(self) -> str:
        """Start a second consumer as on another machine, where the lock of the first does not hold; return its name."""
        second, elsewhere = f"second_{CONSUMER}", self.stack.home / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        checkpoint = elsewhere / self.checkpoint.name
        if not checkpoint.is_symlink():
            checkpoint.symlink_to(self.checkpoint)
        streaming = self.settings.streaming
        places = {
            "CHECKPOINT_LOCATION": str(checkpoint),
            "QUARANTINE_CHECKPOINT_LOCATION": streaming.quarantine_checkpoint_location,
        }
        self._launch(CONSUMER, second, {f"{ENVIRONMENT_PREFIX}STREAMING__{key}": path for key, path in places.items()})
        self.note(f"second {CONSUMER} on another machine")
        return second

    def start_unsupervised(self, name: str) -> None:
        """Start a program that may refuse to run. If it ends, it is not started again and not reported."""
        self._launch(name, name, {})

    def supervise(self, name: str) -> None:
        """Supervise a program that `start_unsupervised` has started."""
        self._supervised[name] = {}

    def _launch(self, program: str, name: str, environment: Mapping[str, str]) -> None:
        programs.launch(self._behind, program, name=name, environment=self._environment(environment))

    def stop(self, name: str) -> None:
        """Ask a program to stop, as `make stop` does.

        Raises:
            DrillError: it took longer than a program may.
        """
        self._supervised.pop(name, None)
        begun = time.monotonic()
        programs.stop(self.stack, [name])
        if (seconds := time.monotonic() - begun) > STOP_LIMIT:
            raise DrillError(f"the {name} ended {seconds:.1f} s after SIGTERM; it may take {STOP_LIMIT:g} s")

    def kill(self, name: str) -> None:
        """kill -9 of a program: its JVM, its Python and the script around them."""
        self._supervised.pop(name, None)
        self.end(name)
        self.note(f"kill -9 {name}")

    def start_what_is_missing(self) -> None:
        """What an operator or a supervisor does after a crash."""
        for name in PROGRAM_NAMES:
            if name not in self._supervised and name not in self._given_up:
                self.start(name)

    def freeze(self, name: str) -> None:
        """SIGSTOP to all of a program."""
        programs.pause(self.stack, name)

    def thaw(self, name: str) -> None:
        """SIGCONT to all of a program."""
        programs.resume(self.stack, name)

    def is_alive(self, name: str) -> bool:
        return programs.is_alive(self.stack, name)

    @contextlib.contextmanager
    def full_disk(self, name: str) -> Iterator[None]:
        """Make every write of a program to a file fail, as on a full disk.

        The cause is the limit on the size of files (RLIMIT_FSIZE), which needs no root and fills no disk. So the error
        is "file too large", not "no space left on device".

        - Consumer: everything that it writes fails, also its log.
        - Producer: only what its Python writes fails: the state file. Spark's temporary files may be on another disk.
        """
        before = {}
        for process in programs.family(self.stack, name):
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
        programs.kill(self.stack, name)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The extra environment of a program: fault points, and less compiling."""
        state = state_file(local_path(self.settings.streaming.last_processed_timestamp_location))
        return {
            "PYTHONPATH": str(FAULT_POINT),
            "DRILL_FAULT_FILE": str(self._fault_file),
            "DRILL_STATE_FILE": str(state),
            "JAVA_TOOL_OPTIONS": JAVA_OPTIONS,
            **more,
        }

    # -- a cluster

    def kill_executors(self, name: str) -> None:
        """kill -9 of the executors of a program.

        Raises:
            DrillError: it has none.
        """
        found = spark_cluster.cluster(self.stack)
        ids = {one.id for one in (found.applications if found else ()) if one.name.endswith(name)}
        killed = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "--app-id" in words and words[words.index("--app-id") + 1] in ids and "--executor-id" in words:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                    killed.append(process)
        if not killed:
            raise DrillError(f"the {name} has no executor that could be killed")
        psutil.wait_procs(killed, timeout=WAIT_TIMEOUT)
        self.note(f"kill -9 executor of the {name}")

    def kill_service(self, name: str) -> None:
        """kill -9 of a service, by the name of its pid file.

        Raises:
            DrillError: it does not run.
        """
        process = self.stack.pid_file(name).process()
        if process is None:
            raise DrillError(f"{name} does not run, so it cannot be killed")
        process.kill()
        psutil.wait_procs([process], timeout=WAIT_TIMEOUT)
        self.note(f"kill -9 {name}")

    def stop_service(self, name: str) -> None:
        """Stop a service in an orderly way, by the name of its pid file."""
        begin_stop(self.stack.pid_file(name), timeout=kafka.STOP_TIMEOUT)()
        self.note(f"{name} stops")

    def start_services(self) -> None:
        """Start each service that does not run."""
        services_of(self.stack).up()

    def wait_for_replicas(self) -> None:
        """Wait until every broker has all of the topic."""
        count = len(self.settings.kafka.addresses)

        def are_complete() -> bool:
            try:
                return set(kafka.in_sync_replicas(self.settings.kafka)) == {count}
            except KafkaException:
                return False

        self.wait(are_complete, f"all of the topic on {count} brokers")

    # -- waiting, always for evidence

    def wait(self, condition: Callable[[], bool], what: str, timeout: float = WAIT_TIMEOUT) -> None:
        """Wait until a condition holds. Meanwhile a supervised program that has ended is started again.

        Raises:
            GivenUpError: a program has ended too often.
            DrillError: the condition did not hold within `timeout` seconds.
        """
        timeout *= self._patience
        deadline = time.monotonic() + timeout
        while not condition():
            self._supervise()
            if time.monotonic() > deadline:
                logs = "\n".join(f"{name}:\n{last_lines(self.stack.log(name), 4)}" for name in PROGRAM_NAMES)
                raise DrillError(f"not seen within {timeout:.0f} s: {what}. The ends of the logs:\n{logs}")
            time.sleep(0.02)

    def _supervise(self) -> None:
        for name, environment in list(self._supervised.items()):
            if self.is_alive(name):
                continue
            self.ended.append(name)
            if self._stopped_services:
                del self._supervised[name]  # it is not started before its service is back
                continue
            if self.ended.count(name) >= MAX_ENDS:
                self._given_up.add(name)
                del self._supervised[name]
                raise GivenUpError(
                    f"the {name} ended by itself {MAX_ENDS} times. The end of its log:\n"
                    f"{last_lines(self.stack.log(name), 4)}"
                )
            self.start(name, environment)

    def catch(self, name: str, condition: Callable[[], bool], what: str, timeout: float = WAIT_TIMEOUT) -> None:
        """Stop a program (SIGSTOP) while a condition holds that lasts only milliseconds.

        When the program is stopped, the condition is tested again. If it still holds, the moment is caught. Otherwise
        the program continues, and we wait for the next moment.

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
                raise DrillError(f"not seen within {timeout:.0f} s: a moment in which {what}")
            if now > look_after:
                self._supervise()
                look_after = now + 0.5

    def freeze_after_publish(self) -> None:
        """Insert rows, and stop the producer (SIGSTOP) while they are on the topic and the state has not moved.

        Raises:
            DrillError: the producer was faster every time.
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
        raise DrillError(f"the producer moved its state about a millisecond after publishing, in all {MAX_TRIES} tries")

    def wait_for_polls(self, count: int) -> None:
        """Wait until the producer has read the table `count` times more, as Postgres counts.

        The naive baseline reads it three times if a poll finds rows. So does ours, with its look below the state.
        """
        before = self._scans()
        # Postgres counts a session when it ends, so one that had begun earlier counts too.
        self.wait(lambda: self._scans() > before + count * SCANS_OF_A_POLL, f"{count} more polls of the producer")

    def wait_for_batches(self, count: int) -> None:
        """Wait until the consumer has planned `count` more batches."""
        planned = self.last_planned_batch()
        self.wait(lambda: self.last_planned_batch() >= planned + count, f"{count} more batches")

    def wait_for_log(self, name: str, what: str) -> None:
        """Wait until the program has written to its log."""
        size = self.log_size(name)
        self.wait(lambda: self.log_size(name) > size, f"the {name} {what}")

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
            self._supervise()  # a program may have finished its last batch and then ended
            if len(self.ended) == ended:
                return

    def _is_settled(self) -> bool:
        return position.is_settled(self.settings, self._newest(), self._topic_watch().ends())

    def is_all_published(self) -> bool:
        """Whether the state is at the newest row of Postgres."""
        return position.is_published(self.settings, self._newest())

    def is_topic_read(self) -> bool:
        """Whether the consumer has finished all that is on the topic. If it has a quarantine, that stream too."""
        return position.is_read(self.settings, self._topic_watch().ends())

    # -- evidence

    def reached(self) -> datetime | None:
        return position.reached(self.settings)

    def topic_length(self) -> int:
        """Messages on the topic."""
        return self._topic_watch().length()

    def _topic_watch(self) -> TopicWatch:
        if self._watch is None:
            self._watch = TopicWatch(self.settings.kafka)
        return self._watch

    def batch(self) -> StreamPosition:
        """The position of the consumer's stream into the lake."""
        return position.lake_stream(self.settings)

    def last_attempt(self) -> int:
        """When the consumer last began to write a batch's plan, also if that failed (ns since 1970)."""
        try:
            return (self.checkpoint / "offsets").stat().st_mtime_ns
        except OSError:
            return 0

    def is_batch_under_way(self) -> bool:
        """Whether a batch is planned and not finished."""
        checkpoint = Checkpoint(self.checkpoint)
        return _or_none_yet(checkpoint.last_offset_batch) > _or_none_yet(checkpoint.last_commit_batch)

    def last_planned_batch(self) -> int:
        """The last batch in the checkpoint's offsets/, -1 for none."""
        return _or_none_yet(Checkpoint(self.checkpoint).last_offset_batch)

    def last_logged_batch(self) -> int:
        """The last batch in the lake's log (`_spark_metadata`), -1 for none."""
        return _or_none_yet(SinkLog(self.lake / SINK_LOG).last_batch)

    def has_data_file_since(self, moment: int) -> bool:
        """Whether the lake has a Parquet file that is not empty, written at or after `moment` (ns since 1970)."""
        assert isinstance(self.lake, Path)
        for day in self.lake.glob("date=*"):
            with contextlib.suppress(OSError), os.scandir(day) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        if entry.name.endswith(".parquet") and not entry.name.startswith("."):
                            found = entry.stat()
                            if found.st_size and found.st_mtime_ns >= moment:
                                return True
        return False

    # -- exact points while the state file is written

    def arm(self, point: str) -> None:
        """Let the producer end at a point of fault_point/sitecustomize.py, the next time that it reaches it."""
        temporary = self._fault_file.with_suffix(".new")
        temporary.write_text(point, encoding="utf-8")
        temporary.replace(self._fault_file)

    def disarm(self) -> None:
        self._fault_file.unlink(missing_ok=True)

    def is_armed(self) -> bool:
        """Whether the point has not been reached yet."""
        return self._fault_file.exists()

    def kill_at(self, point: str, *, required: bool = False) -> bool:
        """Insert rows and let the producer end at a point; False if it published them without reaching the point.

        Raises:
            DrillError: it did, and `required` says that every producer must reach the point.
        """
        self.arm(point)
        ids = self.insert(5)
        moved = self._newest()
        self._supervised.pop(PRODUCER, None)

        def passed() -> bool:
            reached = self.reached()
            return not self.is_armed() or (reached is not None and moved is not None and reached >= moved)

        self.wait(passed, f"the producer at {point}, or rows {ids[0]} to {ids[-1]} passed by the state")
        hit = not self.is_armed()
        self.disarm()
        self.end(PRODUCER)
        if hit:
            self.note(f"kill -9 producer {point}")
        elif required:
            raise DrillError(f"the producer moved its state and did not reach {point}, so no fault was injected")
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
        """The one value of a query."""

        def ask(connection: psycopg2.extensions.connection) -> object:
            with connection.cursor() as cursor:
                cursor.execute(query)
                row = cursor.fetchone()
            return row[0] if row else None

        return self._kept(ask)

    def _kept(self, ask: Callable[[psycopg2.extensions.connection], Answer]) -> Answer:
        """Query through one connection that is kept open; reopen it if a drill has closed it."""
        for _ in range(2):
            if self._connection is None or self._connection.closed:
                self._connection = self.connect()
                with self._connection.cursor() as cursor:
                    cursor.execute("SET track_counts = off")  # so that the scans counted are the producer's
            try:
                return ask(self._connection)
            except psycopg2.OperationalError:
                self._connection.close()
        raise DrillError(f"Postgres at {self.settings.postgres.host} closes every connection")

    def execute(self, statement: str) -> None:
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def insert(self, orders: int | Sequence[NewOrder]) -> list[int]:
        """Insert this many rows, or these, in one transaction: all get the same created_at. Return their order_ids."""
        with contextlib.closing(self.connect()) as connection:
            return insert_orders(connection, self.table, orders)

    def writers(
        self, count: int, *, pause: float = 0.2, max_rows: int | None = None
    ) -> contextlib.AbstractContextManager[Writers]:
        """`count` writers that insert during the block, by the drill's seed: see scripts/pipeline/writers.py."""
        seed = self.rng.randrange(1 << 30)
        return writers(self.settings.postgres, self.table, count, seed=seed, pause=pause, max_rows=max_rows)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[psycopg2.extensions.connection]:
        """A transaction that has begun, so the created_at of its rows is fixed; it commits at the end."""
        connection = self.connect()
        connection.autocommit = False
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT now()")
            yield connection
            connection.commit()
        finally:
            connection.close()

    def insert_backdated(self, count: int, seconds: float) -> None:
        """Insert rows in one transaction, with a created_at that is `seconds` earlier than now."""
        with self.transaction() as connection, connection.cursor() as cursor:
            ids = insert_orders(connection, self.table, count)
            cursor.execute(
                f"UPDATE {self.table} SET created_at = created_at - %s * interval '1 second' WHERE order_id = ANY(%s)",
                [seconds, ids],
            )
        self.note("backdated rows")

    @contextlib.contextmanager
    def prepared_transaction(self, count: int) -> Iterator[None]:
        """Insert rows in a transaction that is prepared, so that no session has it, and commit it after the block.

        Postgres is restarted if its max_prepared_transactions does not allow one.
        """
        if str(self.scalar("SHOW max_prepared_transactions")) == "0":
            self.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
            self.stop_postgres()
            self.start_postgres()
        with contextlib.closing(self.connect()) as connection:
            connection.autocommit = False
            insert_orders(connection, self.table, count)
            with connection.cursor() as cursor:
                cursor.execute(f"PREPARE TRANSACTION '{_PREPARED}'")
        try:
            yield
        finally:
            self.execute(f"COMMIT PREPARED '{_PREPARED}'")
        self.note("prepared transaction commits late")

    def stop_postgres(self, *, crash: bool = False) -> None:
        """Stop the server. With `crash` it ends as in a power cut, and recovers at its next start."""
        process = self.stack.pid_file(postgres.NAME).process()
        if crash and process is not None:
            process.send_signal(signal.SIGQUIT)  # Postgres ends at once, without a checkpoint
            psutil.wait_procs([process], timeout=30)
        postgres.down(self.stack)
        self._stopped_services.add(postgres.NAME)
        self.note("Postgres crashes" if crash else "Postgres stops")

    def start_postgres(self) -> None:
        postgres.up(self.stack)
        self._stopped_services.discard(postgres.NAME)

    def stop_kafka(self, *, crash: bool = False) -> None:
        """Stop the broker: with an orderly shutdown, or by kill -9."""
        process = self.stack.pid_file(kafka.NAME).process()
        if crash and process is not None:
            process.kill()
            psutil.wait_procs([process], timeout=30)
        kafka.down(self.stack)
        self._stopped_services.add(kafka.NAME)
        self.note("Kafka crashes" if crash else "Kafka stops")

    def start_kafka(self) -> None:
        kafka.up(self.stack)
        self._stopped_services.discard(kafka.NAME)

    def log_size(self, name: str) -> int:
        """Bytes of a program's log: it grows when the program reports something."""
        try:
            return self.stack.log(name).stat().st_size
        except OSError:
            return 0

    def _newest(self) -> datetime | None:
        return self._kept(lambda connection: position.newest_created_at(connection, self.table))

    def last_id(self) -> int:
        found = self.scalar(f"SELECT coalesce(max(order_id), 0) FROM {self.table}")
        return found if isinstance(found, int) else 0

    def _scans(self) -> int:
        found = self.scalar(
            f"SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_all_tables WHERE relid = '{self.table}'::regclass"
        )
        return int(str(found))


def _or_none_yet(batch: int | None) -> int:
    return -1 if batch is None else batch
