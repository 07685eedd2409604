from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.pipeline.orders import insert_orders


@drill(
    naive="As in late_commit: others move the state past the created_at that the transaction's rows will have.",
    withstands="The horizon counts every open transaction, also one that has only read. A horizon of only those that "
    "have written would lose these rows.",
)
def slow_inserts(pipeline: Pipeline) -> None:
    """A transaction reads first and inserts late; its rows have the created_at of its beginning.

    While it has only read, it has no transaction id. Others commit and the producer polls. Then it inserts, the
    producer polls again, and it commits. Two such transactions overlap.
    """
    with pipeline.transaction() as first:
        pipeline.insert(2)
        with pipeline.transaction() as second:
            pipeline.insert(2)
            pipeline.wait_for_polls(4)
            insert_orders(second, pipeline.table, 4)
        pipeline.insert(2)
        pipeline.wait_for_polls(4)
        insert_orders(first, pipeline.table, 4)
    pipeline.note("slow insert")
    pipeline.note("slow insert within it")
