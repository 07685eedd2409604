from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, Pipeline


def is_before_sink_log(pipeline: Pipeline) -> bool:
    """Whether the running batch has written a data file that the lake's log does not name yet."""
    planned = pipeline.last_planned_batch()
    if planned <= pipeline.last_logged_batch():
        return False
    try:
        since = (pipeline.checkpoint / "offsets" / str(planned)).stat().st_mtime_ns
    except OSError:
        return False
    return pipeline.has_data_file_since(since)


@drill(
    naive="The kill loses and repeats nothing for a reader that asks the log, as Spark does. A reader that takes every "
    "Parquet file in the folder sees the rows twice. The producer loses some of the writers' rows, with or without the "
    "kill.",
    withstands="The log decides which files are the lake. The batch is written again after the restart. The file that "
    "was left behind stays an orphan, which the grader reports.",
)
def consumer_killed_before_sink_log(pipeline: Pipeline) -> None:
    """kill -9 of the consumer after a batch's data file was written, before the lake's log names it.

    The consumer is stopped (SIGSTOP) when the evidence shows that moment, and killed if the evidence still shows it.
    Twice, while two writers insert.
    """
    with pipeline.writers(2):
        for _ in range(2):
            pipeline.catch(CONSUMER, lambda: is_before_sink_log(pipeline), "a file is written and not in the log")
            pipeline.kill(CONSUMER)
            pipeline.start(CONSUMER)
