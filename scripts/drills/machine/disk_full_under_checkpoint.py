from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, Pipeline


@drill(
    plain="The query fails and the program ends; started again, it goes on from Spark's checkpoint.",
    withstands="The stream fails, says so, and is started again with growing pauses until there is room. A batch "
    "counts only when it is in the log.",
)
def disk_full_under_checkpoint(pipeline: Pipeline) -> None:
    """No file of the consumer can grow: checkpoint, state store, lake and log.

    The writes fail as on a full disk. It is brought about by the limit on the size of files (RLIMIT_FSIZE), which needs
    no root: the error is "File too large" in place of "No space left on device". It lasts until the consumer has said
    that a stream failed, twice, while rows come; then there is room again.
    """
    with pipeline.full_disk(CONSUMER):
        for _ in range(2):
            said = pipeline.log_size(CONSUMER)
            pipeline.insert(5)
            pipeline.wait(
                lambda said=said: pipeline.log_size(CONSUMER) > said or not pipeline.is_alive(CONSUMER),  # type: ignore[misc]
                "the consumer saying that a stream failed",
            )
    pipeline.insert(5)
