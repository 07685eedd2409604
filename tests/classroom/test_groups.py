"""Control groups: the kernel stops what many processes do together, and it is named; else the watch does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from configs.settings import PROJECT
from scripts.classroom.groups import (
    GroupLimits,
    groups_here,
    held,
    own_group,
    remove_groups_of_killed_runs,
    run_groups,
)
from scripts.classroom.limits import LiveLimits
from tests.classroom.conftest import OuterSandbox, Tried

MIB = 1 << 20
# Each process stays below every limit of a process: only together they are too large.
MEMORY_OF_MANY = """
import os, time
for _ in range(7):
    if os.fork() == 0:
        break
block = bytearray(64 << 20)
time.sleep(30)
"""
FORK_BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
pytestmark = pytest.mark.jvm  # asks where Java is, to show it to the programs


@pytest.mark.parametrize(("program", "cause"), [(MEMORY_OF_MANY, "memory"), (FORK_BOMB, "processes")])
def test_the_kernel_stops_what_no_watch_looks_at(outer_with_groups: OuterSandbox, program: str, cause: str) -> None:
    tried = outer_with_groups.run(
        program, seconds=5, is_watched=False, limits={"memory_bytes": 128 * MIB, "threads": 60}
    )
    assert tried.cause == cause
    require_next_one(outer_with_groups, tried)


@pytest.mark.parametrize(("program", "cause"), [(MEMORY_OF_MANY, "memory"), (FORK_BOMB, "processes")])
def test_without_groups_the_watch_stops_it(outer: OuterSandbox, program: str, cause: str) -> None:
    unwatched = outer.run(MEMORY_OF_MANY, seconds=2, is_watched=False, limits={"memory_bytes": 128 * MIB})
    assert (unwatched.exit_code, unwatched.cause) == (None, None)  # the limits of each process do not stop it
    tried = outer.run(program, limits={"memory_bytes": 128 * MIB, "processes": 40})
    assert tried.cause == cause
    require_next_one(outer, tried)


def test_children_that_share_their_parents_memory_are_processes_and_no_memory(
    outer_with_groups: OuterSandbox,
) -> None:
    program = f"block = bytearray(50 << 20)\n{FORK_BOMB}"
    tried = outer_with_groups.run(program, limits={"memory_bytes": 512 * MIB, "processes": 100})
    assert tried.cause == "processes"
    require_next_one(outer_with_groups, tried)


def require_next_one(outer: OuterSandbox, tried: Tried) -> None:
    assert tried.left == []
    assert tried.changed == []
    after = outer.run("print('the next one ran')")
    assert (after.exit_code, after.cause, after.output) == (0, None, "the next one ran\n")


def test_what_a_program_writes_to_memory_is_no_reason_to_end_it(outer_with_groups: OuterSandbox) -> None:
    program = "open('/tmp/lake', 'wb').write(bytes(40 << 20))\nblock = bytearray(90 << 20)\nprint('done')"
    tried = outer_with_groups.run(program, limits={"memory_bytes": 128 * MIB})
    assert (tried.exit_code, tried.cause, tried.output) == (0, None, "done\n")


def test_a_program_neither_sees_nor_leaves_its_group(outer_with_groups: OuterSandbox) -> None:
    program = """
import os
for place in ("/groups", "/sys/fs/cgroup/memory"):
    print(os.path.exists(place))
print([line for line in open("/proc/self/cgroup") if "food-orders-kit" in line])
"""
    assert outer_with_groups.run(program).output == "False\nFalse\n[]\n"


def test_groups_are_gone_after_their_run_and_those_of_a_killed_one_with_the_next(needs_groups: None) -> None:
    with run_groups(["producer"], LiveLimits().of_groups) as groups:
        mine = {groups.memory, groups.pids}
        remove_groups_of_killed_runs()
        assert mine <= set(groups_here())  # this run is alive
    assert mine.isdisjoint(groups_here())

    killed = """
import os, sys
from scripts.classroom.groups import run_groups
from scripts.classroom.limits import LiveLimits
with run_groups(["producer"], LiveLimits().of_groups) as groups:
    print(groups.memory, groups.pids, sep="\\n", flush=True)
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", killed], cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    left = {Path(line) for line in done.stdout.splitlines()}
    assert len(left) == 2
    assert left <= set(groups_here())
    remove_groups_of_killed_runs()
    assert left.isdisjoint(groups_here())


def test_a_scope_of_systemd_holds_a_submission_and_its_worker_finds_it(tmp_path: Path) -> None:
    """What the kit asks for and reads. No systemd of a user runs where these tests do."""
    limits = GroupLimits(1, 2, 3000, 40)
    with held("systemd", ["producer"], limits) as scope:
        command = " ".join(scope.begin)
    assert "--scope" in command
    assert "-p MemoryMax=3000 -p TasksMax=40" in command
    assert [str(mount.target) for mount in scope.mounts] == ["/sys/fs/cgroup"]
    folder = tmp_path / "user.slice" / "run-1.scope"
    folder.mkdir(parents=True)
    (folder / "memory.events").write_text("low 0\nhigh 0\nmax 31\noom 2\noom_kill 1\noom_group_kill 0\n")
    (folder / "pids.events").write_text("max 7\n")
    group = own_group("0::/user.slice/run-1.scope\n", tmp_path)
    assert (group.memory_kills, group.refused_processes) == (1, 7)
    assert own_group("4:memory:/x\n", tmp_path / "none").memory_kills == 0
