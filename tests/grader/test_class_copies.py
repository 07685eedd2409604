"""Copied work is pointed out with its evidence, and honest work is not."""

from __future__ import annotations

import shutil
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from grader import api, builder
from grader.builder import CHECKPOINT, CONFIG, MOMENT, ROLLNUMBER, Submission, order
from grader.class_run.copies import ANOTHERS, Copy, find_copies
from grader.class_run.fingerprints import Fingerprints, fingerprints, program_hash
from grader.class_run.gradebook import copies_csv
from grader.spark_files import renew_checksum

PROGRAM = '''
"""Reads orders and publishes them."""
import json, time

def publish(rows, producer, topic):
    for row in rows:
        producer.send(topic, json.dumps(row).encode())  # as JSON
    producer.flush()

def main(config):
    last = None
    while True:
        rows = read(config, last)
        publish(rows, config.producer, "2025em1_food")
        if rows:
            last = max(row["created_at"] for row in rows)
        time.sleep(config.interval)
'''


def prints_of(folder: Path) -> Fingerprints:
    with api.grade(folder, database="off") as graded:
        return fingerprints(graded.evidence)


def honest(folder: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A submission with what differs between honest ones: Spark's random ids, rows, config."""
    own = uuid.uuid5(uuid.NAMESPACE_OID, str(number))
    monkeypatch.setattr(builder, "_uuid", lambda *parts: str(uuid.uuid5(own, "/".join(map(str, parts)))))
    submission = Submission(folder)
    for at in range(1, 21):
        moment = MOMENT - timedelta(days=1, minutes=number, seconds=at)
        submission.change(at, created_at=order(at, moment).created_at, customer_name=f"Customer of {number}")
    submission.build()
    config = folder / CONFIG
    config.write_text(config.read_text().replace(ROLLNUMBER, f"2025em110000{number}"))
    checkpoint = folder / CHECKPOINT
    for path in [*checkpoint.glob("offsets/[0-9]"), checkpoint / "sources" / "0" / "0"]:
        path.write_text(path.read_text().replace(ROLLNUMBER, f"2025em110000{number}"))
        renew_checksum(path)
    shutil.rmtree(folder / "state" / "food" / ROLLNUMBER / "rounds")
    return folder


def signs(**folders: Path) -> dict[str, Copy]:
    return {copy.kind: copy for copy in find_copies({name: prints_of(folder) for name, folder in folders.items()}, {})}


def test_honest_submissions_share_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert signs(**{f"s{n}": honest(tmp_path / f"s{n}", n, monkeypatch) for n in range(3)}) == {}


def test_three_identical_zips_are_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = honest(tmp_path / "work", 1, monkeypatch)
    zips = {f"z{n}": Path(shutil.make_archive(str(tmp_path / f"z{n}"), "zip", folder)) for n in range(3)}
    found = signs(**zips, other=honest(tmp_path / "other", 2, monkeypatch))
    assert set(found) == {"the same files"}
    assert found["the same files"].submissions == ("z0", "z1", "z2")


def test_a_copied_checkpoint_and_lake_with_an_own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = honest(tmp_path / "left", 1, monkeypatch)
    shutil.copytree(left, tmp_path / "right")
    config = tmp_path / "right" / CONFIG
    config.write_text(config.read_text().replace("2025em1100001", "2025em1100002"))
    found = signs(left=left, right=tmp_path / "right")
    assert set(found) == {"the same checkpoint", "the same lake files", "the same rows", ANOTHERS}
    assert found["the same lake files"].evidence.startswith("3 files: part-00000-")
    assert found["the same rows"].evidence.startswith("20 rows: order_id 1, order_id 10, ")
    assert found[ANOTHERS] == Copy(ANOTHERS, ("right",), "2025em1100001 in: topic of the checkpoint")


def test_rows_that_were_written_again_are_still_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = honest(tmp_path / "left", 1, monkeypatch)
    monkeypatch.setattr(uuid, "uuid5", lambda *_: uuid.uuid4())
    right = honest(tmp_path / "right", 1, monkeypatch)
    assert set(signs(left=left, right=right)) == {"the same rows"}


def test_the_kits_base_rows_are_everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def with_base_row(number: int) -> Path:
        monkeypatch.setattr(builder, "_START", MOMENT)
        submission = Submission(tmp_path / f"s{number}")
        submission.change(5, created_at="2025-11-18T12:24:00.000000Z", customer_name="Vihaan Gupta")
        for at in {*range(1, 21)} - {5}:
            submission.change(at, customer_name=f"Customer of {number}")
        return submission.build()

    assert "the same rows" not in signs(a=with_base_row(1), b=with_base_row(2))


def test_programs_that_differ_in_names_texts_and_comments_are_the_same(tmp_path: Path) -> None:
    renamed = PROGRAM.replace("rows", "orders").replace("publish", "send_all").replace("config", "settings")
    renamed = renamed.replace("# as JSON", "").replace("2025em1_", "2025em2_").replace("\ndef main", "\n\n\ndef main")
    (tmp_path / "a.py").write_text(PROGRAM)
    (tmp_path / "b.py").write_text(renamed)
    (tmp_path / "c.py").write_text(PROGRAM.replace("producer.flush()", "producer.flush(); producer.flush()"))
    (tmp_path / "short.py").write_text("print(1)\n")
    (tmp_path / "broken.py").write_text("def (:\n  '")
    left, right, other, short, broken = (
        program_hash(tmp_path, name) for name in ("a.py", "b.py", "c.py", "short.py", "broken.py")
    )
    assert left == right is not None
    assert other not in (None, left)
    assert short is broken is None


def test_a_program_of_the_kit_is_everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from configs.settings import PROJECT

    folders = {f"s{n}": honest(tmp_path / f"s{n}", n, monkeypatch) for n in range(2)}
    for folder in folders.values():
        (folder / "producers").mkdir()
        shutil.copy(PROJECT / "producers" / "orders_cdc_producer.py", folder / "producers")
    assert signs(**folders) == {}
    for folder in folders.values():
        (folder / "consumers").mkdir()
        (folder / "consumers" / "orders_stream_consumer.py").write_text(PROGRAM)
    assert set(signs(**folders)) == {"the same program"}


def test_a_row_that_many_have_comes_from_the_assignment() -> None:
    one = Fingerprints(rows={"base row": 1})
    assert find_copies({f"s{n}": one for n in range(6)}, {}) == ()
    assert [copy.kind for copy in find_copies({f"s{n}": one for n in range(5)}, {})] == ["the same rows"]


def test_rows_of_another_roll_number_name_whose_it_is() -> None:
    prints = {
        "ann.zip": Fingerprints(rollnumbers={"config": "2025em2", "records of the rounds": "2025EM-1"}),
        "bob.zip": Fingerprints(rollnumbers={"config": "2025em1"}),
        "cat.zip": Fingerprints(rollnumbers={"config": "2025em3", "topic of the checkpoint": "2025em3_v2"}),
    }
    rollnumbers = {"ann.zip": "2025em2", "bob.zip": "2025em1", "cat.zip": "2025em3"}
    copies = find_copies(prints, rollnumbers)
    assert copies == (Copy(ANOTHERS, ("ann.zip", "bob.zip"), "2025EM-1 in: records of the rounds"),)
    assert copies_csv(copies).splitlines()[1] == (
        "another's roll number,2,ann.zip | bob.zip,2025EM-1 in: records of the rounds"
    )


def test_hostile_files_cost_no_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = honest(tmp_path / "work", 1, monkeypatch)
    (folder / CHECKPOINT / "metadata").write_text('{"id": "\\ud800\\u001b[31m"}')
    (folder / "my_producer.py").symlink_to("/etc/passwd")
    (folder / "deep_consumer.py").write_text("(" * 100_000)
    prints = prints_of(folder)
    assert prints.checkpoint == "\\ud800\\x1b[31m"
    assert prints.programs == {}
    assert Fingerprints.model_validate_json(prints.model_dump_json()) == prints
