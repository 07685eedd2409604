from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.pipeline.orders import insert_orders


@drill(
    naive="The state has passed the created_at of these rows, so they are never selected: lost.",
    withstands="Below the state no row should appear, so one that does can be found. Each poll compares the order_ids "
    "of the last minute before the state with those that it knows. New ones are published and reported.",
)
def rows_below_the_state(pipeline: Pipeline) -> None:
    """Rows appear below the state in ways that no horizon can know.

    A session with track_activities off, whose transactions are invisible, begins a transaction. Others insert and
    commit until the state has passed. Then it inserts 4 rows and commits. And twice a client inserts 3 rows with a
    created_at of 3 s ago.
    """
    with pipeline.transaction() as hidden:
        hidden.rollback()
        with hidden.cursor() as cursor:
            cursor.execute("SET track_activities = off")
            hidden.commit()
            cursor.execute("SELECT now()")
        pipeline.insert(2)
        pipeline.wait(pipeline.is_all_published, "the state at the newest row")
        insert_orders(hidden, pipeline.table, 4)
    pipeline.note("transaction of an invisible session")
    for _ in range(2):
        pipeline.insert(2)
        pipeline.wait(pipeline.is_all_published, "the state at the newest row")
        pipeline.insert_backdated(3, seconds=3)
    # The poll that reads these has looked below the state before.
    pipeline.insert(2)
