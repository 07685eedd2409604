from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, JAVA_OPTIONS, PRODUCER, Pipeline

ZONE, ZONE_OF_DATABASE = "Asia/Kolkata", "America/New_York"


@drill(
    naive="Spark takes created_at for local time. Every row moves by the zone's offset, and rows near midnight move to "
    "the folder of another date.",
    withstands="UTC is set in the JVM, in Spark's session, in the JDBC session and in the JSON. The machine's zone has "
    "no effect.",
)
def other_time_zone(pipeline: Pipeline) -> None:
    """Both programs run on a machine in India, against a database in New York.

    TZ and the JVM's user.timezone are Asia/Kolkata. The database's default is America/New_York. Rows are inserted
    before, during and after. At the end both programs run in their usual zone again.
    """
    database = f'"{pipeline.settings.postgres.db}"'
    # PROGRAM_TZ: the submit script sets TZ to UTC for each program, and here that protection must be off.
    there = {"TZ": ZONE, "PROGRAM_TZ": ZONE, "JAVA_TOOL_OPTIONS": f"{JAVA_OPTIONS} -Duser.timezone={ZONE}"}
    for name in (PRODUCER, CONSUMER):
        pipeline.stop(name)
    pipeline.insert(3)
    pipeline.execute(f"ALTER DATABASE {database} SET timezone = '{ZONE_OF_DATABASE}'")
    for name in (PRODUCER, CONSUMER):
        pipeline.start(name, there)
        pipeline.note(f"{name} in {ZONE}")
    pipeline.note(f"database in {ZONE_OF_DATABASE}")
    pipeline.insert(3)
    pipeline.settle()
    pipeline.execute(f"ALTER DATABASE {database} RESET timezone")
    for name in (PRODUCER, CONSUMER):
        pipeline.stop(name)
        pipeline.start(name)
    pipeline.insert(3)
