from scripts.drills.model import drill
from scripts.drills.pipeline import PRODUCER, Pipeline


@drill(
    naive="Rows inserted at 12:00:00.1 and at 12:00:00.4 both have the created_at 12:00:00. A poll between the two "
    "moves the state there, and the second is never selected: lost.",
    withstands="The producer reads the precision of the type at its start. It reads by as much later as Postgres may "
    "round a created_at down. So all rows of one created_at are there when it reads the first.",
)
def coarse_timestamps(pipeline: Pipeline) -> None:
    """created_at is a TIMESTAMP(0), so Postgres rounds it to a second, and polls fall between rows of one second.

    The type is changed while the producer is stopped. Then single rows are inserted all the time, until the state has
    moved 6 times. At the end the type is TIMESTAMP again.
    """
    alter = f"ALTER TABLE {pipeline.table} ALTER COLUMN created_at TYPE"
    pipeline.stop(PRODUCER)
    pipeline.execute(f"{alter} timestamp(0)")
    pipeline.start(PRODUCER)
    states = {pipeline.reached()}

    def is_enough() -> bool:
        pipeline.insert(1)
        states.add(pipeline.reached())
        return len(states) > 6

    pipeline.wait(is_enough, "6 more states")
    pipeline.note("rows of one second around polls")
    # A created_at that was rounded up is in the future for up to half a second.
    newest = f"SELECT max(created_at) < now() AT TIME ZONE 'UTC' FROM {pipeline.table}"
    pipeline.wait(lambda: pipeline.scalar(newest) is True, "no row in the future")
    pipeline.settle()
    pipeline.execute(f"{alter} timestamp")
