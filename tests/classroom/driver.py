"""Runs in an outer sandbox: starts the programs that come on standard input, and tells what became of each."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from scripts.classroom import layout
from scripts.classroom.groups import group_in_sandbox
from scripts.classroom.limits import LiveLimits, Watch
from scripts.classroom.sandbox import SandboxLauncher, StudentFiles
from scripts.services.processes import PidFile, kill, wait_until

STACK, STUDENT = Path("/stack"), Path("/student")
# Stand-ins for what must be out of reach: a record of the rounds, and a service.
KEPT = {"state/rounds/round1.json": '{"complete": true}', ".kit/postgres/data/PG_VERSION": "18\n"}


def main() -> None:
    service = subprocess.Popen(["sleep", "1000"])
    for name, text in KEPT.items():
        (STACK / name).parent.mkdir(parents=True, exist_ok=True)
        (STACK / name).write_text(text, encoding="utf-8")
    shown = STACK / ".kit" / "programs"
    shown.mkdir()
    (shown / "orders_stream.yml").write_text("rollnumber: x\n", encoding="utf-8")
    etc = tuple(layout.etc(STACK / "etc"))
    for line in sys.stdin:
        asked = json.loads(line)
        answer = run(asked, LiveLimits(disk_bytes=60 << 20, **asked["limits"]), etc, shown)
        answer["changed"] = [name for name, text in KEPT.items() if not same(STACK / name, text)]
        if service.poll() is not None:
            answer["changed"].append("the service has ended")
        print(json.dumps(answer), flush=True)


def same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def run(asked: dict[str, Any], limits: LiveLimits, etc: tuple[layout.Mount, ...], shown: Path) -> dict[str, Any]:
    for path in STUDENT.iterdir():
        shutil.rmtree(path)
    files = StudentFiles(STUDENT)
    files.make()
    watch = Watch(limits, writable=STUDENT, services=STACK)
    if not asked["is_watched"]:
        watch.stop()
    groups = {} if asked["group"] is None else {"producer": group_in_sandbox(asked["group"])}
    launcher = SandboxLauncher(files, etc, watch, limits, app=files.submission, read_only=(shown,), groups=groups)
    path = files.submission / "orders_cdc_producer.py"
    path.write_text(asked["program"], encoding="utf-8")
    pid_file, log = PidFile(STACK / "run" / "producer.json"), STACK / "producer.log"
    log.unlink(missing_ok=True)
    before = {process.pid for process in psutil.process_iter()}
    launcher.launch(
        [sys.executable, path], pid_file=pid_file, log=log, environment={"PATH": "/usr/bin:/bin", "TZ": "UTC"}
    )
    wait_until(lambda: launcher.exit_code("producer") is not None, timeout=asked["seconds"], interval=0.01)
    code = launcher.exit_code("producer")
    kill(pid_file)
    watch.stop()
    deadline = time.monotonic() + 5
    while (left := others(before)) and time.monotonic() < deadline:
        time.sleep(0.01)
    ending = watch.endings.get("producer")
    with log.open("rb") as stream:
        output = stream.read(20_000).decode("utf-8", errors="replace")
    return {
        "exit_code": code,
        "cause": None if ending is None else ending.cause,
        "figure": None if ending is None else str(ending),
        "output": output,
        "log_bytes": log.stat().st_size,
        "left": left,
    }


def others(before: set[int]) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid not in before and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline())[:80])
        except psutil.Error:
            continue
    return found


if __name__ == "__main__":
    main()
