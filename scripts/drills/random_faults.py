"""Random drills: a plan that depends only on the seed, carried out while writers insert."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from configs.wording import counted
from scripts.drills import messages
from scripts.drills.crashes.consumer_killed_before_sink_log import is_before_sink_log
from scripts.drills.errors import DrillError
from scripts.drills.model import Drill
from scripts.drills.pipeline import CONSUMER, PRODUCER, Pipeline
from scripts.pipeline.orders import insert_orders


@dataclass(frozen=True)
class Step:
    """A fault, injected when the writers have committed `after_rows` more rows. `length`: how many seconds it lasts."""

    fault: str
    after_rows: int
    length: float

    def __str__(self) -> str:
        return f"{self.fault} after {counted(self.after_rows, 'row')} ({self.length:.2f} s)"


@dataclass(frozen=True)
class Plan:
    """The plan of one seed: how many writers, the longest pause between their transactions, the faults."""

    writers: int
    pause: float
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Fault:
    """`cost`: seconds until the pipeline has recovered; `weight`: how often it is drawn."""

    cost: float
    weight: int
    inject: Callable[[Pipeline, float], None]


BUDGET = 7.0  # seconds of cost in one plan, so that a run stays short
MAX_ROWS = 80  # that the writers commit; the faults add their own
CATCH_TIMEOUT = 10.0


def make_plan(seed: int) -> Plan:
    """The plan of a seed: the same on every machine."""
    rng = random.Random(f"plan {seed}")
    steps: list[Step] = []
    left = BUDGET
    names = list(FAULTS)
    while len(steps) < 6:
        affordable = [name for name in names if FAULTS[name].cost <= left]
        if not affordable:
            break
        name = rng.choices(affordable, [FAULTS[name].weight for name in affordable])[0]
        steps.append(Step(name, rng.randint(0, 12), round(rng.uniform(0.05, 1.0), 2)))
        left -= FAULTS[name].cost
    return Plan(rng.randint(1, 4), round(rng.uniform(0.05, 0.25), 2), tuple(steps))


def random_drill(seed: int) -> Drill:
    """The drill that carries out a seed's plan."""
    plan = make_plan(seed)

    def inject(pipeline: Pipeline) -> None:
        with pipeline.writers(plan.writers, pause=plan.pause, max_rows=MAX_ROWS) as load:
            for step in plan.steps:
                goal = min(load.committed + step.after_rows, MAX_ROWS)
                what = f"{counted(step.after_rows, 'more row')} committed"
                pipeline.wait(lambda goal=goal: load.committed >= goal, what)  # type: ignore[misc]
                pipeline.start_what_is_missing()
                FAULTS[step.fault].inject(pipeline, step.length)
            pipeline.start_what_is_missing()
        # The poll that reads these has looked for rows below the state before.
        pipeline.insert(2)

    steps = "; ".join(map(str, plan.steps))
    return Drill("random", "random", f"{counted(plan.writers, 'writer')}: {steps}", "", "", "", inject)


def _kill(name: str) -> Callable[[Pipeline, float], None]:
    return lambda pipeline, _: pipeline.kill(name)


def _kill_both(pipeline: Pipeline, _: float) -> None:
    pipeline.kill(PRODUCER)
    pipeline.kill(CONSUMER)


def _kill_at(point: str) -> Callable[[Pipeline, float], None]:
    def inject(pipeline: Pipeline, _: float) -> None:
        pipeline.kill_at(point)

    return inject


def _kill_consumer_when(condition: Callable[[Pipeline], bool]) -> Callable[[Pipeline, float], None]:
    def inject(pipeline: Pipeline, _: float) -> None:
        with contextlib.suppress(DrillError):  # the moment may not come: then it is killed at any time
            pipeline.catch(CONSUMER, lambda: condition(pipeline), "a batch is running", CATCH_TIMEOUT)
        pipeline.kill(CONSUMER)

    return inject


def _pause(name: str) -> Callable[[Pipeline, float], None]:
    def inject(pipeline: Pipeline, length: float) -> None:
        pipeline.freeze(name)
        pipeline.note(f"pause {name}")
        try:
            threading.Event().wait(length)
        finally:
            pipeline.thaw(name)

    return inject


def _restart_postgres(crash: bool) -> Callable[[Pipeline, float], None]:
    def inject(pipeline: Pipeline, length: float) -> None:
        pipeline.stop_postgres(crash=crash)
        threading.Event().wait(length)
        pipeline.start_postgres()

    return inject


def _restart_kafka(crash: bool) -> Callable[[Pipeline, float], None]:
    def inject(pipeline: Pipeline, length: float) -> None:
        pipeline.stop_kafka(crash=crash)
        pipeline.start_kafka()

    return inject


def _cut_sessions(pipeline: Pipeline, _: float) -> None:
    pipeline.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND backend_type = 'client backend' AND datname = current_database()"
    )
    pipeline.note("sessions cut")


def _late_commit(pipeline: Pipeline, length: float) -> None:
    with pipeline.transaction() as late:
        insert_orders(late, pipeline.table, 4)
        threading.Event().wait(length)
    pipeline.note("late commit")


def _slow_insert(pipeline: Pipeline, length: float) -> None:
    with pipeline.transaction() as slow:
        threading.Event().wait(length)
        insert_orders(slow, pipeline.table, 4)
    pipeline.note("slow insert")


def _ties(pipeline: Pipeline, _: float) -> None:
    pipeline.insert(45)
    pipeline.note("45 equal timestamps")


def _rejects(pipeline: Pipeline, _: float) -> None:
    chosen = pipeline.rng.sample(sorted(messages.REJECTS), 8)
    messages.send(pipeline, [messages.REJECTS[name] for name in chosen])
    pipeline.note("8 dirty messages")


def _copies(pipeline: Pipeline, _: float) -> None:
    messages.send(pipeline, messages.copies_of_orders(pipeline, 6))
    pipeline.note("6 orders published by another program")


def _backdated(pipeline: Pipeline, length: float) -> None:
    pipeline.insert_backdated(3, seconds=1 + 9 * length)


def _prepared(pipeline: Pipeline, length: float) -> None:
    with pipeline.prepared_transaction(4):
        threading.Event().wait(length)


def _kill_while_prepared(pipeline: Pipeline, _: float) -> None:
    with pipeline.prepared_transaction(4):
        pipeline.kill(PRODUCER)
        pipeline.start(PRODUCER)
        pipeline.insert(3)
        pipeline.wait_for_polls(1)


def _aborted(pipeline: Pipeline, _: float) -> None:
    messages.send_and_abort(pipeline, 4)


def _stop(name: str) -> Callable[[Pipeline, float], None]:
    def inject(pipeline: Pipeline, _: float) -> None:
        pipeline.stop(name)
        pipeline.note(f"SIGTERM {name}")

    return inject


def _full_disk(name: str) -> Callable[[Pipeline, float], None]:
    def inject(pipeline: Pipeline, length: float) -> None:
        with pipeline.full_disk(name):
            threading.Event().wait(length)

    return inject


FAULTS = {
    "kill the producer": Fault(5, 4, _kill(PRODUCER)),
    "kill the consumer": Fault(6, 4, _kill(CONSUMER)),
    "kill both": Fault(7, 3, _kill_both),
    "kill the producer before its state write": Fault(5, 3, _kill_at("before_state_write")),
    "kill the producer in its state write": Fault(5, 3, _kill_at("in_state_write")),
    "kill the producer before its state's rename": Fault(5, 2, _kill_at("before_state_rename")),
    "kill the consumer during a batch": Fault(6, 3, _kill_consumer_when(Pipeline.is_batch_under_way)),
    "kill the consumer before the sink log": Fault(6, 3, _kill_consumer_when(is_before_sink_log)),
    "pause the producer": Fault(1, 4, _pause(PRODUCER)),
    "pause the consumer": Fault(1, 4, _pause(CONSUMER)),
    "stop the producer": Fault(5, 2, _stop(PRODUCER)),
    "stop the consumer": Fault(6, 2, _stop(CONSUMER)),
    "restart Postgres": Fault(2, 3, _restart_postgres(crash=False)),
    "crash Postgres": Fault(2, 3, _restart_postgres(crash=True)),
    "restart Kafka": Fault(6, 1, _restart_kafka(crash=False)),
    "crash Kafka": Fault(6, 1, _restart_kafka(crash=True)),
    "cut the sessions of Postgres": Fault(1, 4, _cut_sessions),
    "late commit": Fault(1, 5, _late_commit),
    "slow insert": Fault(1, 5, _slow_insert),
    "backdated rows": Fault(0.5, 5, _backdated),
    "prepared transaction": Fault(2, 4, _prepared),
    "kill the producer while a transaction is prepared": Fault(7, 2, _kill_while_prepared),
    "ties": Fault(0.5, 5, _ties),
    "dirty messages": Fault(0.5, 5, _rejects),
    "aborted transaction of Kafka": Fault(1, 3, _aborted),
    "copies of orders": Fault(0.5, 4, _copies),
    "full disk for the producer": Fault(2, 2, _full_disk(PRODUCER)),
    "full disk for the consumer": Fault(3, 2, _full_disk(CONSUMER)),
}
