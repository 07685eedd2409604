from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline


@drill(
    withstands="Two of three brokers are up at any time, which is enough to publish and to read.",
)
def brokers_restarted_in_turn(pipeline: Pipeline) -> None:
    """All three brokers are restarted one after the other, as for an upgrade.

    Two writers insert meanwhile. The next broker is stopped when all of the topic is on three brokers again.
    """
    with pipeline.writers(2):
        for name in ("kafka_3", "kafka_2", "kafka"):
            pipeline.stop_service(name)
            pipeline.start_services()
            pipeline.wait_for_replicas()
