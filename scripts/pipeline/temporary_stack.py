"""A complete stack next to the user's: with its own ports, data, lake and logs, in a folder that is removed with it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from configs.settings import DEFAULT_CONFIG, S3_SCHEME, load_settings
from scripts.pipeline import remove
from scripts.pipeline.services import services_of
from scripts.pipeline.table import make_table
from scripts.pipeline.topic import make_topic
from scripts.services.optional_jars import download_missing_jars
from scripts.services.stack import OURS, Programs, Stack

Changes = Mapping[str, Mapping[str, Any]]  # section -> key -> value, over the project's own config


@contextlib.contextmanager
def temporary_stack(
    changes: Changes | None = None,
    *,
    rollnumber: str = "2025test01",
    programs: Programs = OURS,
    short_lived: bool = True,
) -> Iterator[Stack]:
    """A stack in a new folder, with nothing started. At the end, also after an error, everything in it is stopped and
    removed. `short_lived`: see Stack.
    """
    folder = Path(tempfile.mkdtemp(prefix="food-orders-stack-"))
    stack = None
    try:
        with held_ports(1) as postgres, held_ports(2) as kafka:
            source = write_config(folder, changes or {}, rollnumber, ports=(postgres, kafka))
            settings = load_settings(source, environment={})
            stack = Stack(settings, programs=programs, reads_environment=False, short_lived=short_lived)
            yield stack
    finally:
        if stack is not None:
            remove.reset(stack)
        shutil.rmtree(folder, ignore_errors=True)


CLUSTER_BUCKET = "food-delivery"


@contextlib.contextmanager
def temporary_cluster(
    changes: Changes | None = None,
    *,
    rollnumber: str = "2025test01",
    programs: Programs = OURS,
    short_lived: bool = True,
    brokers: int = 3,
    with_spark: bool = True,
    with_s3: bool = True,
) -> Iterator[Stack]:
    """As `temporary_stack`, with several brokers, a Spark cluster and a lake on S3, or only some of these.

    The jars for S3 are downloaded if they are not in the user's cache: 300 MB.
    """
    with held_ports(2 * brokers) as kafka, held_ports(4) as spark, held_ports(1) as s3:
        addresses = ",".join(f"127.0.0.1:{kafka + number}" for number in range(brokers))
        sections: dict[str, dict[str, Any]] = {"kafka": {"brokers": addresses}}
        if with_spark:
            sections["spark"] = {"master": f"spark://127.0.0.1:{spark}"}
        if with_s3:
            lake = f"{S3_SCHEME}{CLUSTER_BUCKET}/{rollnumber}/orders"
            sections["datalake"] = {"path": lake, "quarantine_path": f"{lake}_quarantine"}
            keys = {"access_key": "temporary", "secret_key": "temporary_secret"}
            sections["s3"] = {"endpoint": f"http://127.0.0.1:{s3}", **keys}
        for section, values in (changes or {}).items():
            sections.setdefault(section, {}).update(values)
        with temporary_stack(sections, rollnumber=rollnumber, programs=programs, short_lived=short_lived) as stack:
            download_missing_jars(stack.settings)
            yield stack


def bring_up(stack: Stack) -> None:
    """Start the services, and make the table and the topic."""
    services_of(stack).up()
    make_table(stack.settings)
    make_topic(stack.settings.kafka)


def write_config(folder: Path, changes: Changes, rollnumber: str, ports: tuple[int, int] | None = None) -> Path:
    """configs/orders_stream.yml in `folder`: the project's values, with `changes`.

    `ports`: of Postgres and Kafka. Without them: two that are free now, and not reserved.
    """
    if ports is None:
        with held_ports(1) as postgres_port, held_ports(2) as kafka_port:
            ports = postgres_port, kafka_port
    values = yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
    values["rollnumber"] = rollnumber
    url = f"jdbc:postgresql://127.0.0.1:{ports[0]}/{values['postgres']['db']}"
    values["postgres"].update(jdbc_url=url, port=ports[0])
    values["kafka"]["brokers"] = f"127.0.0.1:{ports[1]}"
    for section, keys in changes.items():
        values.setdefault(section, {}).update(keys)
    path = folder / "configs" / DEFAULT_CONFIG.name
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


@contextlib.contextmanager
def held_ports(count: int) -> Iterator[int]:
    """The first of `count` consecutive ports that nothing listens on, reserved until the end of the block.

    A socket stays bound to each port, without listening. So the system gives the port to nobody who asks for any free
    port. A service that asks for this number still gets it, because both use SO_REUSEADDR, as Postgres and Java do.

    Raises:
        OSError: there are none.
    """
    for _ in range(100):
        with contextlib.ExitStack() as held:
            first = _bound(held, 0)
            try:
                for offset in range(1, count):
                    _bound(held, first + offset)
            except OSError:
                continue
            yield first
            return
    raise OSError("no free ports on 127.0.0.1")


def _bound(held: contextlib.ExitStack, port: int) -> int:
    holder = held.enter_context(socket.socket())
    if port:  # a port chosen by number must be free, not only shareable with another socket
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", port))
    bound: int = holder.getsockname()[1]
    return bound
