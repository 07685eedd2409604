"""`make status` and `make logs`: what runs, how far the rows are, and the end of every log."""

from __future__ import annotations

from scripts.services import kafka, postgres, s3, spark_cluster
from scripts.services.processes import last_lines
from scripts.services.stack import PROGRAM_NAMES, Stack, has_own_s3


def names(stack: Stack) -> tuple[str, ...]:
    """All that runs for a stack, by the names of pid files and logs."""
    own_s3 = [s3.NAME] if has_own_s3(stack.settings) else []
    brokers = (node.name for node in kafka.brokers(stack))
    spark = (node.name for node in spark_cluster.nodes(stack))
    return (postgres.NAME, *brokers, *spark, *own_s3, *PROGRAM_NAMES)


def status(stack: Stack) -> str:
    """One snapshot of `make watch` as text."""
    from scripts.watch.run import snapshot_text  # here: other verbs start faster without rich and pyarrow

    return snapshot_text(stack)


def logs(stack: Stack, lines: int = 20) -> str:
    """The end of every log, also of the executors of the last applications on Spark's cluster."""
    paths = [stack.log(name) for name in names(stack) if stack.log(name).is_file()]
    if not paths:
        return f"No logs yet in {stack.logs}: nothing has run. `make start` starts the two programs."
    ends = [f"{path}\n{last_lines(path, lines)}" for path in paths]
    for path, logged in spark_cluster.executor_logs(stack):
        ends.append("\n".join([str(path), *(f"  {line}" for line in logged[-lines:])]))
    return "\n\n".join(ends)
