"""The kit's own S3, as a real server: keys, buckets, a kill in mid-upload, one winner; and Spark on it."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pyarrow import fs

from configs.errors import KitError
from configs.settings import S3
from configs.storage import S3Path, StorageError, filesystem, keys_of, lake_place, require_answer
from scripts.pipeline.services import services_of
from scripts.pipeline.temporary_stack import CLUSTER_BUCKET, temporary_cluster
from scripts.services import processes, s3
from scripts.services.processes import wait_until
from scripts.services.spark_environment import spark_environment
from scripts.services.stack import SUBMIT, Stack

pytestmark = pytest.mark.jvm
KEY = f"{CLUSTER_BUCKET}/folder/Übung 1 +%&"

PROGRAM = """
import pyspark
import sys
spark = pyspark.sql.SparkSession.builder.getOrCreate()
place = sys.argv[1]
spark.range(10).repartition(2).write.mode("overwrite").parquet(place)
manager = spark.conf.get("spark.sql.streaming.checkpointFileManagerClass", "")
print("ANSWER", spark.read.parquet(place).count(), repr(manager))
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack in a folder with a blank; only its S3 is up."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("with a blank", numbered=False)
        patch.setattr(tempfile, "tempdir", str(folder))
        with temporary_cluster(brokers=1, with_spark=False) as made:
            s3.up(made)
            yield made


def store(stack: Stack) -> fs.FileSystem:
    return filesystem(stack.settings.s3)


def write(stack: Stack, path: str, content: bytes) -> None:
    with store(stack).open_output_stream(path) as stream:
        stream.write(content)


def read(stack: Stack, path: str) -> bytes:
    with store(stack).open_input_stream(path) as stream:
        content: bytes = stream.read()
    return content


def signed(settings: S3, path: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a PUT, signed as AWS's version 4 asks for, without its content."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    content = "UNSIGNED-PAYLOAD"
    headers = {"x-amz-content-sha256": content, "x-amz-date": now, **headers}
    all_headers = {"host": urlsplit(settings.endpoint).netloc, **headers}
    names = ";".join(sorted(all_headers))
    lines = [f"{name}:{all_headers[name]}" for name in sorted(all_headers)]
    request = "\n".join(["PUT", path, "", *lines, "", names, content])
    scope = [now[:8], settings.region, "s3", "aws4_request"]
    digest = hashlib.sha256(request.encode()).hexdigest()
    keys = keys_of(settings)
    key = f"AWS4{keys.secret_key}".encode()
    for part in (*scope, "\n".join(["AWS4-HMAC-SHA256", now, "/".join(scope), digest])):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    credential = f"{keys.access_key}/{'/'.join(scope)}"
    value = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={key.hex()}"
    return {**headers, "authorization": value}


def begin_put(stack: Stack, path: str, content: bytes, size: int, **headers: str) -> http.client.HTTPConnection:
    """A PUT of `size` bytes, of which `content` is sent now."""
    settings = stack.settings.s3
    connection = http.client.HTTPConnection(urlsplit(settings.endpoint).netloc, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest("PUT", f"/{path}")
    for name, value in signed(settings, f"/{path}", named).items():
        connection.putheader(name, value)
    connection.putheader("content-length", str(size))
    connection.endheaders(content)
    return connection


def test_the_bucket_is_there_and_a_second_up_changes_nothing(stack: Stack) -> None:
    process = stack.pid_file(s3.NAME).process()
    require_answer(lake_place(stack.settings))
    assert [info.path for info in store(stack).get_file_info(fs.FileSelector(""))] == [CLUSTER_BUCKET]
    again = s3.up(stack)
    assert not again.changed
    assert "already up" in again.line
    assert stack.pid_file(s3.NAME).process() == process
    assert [(one.state, one.name) for one in services_of(stack).status() if one.process] == [("up", "s3")]


def test_what_is_written_is_read(stack: Stack) -> None:
    write(stack, KEY, b"a" * 100)
    assert read(stack, KEY) == b"a" * 100


@pytest.mark.parametrize("wrong", [{"secret_key": "wrong"}, {"access_key": "nobody"}])
def test_a_wrong_key_is_refused(stack: Stack, wrong: dict[str, str]) -> None:
    write(stack, KEY, b"secret")
    other = stack.settings.s3.model_copy(update=wrong)
    with pytest.raises(OSError, match=r"SIGNATURE_DOES_NOT_MATCH|INVALID_ACCESS_KEY_ID|ACCESS_DENIED"):
        filesystem(other).open_input_stream(KEY).read()
    with pytest.raises(StorageError, match="refuses the bucket"):
        require_answer(S3Path(CLUSTER_BUCKET, "folder", other))


def test_no_signature_is_refused(stack: Stack) -> None:
    connection = http.client.HTTPConnection(urlsplit(stack.settings.s3.endpoint).netloc, timeout=30)
    connection.request("GET", f"/{CLUSTER_BUCKET}")
    assert connection.getresponse().status == 403


def test_it_listens_on_this_machine_only_and_no_process_list_has_the_key(stack: Stack) -> None:
    process = stack.pid_file(s3.NAME).process()
    assert process is not None
    assert {one.laddr.ip.removeprefix("::ffff:") for one in process.net_connections("tcp")} <= {"127.0.0.1"}
    assert "temporary_secret" not in " ".join(process.cmdline())
    assert (stack.home / "s3" / "s3proxy.properties").stat().st_mode & 0o077 == 0


def test_of_writers_that_race_for_a_new_key_one_wins(stack: Stack) -> None:
    for number in range(5):
        path = f"{CLUSTER_BUCKET}/race/{number}"
        ready = threading.Barrier(8)

        def put(writer: int, path: str = path, ready: threading.Barrier = ready) -> int:
            connection = begin_put(stack, path, b"", 1, if_none_match="*")
            ready.wait(timeout=30)
            connection.send(str(writer).encode())
            return connection.getresponse().status

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(put, range(8)))
        assert sorted(answers) == [200] + [412] * 7
        assert read(stack, path) == str(answers.index(200)).encode()


def test_a_kill_in_mid_upload_leaves_the_old_object_and_no_half(stack: Stack) -> None:
    data = stack.home / "s3" / "data"
    path = f"{CLUSTER_BUCKET}/killed/orders"
    write(stack, path, b"old")
    if not hasattr(os, "listxattr") or not os.listxattr(data / path):
        pytest.skip("this file system keeps no attributes, by which a half is known")
    before = stack.pid_file(s3.NAME).process()
    with begin_put(stack, path, b"new" * 100_000, 1_000_000).sock:
        assert wait_until(lambda: len(list((data / path).parent.iterdir())) == 2, timeout=30)
        processes.kill(stack.pid_file(s3.NAME))
    assert s3.up(stack).changed
    assert stack.pid_file(s3.NAME).process() != before
    selector = fs.FileSelector(f"{CLUSTER_BUCKET}/killed")
    assert [(info.path, info.size) for info in store(stack).get_file_info(selector)] == [(path, 3)]
    assert read(stack, path) == b"old"


def test_down_waits_for_no_idle_connection_and_keeps_the_objects(stack: Stack) -> None:
    write(stack, KEY, b"kept")
    begun = time.monotonic()
    assert s3.down(stack)
    assert time.monotonic() - begun < s3.STOP_TIMEOUT
    assert not s3.down(stack)
    with pytest.raises(KitError, match="does not answer"):
        require_answer(lake_place(stack.settings))
    s3.up(stack)
    assert read(stack, KEY) == b"kept"


def test_spark_writes_and_reads_with_the_kits_options(stack: Stack, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **spark_environment(stack.settings, short_lived=True),
        "PROGRAM_SCRATCH": str(tmp_path / "scratch"),
    }
    done = subprocess.run(
        [SUBMIT, program, f"s3a://{CLUSTER_BUCKET}/tried"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "ANSWER 10 ''" in done.stdout, done.stderr[-3000:]
    names = [info.base_name for info in store(stack).get_file_info(fs.FileSelector(f"{CLUSTER_BUCKET}/tried"))]
    assert sorted(name.partition("-")[0] for name in names) == ["_SUCCESS", "part", "part"]
