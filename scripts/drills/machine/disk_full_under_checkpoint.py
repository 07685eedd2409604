from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, Pipeline


@drill(
    naive="The query fails and the program ends. Started again, it continues from Spark's checkpoint.",
    withstands="The stream fails and reports it. It is started again with growing pauses until there is space. A batch "
    "counts only when it is in the log.",
)
def disk_full_under_checkpoint(pipeline: Pipeline) -> None:
    """No file of the consumer can grow: checkpoint, state store, lake and log.

    The writes fail as on a full disk. The cause is a limit on the size of files (RLIMIT_FSIZE), which needs no root.
    So the error is "File too large", not "No space left on device". It lasts until the consumer has tried three times
    to write the plan of a batch, while rows come. Then there is space again.
    """
    with pipeline.full_disk(CONSUMER):
        for _ in range(3):
            attempt = pipeline.last_attempt()
            pipeline.insert(5)
            pipeline.wait(
                lambda attempt=attempt: pipeline.last_attempt() > attempt or not pipeline.is_alive(CONSUMER),  # type: ignore[misc]
                "the consumer trying to plan a batch",
            )
    pipeline.insert(5)
