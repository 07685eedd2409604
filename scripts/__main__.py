"""The commands of the Makefile: python -m scripts VERB."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from configs.errors import run_command
from scripts import demo, doctor, status
from scripts.clients.kafka import run_console, run_topics
from scripts.clients.psql import run_psql
from scripts.clients.spark_shell import run_spark_shell
from scripts.pipeline import programs, remove, table, topic
from scripts.pipeline.services import require_own, services_of
from scripts.pipeline.student_programs import programs_from_environment
from scripts.rounds.bad_messages import run_bad_messages
from scripts.rounds.load import run_load
from scripts.rounds.run import run_round
from scripts.services.stack import PROGRAM_NAMES, Stack, open_stack
from scripts.submit.command import run_submit


def _print(lines: Sequence[str]) -> int:
    print(*lines, sep="\n", flush=True)
    return 0


def _up(stack: Stack) -> int:
    with stack.locked():
        return _print([outcome.line for outcome in services_of(stack).up()])


def _down(stack: Stack) -> int:
    with stack.locked():
        return _print([*programs.stop(stack), *services_of(stack).down()])


def _start(stack: Stack) -> int:
    with stack.locked():
        return _print([outcome.line for outcome in programs.start(stack)])


def _stop(stack: Stack) -> int:
    with stack.locked():
        return _print(programs.stop(stack))


def _reset(stack: Stack) -> int:
    with stack.locked():
        return _print(remove.reset(stack))


def _doctor(stack: Stack) -> int:
    diagnoses = doctor.examine(stack)
    print(doctor.report(diagnoses))
    return 1 if any(item.remedy for item in diagnoses) else 0


def _round(number: int) -> Callable[[Stack], int]:
    def run(stack: Stack) -> int:
        run_round(replace(stack, short_lived=True), number)
        return 0

    return run


def _round4(stack: Stack) -> int:
    run_bad_messages(stack)
    return 0


def _load(stack: Stack) -> int:
    run_load(stack)
    return 0


def _watch(stack: Stack) -> int:
    from scripts.watch.run import run_watch  # here: other verbs start faster without rich and pyarrow

    return run_watch(stack)


VERBS: dict[str, Callable[[Stack], int]] = {
    "doctor": _doctor,
    "up": _up,
    "down": _down,
    "status": lambda stack: _print([status.status(stack)]),
    "watch": _watch,
    "logs": lambda stack: _print([status.logs(stack)]),
    "db": lambda stack: _print([table.make_table(stack.settings).line]),
    "topic": lambda stack: _print([topic.make_topic(stack.settings.kafka)]),
    "start": _start,
    "stop": _stop,
    "round1": _round(1),
    "round2": _round(2),
    "round3": _round(3),
    "round4": _round4,
    "load": _load,
    "demo": demo.run_demo,
    "psql": run_psql,
    "kafka-topics": run_topics,
    "kafka-console": run_console,
    "pyspark": run_spark_shell,
    "submit": run_submit,
    "clean": lambda stack: _print(remove.clean(stack)),
    "reset": _reset,
}


# They use the services that this clone has started. Before a round or the demo starts the programs, too.
CLIENTS = ("psql", "kafka-topics", "kafka-console")
USERS = ("db", "topic", "start", "round1", "round2", "round3", "demo", *CLIENTS, *PROGRAM_NAMES)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts", description="What the Makefile calls.")
    parser.add_argument("verb", choices=[*VERBS, *PROGRAM_NAMES])
    parser.add_argument("--config", help="the config file (default: CONFIG, else configs/orders_stream.yml)")
    parser.add_argument("--debug", action="store_true", help="show the trace of an error")
    arguments = parser.parse_args(words)

    def run() -> int:
        stack = open_stack(arguments.config, programs=programs_from_environment())
        if arguments.verb in USERS:
            require_own(stack)
        if arguments.verb in PROGRAM_NAMES:
            programs.run_in_foreground(stack, arguments.verb, arguments.debug)
        return VERBS[arguments.verb](stack)

    return run_command(
        run,
        debug=arguments.debug,
        interrupted="Interrupted. `make status` shows what still runs. `make down` stops it.",
    )


if __name__ == "__main__":
    sys.exit(main())
