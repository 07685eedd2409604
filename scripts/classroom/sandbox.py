"""Sandboxes of bubblewrap: one for each submission, with its services in it, and in that one for each of its programs.

The outer one has a network, processes and IPC of its own, so that Postgres and Kafka are at their usual ports in it. In
it runs the kit's own worker. A student's program runs in an inner one, which shares only that network: of the worker,
the services, their files and the rounds' records nothing can be seen, written or signalled from there.

For root there is one more around both. It only shows the files, because the next two run as a user without rights, who
could not reach them below /root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import psutil

from configs.errors import KitError
from scripts.classroom import layout
from scripts.classroom.groups import Group
from scripts.classroom.layout import UID, USER, Mount
from scripts.classroom.limits import LiveLimits, Watch
from scripts.services.processes import Limits, PidFile, is_root, set_limits, spawn

SandboxChoice: TypeAlias = Literal["bubblewrap", "none"]
CHOICES: tuple[SandboxChoice, ...] = ("bubblewrap", "none")
# Whose processes a root's sandboxes are, outside of them. No system gives this number to a user.
UNPRIVILEGED = 64_913
_GIVE_UP_ROOT = (
    "import os, sys; user = int(sys.argv[1]); os.setgroups([]); os.setresgid(user, user, user); "
    "os.setresuid(user, user, user); os.execv(sys.argv[2], sys.argv[2:])"
)
_TRIAL_TIMEOUT = 20.0


def chosen_sandbox(asked: str | None) -> SandboxChoice:
    """What SANDBOX asks for: bubblewrap without it, and only after a trial that it works here.

    Raises:
        KitError: SANDBOX is something else, or bubblewrap is missing or is not allowed to make a sandbox.
    """
    if asked not in (None, "", *CHOICES):
        raise KitError(f"SANDBOX is {asked!r}; allowed: {', '.join(CHOICES)}.")
    if asked == "none":
        return "none"
    require_bubblewrap()
    return "bubblewrap"


def bubblewrap() -> Path:
    """The program bwrap.

    Raises:
        KitError: it is not installed.
    """
    found = shutil.which("bwrap")
    if found is None:
        raise KitError(
            "A live run needs bubblewrap, which keeps a student's program away from your files, and this machine has "
            "no `bwrap`: install it with `apt-get install bubblewrap` or `dnf install bubblewrap`, or write "
            "SANDBOX=none to run every program with your own rights."
        )
    return Path(found)


def require_bubblewrap() -> None:
    """Make sure that sandboxes work here, both of them, one in the other.

    Raises:
        KitError: they do not; the message has what bubblewrap says, and what to do.
    """
    inner = [
        str(bubblewrap()),
        *_namespaces(network=True),
        *_words(layout.system()),
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]
    command = outer_command(["sh", "-c", '"$@"', "sh", *inner, "true"], layout.system())
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_TRIAL_TIMEOUT, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise KitError(
            f"bubblewrap cannot make a sandbox on this machine ({said}). It needs user namespaces, which containers "
            "and some systems switch off: see `sysctl kernel.apparmor_restrict_unprivileged_userns` and "
            "`user.max_user_namespaces`. Or write SANDBOX=none to run every program with your own rights."
        )


@cache
def _knows(option: str) -> bool:
    """Whether this bwrap has an option; older ones lack some."""
    done = subprocess.run([str(bubblewrap()), "--help"], capture_output=True, text=True, check=False)
    return option in done.stdout


def _namespaces(*, network: bool) -> list[str]:
    """Everything of its own; the network only if `network` is not the one outside."""
    words = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    # The outer sandbox's worker must find its control group by the name that it has outside.
    words.append("--unshare-cgroup-try" if network else "--unshare-net")
    return [*words, "--uid", str(UID), "--gid", str(UID), "--die-with-parent"]


def _words(mounts: Sequence[Mount]) -> list[str]:
    """The arguments for all mounts. The folders above them are named too: bwrap would close them to other users."""
    targets = {mount.target for mount in mounts}
    above = {
        parent: None
        for mount in mounts
        for parent in reversed(mount.target.parents)
        if parent != Path("/") and targets.isdisjoint((parent, *parent.parents))
    }
    return [word for parent in above for word in ("--dir", str(parent))] + [
        word for mount in mounts for word in mount.words
    ]


def outer_command(command: Sequence[str | Path], mounts: Sequence[Mount]) -> list[str]:
    """The command that runs `command` in a submission's outer sandbox, which sees `mounts` and nothing else."""
    program = str(bubblewrap())
    as_user = [program, *_namespaces(network=False), "--hostname", layout.MACHINE]
    own = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # before the mounts: the kit can be in /tmp
    rest = ["--chdir", "/", "--", *map(str, command)]
    if not is_root():
        return [*as_user, *own, *_words(mounts), *rest]
    # Its /proc is this machine's own: bwrap covers parts of a new one for root, and none could be mounted in it then.
    files = [program, "--bind", "/proc", "/proc", "--dev-bind", "/dev", "/dev", "--tmpfs", "/tmp", *_words(mounts)]
    give_up = ["--chdir", "/", "--", sys.executable, "-I", "-c", _GIVE_UP_ROOT, str(UNPRIVILEGED)]
    return [*files, *give_up, *as_user, *own, *_words([mount.in_place for mount in mounts]), *rest]


@dataclass(frozen=True)
class StudentFiles:
    """What a submission may write, all of it in one folder: its own copy, its home, its lake, its temporary files.

    In the inner sandbox they are where students' configs and programs have them.
    """

    root: Path

    @property
    def submission(self) -> Path:
        return self.root / "submission"

    @property
    def places(self) -> dict[str, Path]:
        """Place in the sandbox -> folder."""
        return {
            f"/home/{USER}": self.root / "home",
            "/tmp": self.root / "tmp",
            "/var/tmp": self.root / "var_tmp",
            "/dev/shm": self.root / "shm",
            "/datalake": self.root / "datalake",
            "/data": self.root / "data",
        }

    def make(self) -> None:
        for folder in (self.submission, *self.places.values()):
            folder.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True)
class SandboxLauncher:
    """Starts a student's program in an inner sandbox, held to limits and watched. With `isolated` False: only that.

    `app` is what it finds at /app. `read_only`: more that it sees. Programs end with the process that started them.
    """

    files: StudentFiles
    etc: tuple[Mount, ...]
    watch: Watch
    limits: LiveLimits
    app: Path | None = None
    read_only: tuple[Path, ...] = ()
    isolated: bool = True
    groups: Mapping[str, Group] = field(default_factory=dict)  # control groups, by name; a program may have none
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)  # by name, shared by copies

    def launch(
        self,
        command: Sequence[str | Path],
        *,
        pid_file: PidFile,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        limits: Limits | None = None,
        uid_gid: tuple[int, int] | None = None,
    ) -> psutil.Process:
        """As Launcher.launch. `limits` come on top of this launcher's own; a program has no other user.

        Raises:
            ValueError: `uid_gid` is given.
        """
        if uid_gid is not None:
            raise ValueError("a program in a sandbox has the sandbox's user")
        folder = folder or self.files.submission
        values = dict(os.environ if environment is None else environment)
        if self.isolated:
            values |= {"HOME": f"/home/{USER}", "USER": USER, "LOGNAME": USER, "TMPDIR": "/tmp"}
        held = {**self.limits.of_process(), **(limits or {})}
        name = pid_file.path.stem
        group = self.groups.get(name)
        started = spawn(
            [*(self._bubblewrap(folder) if self.isolated else []), *command],
            pid_file=pid_file,
            log=log,
            environment=values,
            folder=Path("/") if self.isolated else folder,
            before_exec=lambda: _hold(held, group),
        )
        process = psutil.Process(started.pid)
        self.started[name] = started
        self.watch.add(name, process, log, group)
        return process

    def exit_code(self, name: str) -> int | None:
        """How the program with this name has ended: 128 and a signal's number for one; None while it runs."""
        return self.started[name].poll()

    def _bubblewrap(self, folder: Path) -> list[str]:
        mounts = [
            *layout.system(),
            *layout.program_files(),
            *self.etc,
            *(layout.read_only(path) for path in self.read_only),
            layout.writable(self.files.root),
        ]
        places = [layout.writable(path, Path(place)) for place, path in self.files.places.items()]
        if self.app is not None:
            places.append(layout.writable(self.app, Path("/app")))
        return [
            str(bubblewrap()),
            *_namespaces(network=True),
            *(["--disable-userns"] if _knows("--disable-userns") else []),
            *("--proc", "/proc", "--dev", "/dev"),
            # Then the kit's files, which can be below such a place: in /data, or in a home of the same name.
            *_words(places),
            *_words(mounts),
            *("--remount-ro", "/dev", "--remount-ro", "/"),
            *("--chdir", str(folder), "--"),
        ]


def _hold(limits: Limits, group: Group | None) -> None:
    """In the new process: its limits, and that the kernel ends it before anything else when memory is short.

    It has the lowest priority, so that the watch and the services get their turn beside hundreds of its processes.
    """
    os.nice(19)
    if group is not None:
        group.join()
    set_limits(limits)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - as little as possible after a fork
            file.write("1000")
    except OSError:
        pass
