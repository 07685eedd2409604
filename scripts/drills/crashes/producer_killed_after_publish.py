from scripts.drills.model import drill
from scripts.drills.pipeline import PRODUCER, Pipeline


@drill(
    naive="The batch is published again after the restart, and the consumer appends it again: every row of it twice.",
    withstands="The batch is published again: delivery is at least once. The consumer keeps every order_id it has seen "
    "in Spark's state store and drops the repeats.",
)
def producer_killed_after_publish(pipeline: Pipeline) -> None:
    """kill -9 of the producer after the broker has acknowledged a batch, before it touches its state file.

    The producer ends itself when it opens its state file for writing (scripts/drills/fault_point). Twice in a row. The
    second time there are more rows after the batch that is repeated.
    """
    for _ in range(2):
        pipeline.kill_at("before_state_write", required=True)
        pipeline.insert(3)
        pipeline.start(PRODUCER)
