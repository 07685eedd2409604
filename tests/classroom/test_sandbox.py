"""Hostile programs in an inner sandbox. Each is named for what it does; what it reached for must be as it was."""

from __future__ import annotations

import socket
import sys
import textwrap
from pathlib import Path

import pytest

from configs.errors import KitError
from configs.settings import PROJECT
from scripts.classroom import layout
from scripts.classroom.limits import LiveLimits, Watch
from scripts.classroom.sandbox import SandboxLauncher, StudentFiles, chosen_sandbox
from scripts.services.processes import PidFile
from tests.classroom.conftest import DISK, OuterSandbox, Tried

pytestmark = pytest.mark.jvm  # asks where Java is, to show it to the programs


def attempt(outer: OuterSandbox, program: str, *, seconds: float = 20.0, **limits: int) -> Tried:
    """Run a hostile program, and make sure that nothing outside its sandbox noticed it; then an honest one."""
    tried = outer.run(textwrap.dedent(program), seconds=seconds, limits=limits)
    assert tried.left == []
    assert tried.changed == []
    after = outer.run("print('the next one ran')")
    assert (after.exit_code, after.cause, after.output) == (0, None, "the next one ran\n")
    return tried


def test_a_program_that_reads_others_files_finds_none(outer: OuterSandbox, tmp_path: Path) -> None:
    (tmp_path / "another submission").mkdir()
    secret = tmp_path / "another submission" / "orders_cdc_producer.py"
    secret.write_text("print('mine')", encoding="utf-8")
    places = [
        str(secret),
        str(PROJECT / "grader"),
        str(PROJECT / "configs" / "orders_stream.yml"),
        str(PROJECT / "tests"),
        str(Path.home() / ".bashrc"),
        "/etc/shadow",
        "/stack/state/rounds/round1.json",
        "/stack/.kit/postgres/data/PG_VERSION",
        "/proc/1/root/stack/state",
        "/proc/1/environ",
        "/task.json",
        "/template",
        "/driver.py",
    ]
    assert secret.is_file()
    tried = attempt(
        outer,
        f"""
        import os
        for place in {places!r}:
            try:
                print("READ", place, os.listdir(place) if os.path.isdir(place) else open(place).read())
            except OSError as error:
                print("no", type(error).__name__)
        print("user", os.getuid())
        """,
    )
    read = [line for line in tried.output.splitlines() if line.startswith("READ") and "/proc/1/environ" not in line]
    assert read == []
    assert tried.output.splitlines()[-1] == "user 1000"


def test_a_program_sees_no_variable_of_the_instructor(outer: OuterSandbox) -> None:
    tried = attempt(outer, "import os; print(sorted(os.environ)); print(open('/proc/1/environ').read())")
    assert "PYTHONPATH" not in tried.output
    assert "XDG_CACHE_HOME" not in tried.output


def test_a_program_that_writes_outside_its_folders_cannot(outer: OuterSandbox) -> None:
    tried = attempt(
        outer,
        """
        import os, sys
        places = ["/forged", "/etc/passwd", "/etc/hosts", "/usr/bin/forged", "/dev/forged", "/stack/forged",
                  "/stack/.kit/programs/orders_stream.yml", "/proc/sys/kernel/hostname", sys.executable,
                  "/root/forged", "/var/forged"]
        for place in places:
            try:
                with open(place, "a") as file:
                    file.write("x")
                print("WROTE", place)
            except OSError as error:
                print("no", type(error).__name__)
        """,
    )
    assert "WROTE" not in tried.output
    assert tried.output.count("no ") == 11


def test_a_program_that_forges_its_round_records_finds_no_place_for_them(outer: OuterSandbox) -> None:
    tried = attempt(
        outer,
        """
        import os
        for place in ("/stack/state/rounds", "/stack/state", "/out", "/result"):
            try:
                os.makedirs(place, exist_ok=True)
                open(place + "/round1.json", "w").write("{}")
                print("FORGED", place)
            except OSError as error:
                print("no", type(error).__name__)
        """,
    )
    assert "FORGED" not in tried.output


def test_a_program_has_what_compose_files_promise(outer: OuterSandbox) -> None:
    tried = attempt(
        outer,
        """
        import os, socket
        for folder in ("/datalake/food", "/app/datalake", os.path.expanduser("~/x"), "/tmp/x", "/data/x"):
            os.makedirs(folder)
        print(*[socket.gethostbyname(name) for name in ("postgres", "kafka", "localhost")])
        """,
    )
    assert (tried.exit_code, tried.output) == (0, "127.0.0.1 127.0.0.1 127.0.0.1\n")


def test_a_program_that_kills_everything_kills_only_itself(outer: OuterSandbox) -> None:
    tried = attempt(
        outer,
        """
        import os, signal
        for pid in (-1, 1, 2, *range(3, 40_000)):
            if pid != os.getpid():
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert tried.exit_code == 137
    assert tried.cause is None


def test_a_fork_bomb_is_ended_and_named(outer: OuterSandbox) -> None:
    bomb = """
        import os
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """
    tried = attempt(outer, bomb, processes=40)
    assert tried.cause == "processes"
    assert "more than 40 processes" in (tried.figure or "")


def test_a_program_that_fills_memory_is_ended_and_named(outer: OuterSandbox) -> None:
    program = "blocks = []\nwhile True:\n    blocks.append(bytearray(8 << 20))"
    tried = attempt(outer, program, memory_bytes=256 << 20)
    assert tried.cause == "memory" or "MemoryError" in tried.output


def test_children_that_fill_memory_together_are_ended_and_named(outer: OuterSandbox) -> None:
    tried = attempt(
        outer,
        """
        import os, time
        for _ in range(6):
            if os.fork() == 0:
                break
        block = bytearray(64 << 20)
        time.sleep(30)
        """,
        memory_bytes=256 << 20,
    )
    assert tried.cause == "memory"
    assert "256 MiB" in (tried.figure or "")


@pytest.mark.parametrize("place", ["/datalake/big", "/dev/shm/big", "/tmp/big"])
def test_a_program_that_fills_the_disk_is_ended_and_named(outer: OuterSandbox, place: str) -> None:
    program = f"""
        import itertools
        for number in itertools.count():
            with open({place!r} + str(number), "wb") as file:
                file.write(bytes(4 << 20))
        """
    tried = attempt(outer, program)
    assert tried.cause == "disk"
    assert DISK > 60 << 20


def test_a_program_that_makes_a_hundred_thousand_files_is_ended_and_named(outer: OuterSandbox) -> None:
    program = "for number in range(100_000):\n    open(f'/tmp/{number}', 'w').close()\n"
    assert attempt(outer, program, files=2000).cause == "files"


def test_a_program_that_prints_without_end_is_ended_and_named(outer: OuterSandbox) -> None:
    tried = attempt(outer, "while True: print('x' * 1000)", output_bytes=1 << 20)
    assert tried.cause == "output"
    assert tried.log_bytes <= 64 << 20


def test_a_program_that_opens_the_network_reaches_nobody(outer: OuterSandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        tried = attempt(
            outer,
            f"""
            import socket
            for address in (("127.0.0.1", {port}), ("192.0.2.1", 80)):
                try:
                    socket.create_connection(address, timeout=3)
                    print("CONNECTED", address)
                except OSError as error:
                    print("no", error.strerror)
            print([name for _, name in socket.if_nameindex()])
            """,
        )
    assert "CONNECTED" not in tried.output
    assert tried.output.splitlines()[-1] == "['lo']"


def test_a_program_that_ignores_every_signal_is_gone_at_once(outer: OuterSandbox) -> None:
    tried = attempt(
        outer,
        """
        import signal, time
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        print("waiting", flush=True)
        while True:
            time.sleep(60)
        """,
        seconds=1.0,
    )
    assert tried.exit_code is None
    assert tried.output == "waiting\n"


def test_daemons_do_not_outlive_their_program(outer: OuterSandbox) -> None:
    tried = attempt(
        outer,
        """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                time.sleep(1000)
            os._exit(0)
        os.wait()
        """,
    )
    assert tried.exit_code == 0


def test_a_program_that_waits_for_input_gets_none(outer: OuterSandbox) -> None:
    tried = attempt(outer, "input('roll number? ')")
    assert tried.exit_code == 1
    assert "EOFError" in tried.output


def test_a_program_cannot_make_itself_root_in_a_namespace(outer: OuterSandbox) -> None:
    tried = attempt(outer, "import subprocess; print(subprocess.run(['unshare', '--user', '--map-root-user', 'id']))")
    assert "uid=0" not in tried.output


def test_the_kits_files_are_seen_below_a_place_that_the_sandbox_has_itself(tmp_path: Path) -> None:
    """The clone can be in /tmp or /data, or in a home that is named like the sandbox's."""
    shown = tmp_path / "kit" / "shown.txt"
    shown.parent.mkdir()
    shown.write_text("seen\n")
    files = StudentFiles(tmp_path / "student")
    files.make()
    watch = Watch(LiveLimits())
    launcher = SandboxLauncher(files, (), watch, LiveLimits(), read_only=(shown,))
    log = tmp_path / "program.log"
    launcher.launch(["cat", shown], pid_file=PidFile(tmp_path / "program.json"), log=log)
    assert launcher.started["program"].wait(timeout=20) == 0, log.read_text()
    watch.stop()
    assert log.read_text() == "seen\n"


def test_a_venv_that_is_a_link_has_one_mount(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """bwrap makes no link where something is shown, and Python shows its venv by the name that it was started with."""
    venv = tmp_path / ".venv"
    venv.symlink_to(sys.prefix)
    monkeypatch.setattr(layout, "PROJECT", tmp_path)
    assert [mount.target for mount in layout.kit()].count(venv) == 1
    monkeypatch.setattr(sys, "prefix", str(venv))
    assert venv not in [mount.target for mount in (*layout.kit(), *layout.program_files())]
    layout.system.cache_clear()
    try:
        assert [mount.target for mount in layout.system()].count(venv) == 1
    finally:
        layout.system.cache_clear()


def test_another_word_than_bubblewrap_and_none_is_refused() -> None:
    with pytest.raises(KitError, match="SANDBOX is 'docker'; allowed: bubblewrap, none"):
        chosen_sandbox("docker")


def test_without_bubblewrap_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KitError, match=r"no `bwrap`: install it with `apt-get install bubblewrap`.*SANDBOX=none"):
        chosen_sandbox(None)
    assert chosen_sandbox("none") == "none"
