"""What must be right before the streams start. Without these checks Spark would silently lose rows."""

from __future__ import annotations

import json
from pathlib import Path

from configs.contract import TOPIC_FILE
from configs.program import ProgramError
from configs.settings import Kafka, Settings, local_path
from configs.storage import Place, lake_place, require_answer
from configs.topic import require_topic
from consumers.checkpoint_files import last_batch, require_whole_files

# BEGIN NOT IN STARTER
from consumers.order_id_store import require_store_of_lake

# END NOT IN STARTER


FILE_MANAGER = "spark.sql.streaming.checkpointFileManagerClass"


def check_file_manager(settings: Settings, name: str) -> None:
    """Refuse a file manager that loses rows of a lake on S3. `name`: of its class, from Spark's configuration.

    Raises:
        ProgramError: it is the abortable one.
    """
    if settings.on_s3 and "Abortable" in name:
        raise ProgramError(
            f"{FILE_MANAGER} is {name}. For a lake on S3 it loses rows: if S3 refuses a file of the sink's log, Spark "
            "3.5 reports no error, and the batch counts as written. Remove that setting, from spark-defaults.conf for "
            "example. Spark's default is safe."
        )


def check_start(settings: Settings) -> str:
    """Compare lake, checkpoint and topic; note the topic's id in a new checkpoint. Returns the topic's id.

    Raises:
        ProgramError: they do not belong together.
        KafkaException, ConnectionError: no broker answers.
    """
    lake, checkpoint = lake_place(settings), local_path(settings.streaming.checkpoint_location)
    require_answer(lake)
    check_lake(lake, checkpoint)
    require_whole_files(lake, checkpoint)
    # BEGIN NOT IN STARTER
    require_store_of_lake(lake, checkpoint, last_batch(checkpoint / "commits"))
    # END NOT IN STARTER
    return _check_topic(settings.kafka, checkpoint, lake)


def check_lake(lake: Place, checkpoint: Path) -> None:
    """Find a lake or a checkpoint that was deleted or restored without the other: Spark would lose rows.

    - The lake's log is ahead of the checkpoint: Spark believes that every batch up to that id is written, and skips it.
    - The log is behind what the checkpoint has finished: those rows never come again. Spark stops at the next tenth
      batch, because its log must repeat all earlier ones.

    A crash causes neither: a batch is planned, then logged, then committed.

    Raises:
        ProgramError: they do not belong together.
    """
    # BEGIN SOLUTION: task 11
    in_lake = last_batch(lake / "_spark_metadata")
    planned, finished = last_batch(checkpoint / "offsets"), last_batch(checkpoint / "commits")
    if in_lake is not None and (planned is None or in_lake > planned):
        state = "has no batch" if planned is None else f"ends at batch {planned}"
        raise ProgramError(
            f"The lake {lake} has batches up to {in_lake}, but its checkpoint {checkpoint} {state}. The checkpoint "
            "was deleted or is of another run, and Spark would silently skip rows. Put the checkpoint back. Or move "
            "both away (use mv, delete nothing): then the whole topic is read into a new lake."
        )
    if finished is not None and (in_lake is None or in_lake < finished):
        state = "has no log" if in_lake is None else f"ends at batch {in_lake}"
        raise ProgramError(
            f"The checkpoint {checkpoint} has finished batches up to {finished}, but its lake {lake} {state}. The "
            "lake was deleted or is of another run, and its rows would never come again. Put the lake back. Or move "
            "both away (use mv, delete nothing): then the whole topic is read into a new lake."
        )
    # STARTER return
    # END SOLUTION


def _check_topic(kafka: Kafka, checkpoint: Path, lake: Place) -> str:
    now = {"topic": kafka.topic, "id": require_topic(kafka)}
    remedy = (
        f"To read the new topic from its beginning, move the checkpoint {checkpoint} and the lake {lake} away (use mv, "
        "delete nothing). To continue with the old topic, put it back."
    )
    for topic in _topics_of_last_batch(checkpoint):
        if topic != kafka.topic:
            raise ProgramError(
                f"The checkpoint {checkpoint} has read the topic {topic}, the config says {kafka.topic}. {remedy}"
            )
    noted = checkpoint / TOPIC_FILE
    try:
        before = json.loads(noted.read_text(encoding="utf-8"))
    except FileNotFoundError:
        checkpoint.mkdir(parents=True, exist_ok=True)
        temporary = noted.with_name(f".{TOPIC_FILE}.new")
        temporary.write_text(json.dumps(now), encoding="utf-8")
        temporary.replace(noted)
        return now["id"]
    except ValueError:
        raise ProgramError(
            f"{noted} is not JSON. Delete it if you are sure that the topic was not recreated."
        ) from None
    if before != now:
        raise ProgramError(
            f"The topic {kafka.topic} is not the one that the checkpoint has read. It was deleted and recreated (id "
            f"{before.get('id')} then, {now['id']} now), so its offsets belong to other messages. {remedy}"
        )
    return now["id"]


def _topics_of_last_batch(checkpoint: Path) -> list[str]:
    last = last_batch(checkpoint / "offsets")
    return [] if last is None else list(_source_offsets(checkpoint, last))


def finished_ends(settings: Settings) -> dict[int, int]:
    """partition -> exclusive end offset of the last batch that the lake's stream has finished; empty for none."""
    checkpoint = local_path(settings.streaming.checkpoint_location)
    last = last_batch(checkpoint / "commits")
    found = {} if last is None else _source_offsets(checkpoint, last).get(settings.kafka.topic, {})
    return {int(partition): end for partition, end in found.items()}


def _source_offsets(checkpoint: Path, batch: int) -> dict[str, dict[str, int]]:
    """topic -> partition -> exclusive end offset of a planned batch."""
    try:
        source = json.loads((checkpoint / "offsets" / str(batch)).read_text(encoding="utf-8").splitlines()[-1])
    except (OSError, ValueError, IndexError):
        return {}  # a crash cut the batch's plan short; Spark itself reports that
    return source if isinstance(source, dict) else {}
