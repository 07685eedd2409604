from scripts.drills.model import drill
from scripts.drills.pipeline import PRODUCER, Pipeline


@drill(
    naive="It reads the table three times: count, publish, max(). Rows that come between the last two are in the "
    "maximum and not on the topic. The state passes them, and they are lost.",
    withstands="The greatest created_at of a batch is fixed first, below the horizon, where no row can appear any "
    "more. The rows up to it are read and published, and it becomes the new state. No maximum is taken afterwards.",
)
def rows_between_publish_and_max(pipeline: Pipeline) -> None:
    """Rows are committed after a batch is published and before its state is written.

    Three times. The producer is stopped (SIGSTOP) once messages of a batch are on the topic and the state has not
    moved. Then 2 rows are committed, and it continues.
    """
    for _ in range(3):
        pipeline.freeze_after_publish()
        pipeline.insert(2)
        pipeline.note("rows between publish and state")
        pipeline.thaw(PRODUCER)
        pipeline.settle()
