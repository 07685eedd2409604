"""A stack: one settings file, its root folder, and what runs for it. Several stacks can run at the same time.

It is a value. The code that starts and stops its services and programs is in scripts/pipeline/.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from configs.errors import KitError
from configs.settings import PROJECT, Settings, load_settings
from scripts.services.processes import LOCAL, Launcher, PidFile

SERVICES = ("embedded", "docker", "external")
PROGRAM_NAMES = PRODUCER, CONSUMER = ("producer", "consumer")
SUBMIT = PROJECT / "scripts" / "spark_submit.sh"


@dataclass(frozen=True)
class Programs:
    """A pair of producer and consumer: its name, and a file for each, a Python program or a script.

    `longest_interval_sec`: of a poll or a batch, in the config that is rendered for them; None: as their owner has it.
    """

    name: str
    producer: Path
    consumer: Path
    folder: Path | None = None  # where somebody else's lie; None for those that come with a kit's scripts
    longest_interval_sec: int | None = None

    def path(self, program: str) -> Path:
        """The file of the "producer" or the "consumer"."""
        return self.producer if program == PRODUCER else self.consumer

    def command(self, program: str, config: Path) -> list[str | Path]:
        """The command that runs the "producer" or the "consumer"; a Python program goes through spark-submit."""
        path = self.path(program)
        return [*([SUBMIT] if path.suffix == ".py" else []), path, "--config", config]


def programs_with_scripts(name: str, folder: Path) -> Programs:
    """The programs of a folder that has scripts/producer_spark_submit.sh and scripts/consumer_spark_submit.sh."""
    producer, consumer = (folder / "scripts" / f"{program}_spark_submit.sh" for program in PROGRAM_NAMES)
    return Programs(name, producer, consumer)


OURS = programs_with_scripts("ours", PROJECT)


@dataclass(frozen=True)
class Stack:
    """A settings file, how its services are run ("embedded", "docker" or "external"), and whose programs run.

    `reads_environment` False: the settings were loaded without the caller's environment. So the programs do not get the
    variables that would change them. `short_lived`: its JVMs live for seconds or minutes, as in a demo, a round or a
    test, and so are set for a quick start.
    """

    settings: Settings
    services: str = "embedded"
    programs: Programs = OURS
    launcher: Launcher = LOCAL
    reads_environment: bool = True
    short_lived: bool = False

    @property
    def home(self) -> Path:
        """The folder with data, logs and pid files of the stack."""
        return self.settings.root / ".kit"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def scratch(self) -> Path:
        """For what programs write while they run: a folder for each, with its name, or by hand with its pid."""
        return self.home / "scratch"

    def pid_file(self, name: str) -> PidFile:
        return PidFile(self.home / "run" / f"{name}.json")

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Only one command at a time may start or stop services and programs of this stack."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Waiting: another `make` of this project is starting or stopping services ...", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def remove_unused_scratch(stack: Stack) -> None:
    """Remove what programs that do not run any more have left in their folders for scratch."""
    for folder in stack.scratch.glob("*"):
        name = folder.name
        is_used = psutil.pid_exists(int(name)) if name.isdigit() else stack.pid_file(name).process() is not None
        if not is_used:
            shutil.rmtree(folder, ignore_errors=True)


def open_stack(config: Path | str | None = None, services: str | None = None, programs: Programs = OURS) -> Stack:
    """The stack of a config file. CONFIG and SERVICES in the environment are the defaults.

    Raises:
        KitError: SERVICES is none of embedded, docker, external.
        SettingsError: the config cannot be used.
    """
    services = services or os.environ.get("SERVICES") or "embedded"
    if services not in SERVICES:
        raise KitError(f"SERVICES is {services!r}; allowed: {', '.join(SERVICES)}.")
    return Stack(load_settings(config), services, programs)


LOCAL_HOSTS = ("localhost", "127.0.0.1")


def has_own_s3(settings: Settings) -> bool:
    """Whether the S3 of the config is the kit's own: its lake is on S3, at an address of this machine."""
    return settings.on_s3 and urlsplit(settings.s3.endpoint).hostname in LOCAL_HOSTS


def require_local(host: str, key: str) -> None:
    """Make sure that the host is this machine: embedded services run only there.

    Raises:
        KitError: the config names another host.
    """
    if host not in LOCAL_HOSTS:
        raise KitError(
            f"{key} names the host {host!r}, but SERVICES=embedded runs on this machine. Write 127.0.0.1 there. Or use "
            "the service on that host, with SERVICES=external."
        )
