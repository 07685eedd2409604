"""The stack of one submission: its own names for table, topic, database and user; the kit's services and folders.

Postgres belongs to another user than the submission's. That one has the rights of a superuser, and a password that no
program is given; the submission's user owns its database and has no right beyond it.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from configs.settings import HandedIn, Settings, load_settings
from grader.evidence.config import submitted_config
from scripts.classroom.limits import LiveLimits
from scripts.classroom.sandbox import StudentFiles
from scripts.pipeline.temporary_stack import held_ports, write_config
from scripts.services import kafka, postgres
from scripts.services.outcome import Outcome
from scripts.services.postgres import require_connection
from scripts.services.processes import is_root
from scripts.services.stack import Stack

ADMIN = "kit_admin"
TRIGGER_SEC = 1  # of the consumer, and the longest poll of the producer
STANDARD_PORTS = (5432, 9092)
# Of the template's Postgres: it lives for a minute, in memory, and nobody misses what it held.
POSTGRES_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "'32MB'",
    "max_connections": "60",
    "autovacuum": "off",
}
_ROLL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,47}")
_NAME = re.compile(r"[^\x00-\x1f{}\"]{1,63}")
_RESERVED = re.compile(rf"pg_.*|template[01]|{ADMIN}|public|none", re.IGNORECASE)


@dataclass(frozen=True)
class Template:
    """Data folders of Postgres and Kafka as they are before the first start, made once and copied for each run."""

    folder: Path

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def kafka(self) -> Path:
        return self.folder / "kafka"

    @property
    def password(self) -> Path:
        """The file with the password of Postgres' superuser."""
        return self.folder / "password"


def make_settings(
    folder: Path,
    files: StudentFiles,
    limits: LiveLimits,
    name: str,
    ports: tuple[int, int] | None = STANDARD_PORTS,
) -> Settings:
    """Write the config of a submission's stack below `folder`, and read it. `ports` None: two that are free now.

    `name`: the roll number where the submission's config has none that can be used.
    """
    theirs = submitted_config(files.submission, None).settings
    own = theirs if isinstance(theirs, HandedIn) else None
    roll = next((text for text in (own.rollnumber if own else "", _plain(name)) if _ROLL.fullmatch(text)), "student")
    pipeline = files.root / "pipeline"
    changes: dict[str, dict[str, object]] = {
        "postgres": {},
        "kafka": {},
        "datalake": {
            "path": f"{pipeline}/datalake/food/{roll}/output/orders",
            "quarantine_path": f"{pipeline}/datalake/food/{roll}/output/orders_quarantine",
        },
        "streaming": {
            "checkpoint_location": f"{pipeline}/checkpoints/food/{roll}/orders",
            "last_processed_timestamp_location": f"{pipeline}/state/food/{roll}/last_processed_timestamp.txt",
            "batch_interval": TRIGGER_SEC,
        },
        "rounds": {"timeout_sec": limits.round_seconds},
    }
    if own is not None:
        for key in ("db", "user", "password", "table"):
            value = getattr(own.postgres, key)
            if _NAME.fullmatch(value) and (key == "password" or not _RESERVED.fullmatch(value)):
                changes["postgres"][key] = value
        changes["kafka"]["topic"] = own.kafka.topic
    if ports is None:
        with held_ports(1) as postgres_port, held_ports(2) as kafka_port:
            ports = postgres_port, kafka_port
    if "db" in changes["postgres"]:
        db = quote(str(changes["postgres"]["db"]))
        changes["postgres"]["jdbc_url"] = f"jdbc:postgresql://127.0.0.1:{ports[0]}/{db}"
    return load_settings(write_config(folder, changes, roll, ports), environment={})


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:48]


def admin_stack(stack: Stack, password: str) -> Stack:
    """The stack as its services' owner sees it."""
    mine = stack.settings.postgres.model_copy(update={"user": ADMIN, "password": password, "db": "postgres"})
    settings = stack.settings.model_copy(update={"postgres": mine})
    return Stack(settings, reads_environment=False, short_lived=True)


def start_services(stack: Stack, template: Template | None) -> list[Outcome]:
    """Start Postgres and Kafka, from the template's data if there is one, and make the submission's user and database.

    Raises:
        KitError: a service cannot start.
    """
    password = secrets.token_hex(16) if template is None else template.password.read_text(encoding="utf-8")
    admin = admin_stack(stack, password)
    if template is not None:
        shutil.copytree(template.postgres, stack.home / postgres.NAME / "data")
        shutil.copytree(template.kafka, stack.home / kafka.NAME / "data")
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(kafka.up, admin)
        outcomes = [postgres.up(admin)]
        _make_user(admin.settings, stack.settings)
        return [*outcomes, starting.result()]


def _make_user(admin: Settings, owner: Settings) -> None:
    """The submission's user, and its database, the only one that it may connect to."""
    user, db = sql.Identifier(owner.postgres.user), sql.Identifier(owner.postgres.db)
    with contextlib.closing(require_connection(admin.postgres)) as connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD {}").format(
                user, sql.Literal(owner.postgres.password)
            )
        )
        with contextlib.suppress(psycopg2.errors.DuplicateDatabase):
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(db))
        cursor.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(db, user))
        for other in {"postgres", "template1"}:
            cursor.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(other)))
        cursor.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(db, user))


def make_template(folder: Path, stack: Stack) -> Template:
    """Let both services make their data folders, and keep them below `folder`. Not for root: Postgres refuses.

    Raises:
        KitError: a service cannot start.
    """
    if is_root():
        raise ValueError("a template is made by the user whose sandboxes use it")
    template = Template(folder)
    password = secrets.token_hex(16)
    admin = admin_stack(stack, password)
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(kafka.up, admin)
        postgres.up(admin)
        starting.result()
    postgres.down(admin)
    kafka.down(admin)
    folder.mkdir(parents=True, exist_ok=True)
    template.password.touch(mode=0o600)
    template.password.write_text(password, encoding="utf-8")
    shutil.copytree(stack.home / postgres.NAME / "data", template.postgres)
    with (template.postgres / "postgresql.conf").open("a", encoding="utf-8") as options:
        options.writelines(f"{key} = {value}\n" for key, value in POSTGRES_OPTIONS.items())
    kept = shutil.ignore_patterns("__cluster_metadata-0", "*.lock", ".lock", "*-checkpoint", ".kafka_cleanshutdown")
    shutil.copytree(stack.home / kafka.NAME / "data", template.kafka, ignore=kept)
    return template


def with_round_seconds(stack: Stack, seconds: float) -> Stack:
    """The stack with rounds that give up after `seconds`."""
    rounds = stack.settings.rounds.model_copy(update={"timeout_sec": seconds})
    return replace(stack, settings=stack.settings.model_copy(update={"rounds": rounds}))
