"""`make fuzz N=10000`: damages submissions at random and grades them, to test that no input breaks the grader.

Every run must end:

- with exit code 0, 1 or 2
- without a traceback or a check in status ERROR
- within 20 s and 1 GiB
- without a byte read outside the submission

A run depends only on its seed: `--seed 17 --runs 1` repeats one run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from configs.errors import KitError
from configs.settings import PROJECT
from configs.wording import counted
from grader.api import grade
from grader.builder import CHECKPOINT, LAKE, MOMENT, STATE, Submission, leave_orphan, order
from grader.limits import Limits, step_limit
from grader.model import DID_NOT_END
from grader.renderers import json as json_renderer
from grader.renderers import terminal
from grader.renderers.files import write_reports

MAX_SECONDS = 20.0
_STEP_SECONDS = MAX_SECONDS - 5
MAX_BYTES = 1 << 30
MAX_STEPS_LIMITED = 3  # steps that may reach their time limit: reading the lake, the figures, the charts
SECRET = "CANARY-9f1c"  # is outside the submission; it must not be in any report
_IN_A_SEPARATE_PROCESS = 0.01  # of the runs, with the whole command line
_WITH_ALL_REPORTS = 0.2  # of the runs; the others only write report.json, because charts take longer than the grading
_HOSTILE_NUMBERS = (
    "-1",
    "0",
    "2147483648",
    "9223372036854775808",
    "1e400",
    "NaN",
    "null",
    '""',
    "[]",
    "{}",
    "9" * 5000,
)
_HOSTILE_NAMES = (
    "date=",
    "date=99999-99-99",
    "date=%00",
    "date=2025-02-30",
    "date=é\n<b>",
    "=",
    "_x",
    "9" * 18,
    "x" * 255,
)

Mutation = Callable[[Path, random.Random], None]


@dataclass(frozen=True)
class Outcome:
    """One run: exit code, problem (None: no problem), seconds, and the mutations of the submission."""

    seed: int
    code: int
    problem: str | None
    seconds: float
    mutations: tuple[str, ...]


# --- submissions to damage ---


def _plain(folder: Path) -> Submission:
    return Submission(folder)


def _long(folder: Path) -> Submission:
    submission = Submission(folder)
    for order_id in range(21, 33):
        submission.append_batch([order(order_id, MOMENT)])
    return submission


def _types(folder: Path) -> Submission:
    return Submission(folder, types={"order_id": "int64", "amount": "string", "created_at": "string"})


def _doubles(folder: Path) -> Submission:
    return Submission(folder, types={"order_id": "int64", "amount": "double", "created_at": "int96"})


def _nested(folder: Path) -> Submission:
    return Submission(folder / "x1" / "food_delivery_streaming" / "local")


def _no_log(folder: Path) -> Submission:
    submission = Submission(folder, log=False)
    submission.edit(lambda root: shutil.rmtree(root / "configs"))
    return submission


def _orphan(folder: Path) -> Submission:
    submission = Submission(folder)
    submission.edit(leave_orphan)
    return submission


BASES = (_plain, _long, _types, _doubles, _nested, _no_log, _orphan)


# --- mutations: each takes the submission's folder and a random.Random ---


def _files(root: Path) -> list[Path]:
    """The files that can be damaged: no links and no huge files."""
    found = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path for path in found if path.stat().st_size < 16 << 20)


def _file(root: Path, rng: random.Random) -> Path:
    """A random file. Each kind of file is equally likely, so the few that are not data or checksums are chosen too."""
    files = _files(root)
    kinds: dict[str, list[Path]] = {}
    for path in files:
        kinds.setdefault(f"{path.parent.name.partition('=')[0]}{path.name.startswith('.')}", []).append(path)
    return rng.choice(kinds[rng.choice(sorted(kinds))]) if kinds else root / "none"


def truncate(root: Path, rng: random.Random) -> None:
    path = _file(root, rng)
    os.truncate(path, rng.randrange(path.stat().st_size + 1))


def flip(root: Path, rng: random.Random) -> None:
    path = _file(root, rng)
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 2, 8, 32)) if content else 0):
        # the footer at the end of a Parquet file has the most effect
        at = rng.randrange(len(content)) if rng.random() < 0.5 else -1 - rng.randrange(min(400, len(content)))
        content[at] = rng.randrange(256)
    path.write_bytes(content)


def insert(root: Path, rng: random.Random) -> None:
    path = _file(root, rng)
    content = path.read_bytes()
    at = rng.randrange(len(content) + 1)
    path.write_bytes(content[:at] + rng.randbytes(rng.choice((1, 4, 1000))) + content[at:])


def empty(root: Path, rng: random.Random) -> None:
    _file(root, rng).write_bytes(b"")


def remove(root: Path, rng: random.Random) -> None:
    path = _file(root, rng)
    path.unlink() if rng.random() < 0.7 else shutil.rmtree(path.parent)


def rename(root: Path, rng: random.Random) -> None:
    path = _file(root, rng)
    names = (*_HOSTILE_NAMES, f"{path.name}.bak", path.name[1:] or "x", str(rng.randrange(200)), "x.parquet")
    target = path.with_name(rng.choice(names).replace("/", ""))
    if not target.is_dir():
        path.rename(target)


def rename_folder(root: Path, rng: random.Random) -> None:
    path = _file(root, rng).parent
    target = path.with_name(rng.choice(_HOSTILE_NAMES))
    if path != root and not target.exists():
        path.rename(target)


def swap(root: Path, rng: random.Random) -> None:
    one, other = _file(root, rng), _file(root, rng)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def copy(root: Path, rng: random.Random) -> None:
    shutil.copy(_file(root, rng), _file(root, rng).parent / f"{rng.randrange(40)}{rng.choice(('', '.parquet'))}")


def link(root: Path, rng: random.Random) -> None:
    path = _file(root, rng)
    secrets = sorted(root.parent.joinpath("outside").rglob("*"))
    inside = [path, path.parent, root, _file(root, rng)]
    target = rng.choice([Path("/dev/zero"), Path("/etc/passwd"), Path("nowhere"), *secrets, *inside])
    if rng.random() < 0.5:
        path.unlink()
        path.symlink_to(target)
    elif path.parent != root:
        shutil.rmtree(path.parent)
        path.parent.symlink_to(target)


def pipe(root: Path, rng: random.Random) -> None:
    path = _file(root, rng)
    path.unlink()
    os.mkfifo(path)


def folder_for_file(root: Path, rng: random.Random) -> None:
    path = _file(root, rng)
    path.unlink()
    path.mkdir()


def file_for_folder(root: Path, rng: random.Random) -> None:
    path = _file(root, rng).parent
    if path != root:
        shutil.rmtree(path)
        path.write_bytes(b"x")


def huge(root: Path, rng: random.Random) -> None:
    os.truncate(_file(root, rng), 3 << 30)  # a sparse file, which takes no disk space


def text(root: Path, rng: random.Random) -> None:
    """Change a number, a line or a path in a file of text."""
    path = _file(root, rng)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    at = rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        lines[at] = "".join(
            rng.choice(_HOSTILE_NUMBERS) if c.isdigit() and rng.random() < 0.2 else c for c in lines[at]
        )
    elif kind == 1:
        lines.insert(at, rng.choice(lines))
    elif kind == 2:
        del lines[at]
    elif kind == 3:
        outside = root.parent / "outside"
        lines[at] = lines[at].replace(str(root), rng.choice((str(outside), f"{root}/..", "/", "../../..")))
        for name in (LAKE, CHECKPOINT, STATE):
            lines[at] = lines[at].replace(f": {name}", f": {rng.choice((outside, '../outside'))}/{name}")
    elif kind == 4:
        rng.shuffle(lines)
    else:
        words = lines[at].split(":")
        words[rng.randrange(len(words))] = rng.choice(
            (*_HOSTILE_NUMBERS, "[" * 50_000, '{"a":' * 5000, "\0", "&a [*a]")
        )
        lines[at] = ":".join(words)
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")


def bomb(root: Path, rng: random.Random) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{y}: &{y} [{', '.join([f'*{x}'] * 9)}]" for x, y in zip("abcdefghi", "bcdefghij", strict=True)]
    contents = [
        "\n".join(lines),
        "[" * 1_000_000,
        '{"a":' * 100_000,
        "[1,\n" * 500_000,
        '"' + "x" * 5_000_000,
        "1" * 5_000_000,
    ]
    _file(root, rng).write_text(rng.choice(contents))


def strange_parquet(root: Path, rng: random.Random) -> None:
    """A valid file whose columns have any type and any value."""
    big = 2**63 - 1
    arrays: list[Callable[[], Any]] = [
        lambda: pa.array([1, None, big], pa.int64()),
        lambda: pa.array([0, 2**64 - 1, 3], pa.uint64()),
        lambda: pa.array([1.5, float("nan"), float("-inf")]),
        lambda: pa.array(["1", "x\x1b[31m<script>", None]),
        lambda: pa.array(["9" * 400, "-0", " 7 "]),
        lambda: pa.array([b"\xff", b"", None]),
        lambda: pa.array([-big, 0, big], pa.int64()).cast(pa.timestamp("us")),
        lambda: pa.array([-big, 0, big], pa.int64()).cast(pa.timestamp("ns", "Asia/Kolkata")),
        lambda: pa.array([1, 2, None], pa.int64()).cast(pa.timestamp("s")),
        lambda: pa.array([[1], [], None]),
        lambda: pa.array([{"order_id": 1}, None, {}]),
        lambda: pa.array([True, False, None]),
        lambda: pa.nulls(3),
        lambda: pa.array(["a", "b", "a"]).dictionary_encode(),
        lambda: pa.array([1, 2, 3], pa.int8()).cast(pa.decimal256(60, 30)),
        lambda: pa.array([1, 2, 3], pa.int32()).cast(pa.date32()),
        lambda: pa.array([1, 2, 3], pa.int16()),
    ]
    names = ["order_id", "customer_name", "restaurant_name", "item", "amount", "order_status", "created_at", "date"]
    chosen = [name for name in names if rng.random() < 0.95] + rng.choice(([], ["order_id"], ["x.y"], [""]))
    table = pa.table([rng.choice(arrays)() for _ in chosen], names=chosen).slice(0, rng.choice((0, 1, 3, 3)))
    places = [path for path in _files(root) if path.suffix == ".parquet"] or [root / "x.parquet"]
    with contextlib.suppress(pa.ArrowException):  # a type that Parquet does not have
        pq.write_table(
            table,
            rng.choice(places),
            use_deprecated_int96_timestamps=rng.random() < 0.3,
            compression=rng.choice(("snappy", "zstd", "none")),
        )


def many_rows(root: Path, rng: random.Random) -> None:
    """A small file with very many rows of the same value."""
    places = [path for path in _files(root) if path.suffix == ".parquet"] or [root / "x.parquet"]
    schema = pq.read_schema(places[0]) if places[0].exists() else pa.schema([("order_id", pa.int64())])
    table = pa.table({name: pa.array([None] * 3_000_000, pa.int32()) for name in schema.names[:7]})
    pq.write_table(table, rng.choice(places), compression="zstd")


def beyond_memory(root: Path, rng: random.Random) -> None:
    """A small file with more rows than the memory limit of a grading allows."""
    places = [path for path in _files(root) if path.suffix == ".parquet"]
    with contextlib.suppress(IndexError, pa.ArrowException):
        place = rng.choice(places)
        rows = pq.ParquetFile(place).read().slice(0, 1).take(pa.array([0] * 1_000_000)).combine_chunks()
        with pq.ParquetWriter(place, rows.schema, compression="zstd") as writer:
            for _ in range(60):
                writer.write_table(rows)


def many_files(root: Path, rng: random.Random) -> None:
    path = _file(root, rng)
    for n in range(500):
        shutil.copy(path, path.with_name(f"{n}{path.name if rng.random() < 0.5 else ''}"[:250]))


MUTATIONS: tuple[tuple[float, Mutation], ...] = (
    (10, truncate),
    (30, flip),
    (5, insert),
    (5, empty),
    (8, remove),
    (8, rename),
    (5, rename_folder),
    (8, swap),
    (5, copy),
    (10, link),
    (3, pipe),
    (3, folder_for_file),
    (3, file_for_folder),
    (2, huge),
    (20, text),
    (3, bomb),
    (10, strange_parquet),
    (1, many_rows),
    (1, many_files),
    (0.15, beyond_memory),
)
# Only a grading in a separate process has a memory limit.
_LIMITED = frozenset({beyond_memory.__name__})


def damage(root: Path, rng: random.Random) -> tuple[str, ...]:
    """Apply some mutations, one after the other. Returns the names of those that were possible."""
    done = []
    weights = [weight for weight, _ in MUTATIONS]
    for _ in range(rng.choice((1, 1, 2, 4))):
        mutation = rng.choices(MUTATIONS, weights)[0][1]
        with contextlib.suppress(OSError, UnicodeError, pa.ArrowException):
            mutation(root, rng)
            done.append(mutation.__name__)
    return tuple(done)


def packed(root: Path, rng: random.Random) -> Path:
    """The submission as an archive, which may be damaged too."""
    kind = rng.choice(("zip", "gztar", "tar"))
    archive = Path(shutil.make_archive(str(root.parent / "archive"), kind, root))
    if rng.random() < 0.5:
        content = bytearray(archive.read_bytes())
        for _ in range(rng.choice((1, 5, 50))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        archive.write_bytes(content[: rng.choice((None, None, len(content) // 2))])
    return archive


# --- one run ---


class Reads:
    """Watches which files are opened, and records those outside the submission, the kit and Python."""

    def __init__(self) -> None:
        self.allowed: tuple[str, ...] | None = None  # folders; None: nothing is recorded
        self.outside: list[str] = []
        sys.addaudithook(self._audit)
        for name in ("read_metadata", "ParquetFile"):
            setattr(pq, name, self._recording(getattr(pq, name)))

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.allowed is None or event not in ("open", "os.scandir", "os.listdir"):
            return
        where = arguments[0]
        if event == "open" and isinstance(where, (str, os.PathLike)) and arguments[2] & os.O_NOFOLLOW:
            where = Path(where).parent  # a link is not followed, so its target is not read
        self._record(where)

    def _recording(self, read: Callable[..., Any]) -> Callable[..., Any]:
        def recording(where: Any, *arguments: Any, **options: Any) -> Any:
            if self.allowed is not None:
                self._record(where)
            return read(where, *arguments, **options)

        return recording

    def _record(self, where: Any) -> None:
        if isinstance(where, (str, bytes, os.PathLike)):
            real = os.path.realpath(os.fsdecode(where))
            if not real.startswith(self.allowed or ()) and real != "/dev/null":
                self.outside.append(real)


def run(seed: int, bases: list[Path], workplace: Path, reads: Reads) -> Outcome:
    """Damage a copy of one of the bases, grade it, and return the outcome."""
    rng = random.Random(seed)
    reads.outside.clear()
    for path in workplace.iterdir():
        if path.name != "outside":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    root = workplace / "submission"
    shutil.copytree(rng.choice(bases), root)
    mutations = damage(root, rng)
    target = root
    if rng.random() < 0.1:
        with contextlib.suppress(OSError, ValueError):  # a pipe, or a name that a zip does not support
            if "pipe" not in mutations and "huge" not in mutations:
                target, mutations = packed(root, rng), (*mutations, "packed")
    out = workplace / "out"
    begin = time.monotonic()
    if rng.random() < _IN_A_SEPARATE_PROCESS or _LIMITED.intersection(mutations):
        code, printed = _in_separate_process(target, out)
        mutations = (*mutations, "own process")
    else:
        with _watched(reads, workplace):
            code, printed = _in_this_process(target, out, with_all_reports=rng.random() < _WITH_ALL_REPORTS)
    seconds = time.monotonic() - begin
    is_limited = not _LIMITED.isdisjoint(mutations)
    problem = _problem(code, printed, seconds, out, reads.outside, is_whole=target == root, is_limited=is_limited)
    return Outcome(seed, code, problem, seconds, mutations)


def _in_separate_process(target: Path, out: Path) -> tuple[int, str]:
    """Exit code of the command line, and what it printed."""
    # --debug: also show a traceback that is caught, such as that of a chart
    options = ["--database", "off", "--out", str(out), "--time-limit", f"{_STEP_SECONDS:g}", "--debug"]
    done = subprocess.run(
        [sys.executable, "-m", "grader", "grade", str(target), *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _in_this_process(target: Path, out: Path, *, with_all_reports: bool) -> tuple[int, str]:
    """The exit code that the command line would have, and what the terminal would show."""
    printed: list[str] = []
    try:
        with (
            grade(target, database="off", limits=Limits(step_seconds=_STEP_SECONDS), on_error=printed.append) as graded,
            step_limit(_STEP_SECONDS),
        ):
            printed.append(terminal.render(graded.report))
            if with_all_reports:
                write_reports(graded.report, graded.evidence, out, "", printed.append)
            else:
                out.mkdir(parents=True, exist_ok=True)
                (out / json_renderer.FILE_NAME).write_text(json_renderer.render(graded.report, ""), encoding="utf-8")
            return graded.report.exit_code, "\n".join(printed)
    except KitError as error:
        return error.exit_code, "\n".join([*printed, str(error)])
    except BaseException as error:  # noqa: BLE001 - the fuzzer searches for such errors
        return -1, "\n".join([*printed, f"Traceback: {type(error).__name__}: {error}"])


@contextlib.contextmanager
def _watched(reads: Reads, workplace: Path) -> Iterator[None]:
    """Let `reads` record what is opened in the context outside the submission, the kit and Python."""
    temporary = os.path.join(tempfile.gettempdir(), "grader-")  # noqa: PTH118 - a prefix, not a path
    inside = [str(workplace / name) for name in ("submission", "archive", "out")]
    python = [os.path.realpath(prefix) for prefix in (sys.prefix, sys.base_prefix)]
    reads.allowed = (*inside, temporary, str(PROJECT), *python, "/proc", "/usr", "/etc/localtime", "/sys")
    try:
        yield
    finally:
        reads.allowed = None


def _problem(
    code: int, printed: str, seconds: float, out: Path, outside: list[str], *, is_whole: bool, is_limited: bool
) -> str | None:
    """What is wrong with a grading. `is_limited`: it may reach the memory limit and the time limit of each step."""
    report = out / "report.json"
    content = report.read_text(encoding="utf-8") if report.is_file() else ""
    checks = json.loads(content)["checks"] if content else []
    broken = [f"{check['id']}: {check['actual']}" for check in checks if check["status"] == "ERROR"]
    if is_limited and code == 2 and all(DID_NOT_END in text for text in broken):
        broken = []  # the grading was stopped, and its reports say why
    if code not in (0, 1, 2):
        return f"exit code {code}: {' '.join(printed.split())[-300:]}"
    if broken:
        return f"ERROR in {broken[0]}"
    if "Traceback" in printed or "internal error" in printed:
        at = printed.rfind("Traceback")
        return " ".join(printed[at:].split())[-600:]
    if not content and is_whole:
        return f"no report: {printed[-300:]}"
    if SECRET in printed + content:
        return "the report shows content from outside the submission"
    if outside:
        return f"read {outside[0]}"
    if seconds > MAX_SECONDS * (MAX_STEPS_LIMITED if is_limited else 1):
        return f"took {seconds:.1f} s"
    return None


def runs(first: int, count: int, *, is_watching: bool = False) -> Iterator[Outcome]:
    """The runs of seeds `first` to `first` + `count` - 1."""
    reads = Reads()
    peak = _peak()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        folder = Path(temporary).resolve()
        bases = [make(folder / "bases" / make.__name__).build() for make in BASES]
        bases = [next(path for path in (folder / "bases").iterdir() if base.is_relative_to(path)) for base in bases]
        workplace = folder / "work"
        _plant_outside(workplace / "outside")
        for seed in range(first, first + count):
            outcome = run(seed, bases, workplace, reads)
            now = _peak()
            if now > MAX_BYTES >> 10 and now > peak:
                outcome = Outcome(seed, outcome.code, f"took {now >> 10} MiB", outcome.seconds, outcome.mutations)
            elif is_watching and now > peak + (50 << 10):
                print(
                    f"seed {seed}: peak {peak >> 10} -> {now >> 10} MiB by {', '.join(outcome.mutations)}", flush=True
                )
            peak = max(peak, now)
            yield outcome


def _peak() -> int:
    """The peak memory of this process or one of its children, in KiB."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _plant_outside(folder: Path) -> None:
    """Write the submission of another student."""
    submission = Submission(folder)
    submission.change(1, customer_name=SECRET)
    submission.build()
    (folder / "secret.txt").write_text(f"v1 {SECRET} 2025-11-19T12:24:20Z")


def main() -> int:
    """Run, print each problem when it is found, and a summary. Exit code 1 if there was a problem."""
    parser = argparse.ArgumentParser(prog="python -m grader.selftest.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="number of damaged submissions; default: 10000")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first run; default: 0")
    options = parser.parse_args()
    codes: Counter[int] = Counter()
    slowest, wrong, begin = 0.0, 0, time.monotonic()
    for done, outcome in enumerate(runs(options.seed, options.runs, is_watching=True), 1):
        codes[outcome.code] += 1
        slowest = max(slowest, outcome.seconds)
        if outcome.problem:
            wrong += 1
            print(f"seed {outcome.seed} ({', '.join(outcome.mutations)}): {outcome.problem}", flush=True)
        if done % 500 == 0:
            print(f"{counted(done, 'run')}, {wrong} wrong, {time.monotonic() - begin:.0f} s", flush=True)
    peak = _peak() >> 10
    shown = ", ".join(f"{count} with exit code {code}" for code, count in sorted(codes.items()))
    print(f"{counted(options.runs, 'damaged submission')}: {shown}; {wrong} broke the grader.")
    print(f"Slowest {slowest:.1f} s, peak memory {peak} MiB, {time.monotonic() - begin:.0f} s in total.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
