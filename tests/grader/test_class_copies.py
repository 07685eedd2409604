"""Copied work is pointed out with its evidence, and honest work is not."""

from __future__ import annotations

import re
import shutil
import uuid
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest

from configs.settings import PROJECT
from grader import api, builder
from grader.builder import CHECKPOINT, CONFIG, MOMENT, ROLLNUMBER, Submission, order
from grader.class_run.copies import ANOTHERS, NEARLY, Copy, find_copies
from grader.class_run.fingerprints import Fingerprints, fingerprints, read_program
from grader.class_run.gradebook import copies_csv
from grader.class_run.similar import alike
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


def test_three_identical_zips_are_three_pairs_and_no_part_is_named_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = honest(tmp_path / "work", 1, monkeypatch)
    zips = {f"z{n}": Path(shutil.make_archive(str(tmp_path / f"z{n}"), "zip", folder)) for n in range(3)}
    folders = {**zips, "other": honest(tmp_path / "other", 2, monkeypatch)}
    copies = find_copies({name: prints_of(path) for name, path in folders.items()}, {})
    assert {copy.kind for copy in copies} == {"the same files"}
    assert [copy.submissions for copy in copies] == [("z0", "z1"), ("z0", "z2"), ("z1", "z2")]


def test_a_copied_checkpoint_and_lake_with_an_own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = honest(tmp_path / "left", 1, monkeypatch)
    shutil.copytree(left, tmp_path / "right")
    config = tmp_path / "right" / CONFIG
    config.write_text(config.read_text().replace("2025em1100001", "2025em1100002"))
    found = signs(left=left, right=tmp_path / "right")
    assert set(found) == {"the same checkpoint", "the same lake files", "the same rows", ANOTHERS}
    assert found["the same lake files"].evidence.startswith("3 files: part-00000-")
    assert found["the same rows"].evidence.startswith("20 rows: order_id ")
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
        read_program(tmp_path, name) for name in ("a.py", "b.py", "c.py", "short.py", "broken.py")
    )
    assert left is not None
    assert right is not None
    assert other is not None
    assert left.digest == right.digest != other.digest
    assert short is broken is None


def test_a_program_of_the_kit_is_everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    copies = find_copies({f"s{n}": one for n in range(5)}, {})
    assert {copy.kind for copy in copies} == {"the same rows"}
    assert len(copies) == 10  # pairs


def test_a_few_are_listed_in_pairs_with_what_each_pair_shares_and_many_as_one_group() -> None:
    def one(*rows: int) -> Fingerprints:
        return Fingerprints(checkpoint="c1", rows={f"row {row}": row for row in rows})

    copies = find_copies({"ann": one(1, 2, 3), "bob": one(1, 2), "cat": one(3)}, {})
    assert copies == (
        Copy("the same checkpoint", ("ann", "bob"), "id: c1"),
        Copy("the same checkpoint", ("ann", "cat"), "id: c1"),
        Copy("the same checkpoint", ("bob", "cat"), "id: c1"),
        Copy("the same rows", ("ann", "bob"), "2 rows: order_id 1, order_id 2"),
        Copy("the same rows", ("ann", "cat"), "1 row: order_id 3"),
    )
    many = find_copies({f"s{n}": Fingerprints(checkpoint="c1") for n in range(6)}, {})
    assert many == (Copy("the same checkpoint", tuple(f"s{n}" for n in range(6)), "id: c1"),)


STUDENTS = {
    "jdbc": PROJECT / "tests" / "students" / "pyspark_jdbc" / "food_delivery_streaming" / "local",
    "plain": PROJECT / "tests" / "students" / "psycopg2_kafka_python",
    "naive": PROJECT / "tests" / "naive_baseline",
    "confluent": PROJECT / "tests" / "submissions" / "confluent_kafka",
}
PROGRAMS = ("producers/orders_cdc_producer.py", "consumers/orders_stream_consumer.py")


def prints_of_programs(folder: Path) -> Fingerprints:
    programs = {path: program for path in PROGRAMS if (program := read_program(folder, path)) is not None}
    assert len(programs) == 2
    return Fingerprints(
        programs={path: program.digest for path, program in programs.items()},
        passages={path: program.passages for path, program in programs.items()},
    )


def test_programs_that_were_written_independently_are_not_nearly_the_same() -> None:
    prints = {name: prints_of_programs(folder) for name, folder in {**STUDENTS, "kit": PROJECT}.items()}
    assert find_copies(prints, {}) == ()
    programs = [(name, path) for name in prints for path in PROGRAMS]
    shares = [alike(prints[a].passages[p], prints[b].passages[q]) for (a, p), (b, q) in combinations(programs, 2)]
    assert len(shares) == 45
    assert 0.4 < max(shares) < 0.5  # as the docstring of `similar` says: far from ALIKE


def test_a_copy_with_other_names_moved_functions_and_three_new_lines_is_nearly_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(STUDENTS["confluent"], folder)
    producer = folder / PROGRAMS[0]
    text = producer.read_text()
    names = {"read_state": "load", "write_state": "store", "last_ts": "since", "last_id": "seen", "rows": "orders"}
    for name, other in {**names, "row": "item", "state_file": "place", "conn": "db", "order": "message"}.items():
        text = re.sub(rf"\b{name}\b", other, text)
    head, first, second, third = re.split(r"(?=^def )", text, flags=re.MULTILINE)
    third, loop = re.split(r"(?=^while )", third, flags=re.MULTILINE)
    loop = loop.replace("    producer.flush()\n", "    counter = len(orders)\n    producer.flush()\n")
    text = f"{head}started = time.time()\n\n\n{third}{second}{first}print('starting at', started)\n{loop}"
    producer.write_text(text)
    prints = {name: prints_of_programs(path) for name, path in {**STUDENTS, "copy": folder}.items()}
    copies = {copy.kind: copy for copy in find_copies(prints, {})}
    assert {kind: copy.submissions for kind, copy in copies.items()} == {
        "the same program": ("confluent", "copy"),  # its consumer, which was not changed
        NEARLY: ("confluent", "copy"),
    }
    evidence = copies[NEARLY].evidence
    assert re.fullmatch(rf"{PROGRAMS[0]}: (8[6-9]|9\d)% of the smaller one", evidence), evidence


def test_many_that_are_nearly_the_same_are_one_group() -> None:
    base = range(100)
    prints = {
        f"s{n}": Fingerprints(programs={"producer.py": f"{n}"}, passages={"producer.py": frozenset({*base, 1000 + n})})
        for n in range(6)
    }
    (copy,) = find_copies(prints, {})
    assert copy == Copy(NEARLY, tuple(prints), "99% or more of the smaller one of each pair")
    del prints["s5"]
    assert len(find_copies(prints, {})) == 10


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
