"""What setup shows of a command: on a terminal one line that changes, elsewhere nothing; the log has all of it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from configs.errors import KitError
from scripts.services.command_output import CommandOutput

# Writes as pip does, with its bar on a terminal only.
PIP = """\
import sys
print("Collecting pyspark==3.5.1")
print("  Downloading pyspark-3.5.1.tar.gz (317.0 MB)")
if sys.stdout.isatty():
    for done in ("0.0", "158.5", "317.0"):
        print(f"\\r\\x1b[2K   \\x1b[32m━━━━\\x1b[0m {done}/317.0 MB 40.1 MB/s eta 0:00:08", end="")
    print()
print("  Building wheel for pyspark (pyproject.toml): started")
print("Installing collected packages: pyspark")
"""
BROKEN = (
    PIP
    + """\
print("ERROR: the first line of it")
for number in range(40):
    print(f"  line {number}")
sys.exit(1)
"""
)


class Terminal(io.StringIO):
    def lines(self) -> list[str]:
        return [line.strip() for line in self.getvalue().replace("\x1b[K", "").split("\r") if line.strip()]


def command(program: str, folder: Path) -> list[str]:
    path = folder / "pip.py"
    path.write_text(program, encoding="utf-8")
    return [sys.executable, str(path)]


def test_a_terminal_gets_a_bar_with_bytes_and_the_steps(tmp_path: Path) -> None:
    terminal, log = Terminal(), tmp_path / "logs" / "setup.log"
    CommandOutput(log, terminal).run(command(PIP, tmp_path), "It failed")
    assert terminal.lines() == [
        "pyspark 3.5.1  [........................] 0.0 of 317.0 MB",
        "pyspark 3.5.1  [############............] 158.5 of 317.0 MB",
        "pyspark 3.5.1  [########################] 317.0 of 317.0 MB",
        "Building wheel for pyspark",
        "Installing collected packages",
    ]
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    kept = log.read_text(encoding="utf-8")
    assert "Collecting pyspark==3.5.1" in kept
    assert "158.5" not in kept


def test_elsewhere_nothing_is_shown_and_the_log_has_all(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "setup.log"
    CommandOutput(log).run(command(PIP, tmp_path), "It failed")
    assert capfd.readouterr() == ("", "")
    assert log.read_text(encoding="utf-8").splitlines()[1:] == [
        "Collecting pyspark==3.5.1",
        "  Downloading pyspark-3.5.1.tar.gz (317.0 MB)",
        "  Building wheel for pyspark (pyproject.toml): started",
        "Installing collected packages: pyspark",
    ]


@pytest.mark.parametrize("terminal", [None, Terminal()], ids=["pipe", "terminal"])
def test_an_error_is_quoted_whole_with_the_place_of_the_log(tmp_path: Path, terminal: Terminal | None) -> None:
    log = tmp_path / "setup.log"
    with pytest.raises(KitError) as raised:
        CommandOutput(log, terminal).run(command(BROKEN, tmp_path), "Installing packages failed")
    message = str(raised.value)
    assert message.startswith("Installing packages failed. It said:\n  ERROR: the first line of it\n")
    assert all(f"line {number}\n" in message for number in range(40))
    assert "Collecting" not in message
    assert str(log) in message
    assert "`make setup` again" in message


def test_an_error_without_that_word_is_quoted_from_the_end(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="the last line"):
        CommandOutput(tmp_path / "log").run(
            command("print('the last line'); raise SystemExit(3)", tmp_path), "It failed"
        )
