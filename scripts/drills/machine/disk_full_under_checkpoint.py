from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, Pipeline


@drill(
    naive="The query fails and the program ends; started again, it goes on from Spark's checkpoint.",
    withstands="The stream fails, says so, and is started again with growing pauses until there is room. A batch "
    "counts only when it is in the log.",
)
def disk_full_under_checkpoint(pipeline: Pipeline) -> None:
    """No file of the consumer can grow: checkpoint, state store, lake and log.

    The writes fail as on a full disk. It is brought about by the limit on the size of files (RLIMIT_FSIZE), which needs
    no root: the error is "File too large" in place of "No space left on device". It lasts until the consumer has tried
    three times to write the plan of a batch, while rows come; then there is room again.
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
