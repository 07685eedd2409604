"""An S3 server on 127.0.0.1 for a lake at s3a://: S3Proxy, which keeps its objects as files in a folder.

It checks the signature (AWS version 4) of every request. A PUT is written beside its object and renamed, so that one
that was interrupted replaces nothing. It calls no fsync: objects survive its kill, not a power cut.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from configs import storage
from configs.errors import KitError
from configs.settings import Settings
from configs.storage import Keys, S3Path, filesystem, keys_of, lake_place, quarantine_place
from scripts.services.jars import S3PROXY, jar_paths
from scripts.services.java import QUICK_START, require_java
from scripts.services.optional_jars import require_optional_jars
from scripts.services.outcome import Outcome, Start
from scripts.services.ports import require_free_port
from scripts.services.processes import begin_stop, require_started, wait_until
from scripts.services.properties_file import write_properties
from scripts.services.stack import Stack

NAME = "s3"
MEMORY = ("-Xms32m", "-Xmx192m", "-XX:+UseSerialGC", "-XX:-UsePerfData")
START_TIMEOUT = 60.0
STOP_TIMEOUT = 10.0
# Warnings, errors and its start, as in log4j2.properties. To stdout: S3Proxy sends its own stderr to the log.
LOGGING = (
    "-Duser.timezone=UTC",
    *(
        f"-Dorg.slf4j.simpleLogger.{key}={value}"
        for key, value in {
            "logFile": "System.out",
            "defaultLogLevel": "warn",
            "log.org.gaul.shaded.org.eclipse.jetty.server.AbstractConnector": "info",
            "showDateTime": "true",
            "dateTimeFormat": "yyyy-MM-dd'T'HH:mm:ss'Z'",
            "showThreadName": "false",
            "showShortLogName": "true",
        }.items()
    ),
)
# What S3Proxy has of a PUT that it has not finished: the object's name, and after it a random UUID.
UNFINISHED = re.compile(r".-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
_WHOLE = "user.user.content-md5"  # an attribute of the file, which S3Proxy writes last


def address(settings: Settings) -> str:
    """Where S3 answers, for people."""
    return settings.s3.endpoint or f"AWS, {settings.s3.region}"


def port_of(settings: Settings) -> int:
    """The port of the kit's own S3."""
    return urlsplit(settings.s3.endpoint).port or 80


def buckets(settings: Settings) -> tuple[str, ...]:
    """Those of the lake and of the quarantine: one, or two."""
    places = (lake_place(settings), quarantine_place(settings))
    return tuple(dict.fromkeys(place.bucket for place in places if isinstance(place, S3Path)))


def require_answer(settings: Settings) -> None:
    """Make sure that S3 takes the keys, and that the buckets are there. It creates none.

    Raises:
        StorageError, SettingsError: it does not answer, it refuses the keys, or a bucket is missing.
    """
    for place in (lake_place(settings), quarantine_place(settings)):
        storage.require_answer(place)


def up(stack: Stack) -> Outcome:
    """Start the server if it does not run, and create the buckets.

    Raises:
        KitError: it cannot start.
    """
    return begin_up(stack).wait()


def require_startable(stack: Stack) -> None:
    """Make sure that the server runs, or that it can: there are jars and keys, and its port is free.

    Raises:
        KitError: it cannot start.
    """
    settings = stack.settings
    keys_of(settings.s3)
    require_optional_jars(settings)
    if urlsplit(settings.s3.endpoint).scheme != "http":
        raise KitError(f"s3.endpoint is {settings.s3.endpoint}, but S3 of `make up` has no TLS. Write http:// there.")
    if stack.pid_file(NAME).process() is None:
        require_free_port(port_of(settings), "127.0.0.1", "S3", "s3.endpoint of the config")


def begin_up(stack: Stack) -> Start:
    """Launch the server if it does not run.

    Raises:
        KitError: it cannot be launched.
    """
    require_startable(stack)
    settings, keys, log = stack.settings, keys_of(stack.settings.s3), stack.log(NAME)
    where = f"on port {port_of(settings)}"
    process = stack.pid_file(NAME).process()
    if process is not None:
        pid = process.pid

        def known() -> Outcome:
            created = _create_buckets(settings)
            return Outcome(f"S3 is already up {where} (pid {pid})", changed=bool(created))

        return Start(known, is_new=False)
    started = _launch(stack, keys)

    def ready() -> bool:
        require_started(started, "S3", log)
        return _listens(started, port_of(settings))

    def wait() -> Outcome:
        try:
            if not wait_until(ready, timeout=START_TIMEOUT):
                raise KitError(f"S3 does not answer {where} after {START_TIMEOUT:.0f} s. See {log}.")
            _create_buckets(settings)
        except BaseException:
            down(stack)
            raise
        return Outcome(f"S3 is up {where} (pid {started.pid})", changed=True)

    return Start(wait, is_new=True)


def down(stack: Stack) -> bool:
    """Stop the server; what it is writing is finished first. False: it was not running."""
    return begin_down(stack)()


def begin_down(stack: Stack) -> Callable[[], bool]:
    """Ask the server to stop; what is returned does the rest of `down`."""
    return begin_stop(stack.pid_file(NAME), timeout=STOP_TIMEOUT)


def remove(stack: Stack) -> None:
    """Remove the objects and the buckets of a stopped server."""
    shutil.rmtree(stack.home / NAME, ignore_errors=True)


def _launch(stack: Stack, keys: Keys) -> psutil.Process:
    folder = stack.home / NAME
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    for path in unfinished_files(data):
        path.unlink(missing_ok=True)
    properties = write_properties(
        folder / "s3proxy.properties",
        {
            "s3proxy.endpoint": f"http://127.0.0.1:{port_of(stack.settings)}",
            "s3proxy.authorization": "aws-v4",
            "s3proxy.identity": keys.access_key,
            "s3proxy.credential": keys.secret_key,
            "jclouds.provider": "filesystem",  # the name is of a library that S3Proxy no longer has
            "jclouds.filesystem.basedir": str(data),
        },
        mode=0o600,
    )
    java: list[str] = [str(require_java().executable), *MEMORY, *((QUICK_START,) if stack.short_lived else ())]
    java += [*LOGGING, "-cp", ":".join(str(jar) for jar in jar_paths(S3PROXY))]
    command = [*java, "org.gaul.s3proxy.Main", "--properties", str(properties)]
    return stack.launcher.launch(command, pid_file=stack.pid_file(NAME), log=stack.log(NAME))


def unfinished_files(data: Path) -> Iterator[Path]:
    """What a killed server has left of PUTs that it had not finished. A listing would show them as objects."""
    for folder, _, names in os.walk(data):
        for name in filter(UNFINISHED.search, names):
            path = Path(folder, name)
            try:
                if _WHOLE not in os.listxattr(path):
                    yield path
            except (AttributeError, OSError):
                continue  # macOS, or a file system without attributes: nothing shows that it is not whole


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        return any(one.laddr.port == port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN)
    except psutil.NoSuchProcess:
        return False


def _create_buckets(settings: Settings) -> list[str]:
    """Create the buckets that are missing, with signed requests. Returns those.

    Raises:
        KitError: the server refuses that.
    """
    from pyarrow.fs import FileType

    store = filesystem(settings.s3)
    try:
        missing = [info.path for info in store.get_file_info(buckets(settings)) if info.type == FileType.NotFound]
        for bucket in missing:
            store.create_dir(bucket)
    except OSError as error:
        raise KitError(
            f"S3 at {address(settings)} refuses a bucket: {_first_line(error)}. If the keys were changed: `make "
            "down`, then `make up`."
        ) from None
    return missing


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")
