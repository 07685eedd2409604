from scripts.drills.model import drill
from scripts.drills.pipeline import PRODUCER, Pipeline


@drill(
    naive="count, publish and max() are three reads of the table. Rows that come between the last two are in the "
    "maximum and not on the topic: the state passes them, and they are lost.",
    withstands="The greatest created_at of a batch is fixed first, below the horizon, where nothing can appear any "
    "more. The rows up to it are read and published, and it is the new state: no maximum is taken afterwards.",
)
def rows_between_publish_and_max(pipeline: Pipeline) -> None:
    """Rows are committed between the publishing of a batch and the writing of its state.

    The producer is stopped (SIGSTOP) once messages of a batch are on the topic and the state has not moved; 2 rows are
    committed; it goes on. Three times.
    """
    for _ in range(3):
        pipeline.freeze_after_publish()
        pipeline.insert(2)
        pipeline.note("rows between publish and state")
        pipeline.thaw(PRODUCER)
        pipeline.settle()
