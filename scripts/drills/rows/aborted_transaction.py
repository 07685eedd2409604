from scripts.drills.messages import send_and_abort
from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline


@drill(
    naive="Spark reads uncommitted messages by default: the orders enter the lake, although they were taken back.",
    withstands="The consumer reads with isolation.level read_committed, so the broker leaves these messages out.",
)
def aborted_transaction(pipeline: Pipeline) -> None:
    """Another program publishes orders in a Kafka transaction that is aborted.

    4 orders each time, twice, among good orders. No reader that asks for committed messages only may see them.
    """
    for _ in range(2):
        pipeline.insert(2)
        send_and_abort(pipeline, 4)
    pipeline.insert(2)
