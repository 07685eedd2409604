from scripts.drills.model import drill
from scripts.drills.pipeline import PRODUCER, Pipeline


@drill(
    naive="The producer ends with the first poll that fails. Someone has to notice and start it again.",
    withstands="The producer reports it and tries again with growing pauses until Postgres is back.",
)
def postgres_away(pipeline: Pipeline) -> None:
    """Postgres is stopped until the producer has failed three times.

    Rows that were inserted just before arrive afterwards, with those inserted later.
    """
    pipeline.insert(5)
    pipeline.stop_postgres()
    for _ in range(3):
        size = pipeline.log_size(PRODUCER)
        pipeline.wait(
            lambda size=size: pipeline.log_size(PRODUCER) > size or not pipeline.is_alive(PRODUCER),  # type: ignore[misc]
            "the producer reporting that a poll failed",
        )
    pipeline.start_postgres()
    pipeline.insert(5)
