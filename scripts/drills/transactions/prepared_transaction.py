from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline


@drill(
    naive="No session has the transaction any more, and the rows of others move the state past its created_at. When it "
    "commits, its rows are below the state and are never selected: lost.",
    withstands="Each poll also reads pg_prepared_xacts. One that it sees for the first time began after the horizon of "
    "the poll before, so rows are read only up to there until it is committed or rolled back.",
)
def prepared_transaction(pipeline: Pipeline) -> None:
    """A transaction is prepared (PREPARE TRANSACTION), its session ends, and it commits after later rows.

    If max_prepared_transactions is 0, Postgres is restarted once. 5 rows are prepared. Others insert and commit and
    the producer polls. Then COMMIT PREPARED.
    """
    pipeline.insert(2)
    pipeline.wait(pipeline.is_all_published, "the state at the newest row")
    with pipeline.prepared_transaction(5):
        pipeline.insert(3)
        pipeline.wait_for_polls(4)
        pipeline.insert(2)
        pipeline.wait_for_polls(4)
