from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.pipeline.orders import insert_orders


@drill(
    naive="The rows of the other transactions move the state past the created_at of the open one. When it commits, its "
    "rows are below the state and are never selected: lost.",
    withstands="Rows are read only up to a horizon: the beginning of the oldest open transaction. Later rows wait for "
    "it. A transaction that stays open is reported with its pid and age.",
)
def late_commit(pipeline: Pipeline) -> None:
    """Rows appear after rows that were created later.

    `created_at DEFAULT now()` is fixed when a transaction begins, and the row appears when it commits. A transaction
    inserts 5 rows and stays open while others insert and commit and the producer polls. Then it commits. A second one
    does the same. A third is rolled back.
    """
    for _ in range(2):
        with pipeline.transaction() as late:
            insert_orders(late, pipeline.table, 5)
            pipeline.insert(3)
            pipeline.wait_for_polls(4)
            pipeline.insert(2)
        pipeline.note("late commit")
    with pipeline.transaction() as dropped:
        insert_orders(dropped, pipeline.table, 5)
        pipeline.insert(3)
        dropped.rollback()
    pipeline.note("rollback")
