from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline


@drill(
    naive="The running poll fails and the program ends. Someone has to notice and start it again.",
    withstands="A poll that fails is tried again with growing pauses, from the state, which has not moved.",
)
def postgres_restarted(pipeline: Pipeline) -> None:
    """Postgres is stopped and started, then crashes and recovers, while two writers insert.

    A fast shutdown rolls open transactions back. An immediate one (SIGQUIT) leaves recovery to the next start.
    """
    with pipeline.writers(2):
        for crash in (False, True):
            length = pipeline.topic_length()
            pipeline.wait(lambda length=length: pipeline.topic_length() > length, "more messages on the topic")  # type: ignore[misc]
            pipeline.stop_postgres(crash=crash)
            pipeline.start_postgres()
