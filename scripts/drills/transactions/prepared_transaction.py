import contextlib

from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.pipeline.orders import insert_orders

GID = "drill"


@drill(
    naive="No session has the transaction any more, and the rows of others move the state past its created_at. When it "
    "commits, its rows are below the state and are never selected: lost.",
    withstands="Each poll also reads pg_prepared_xacts. One that it sees for the first time began after the horizon of "
    "the poll before, so rows are read only up to there until it is committed or rolled back.",
)
def prepared_transaction(pipeline: Pipeline) -> None:
    """A transaction is prepared (PREPARE TRANSACTION), its session ends, and it commits after later rows.

    Postgres is restarted once, with max_prepared_transactions. 5 rows are prepared. Others insert and commit and the
    producer polls. Then COMMIT PREPARED.
    """
    pipeline.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
    pipeline.stop_postgres()
    pipeline.start_postgres()
    pipeline.insert(2)
    pipeline.wait(pipeline.is_all_published, "the state at the newest row")
    with contextlib.closing(pipeline.connect()) as connection:
        connection.autocommit = False
        insert_orders(connection, pipeline.table, 5)
        with connection.cursor() as cursor:
            cursor.execute(f"PREPARE TRANSACTION '{GID}'")
    pipeline.insert(3)
    pipeline.wait_for_polls(4)
    pipeline.insert(2)
    pipeline.wait_for_polls(4)
    pipeline.execute(f"COMMIT PREPARED '{GID}'")
    pipeline.note("prepared transaction commits late")
