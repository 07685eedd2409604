"""The error whose message is meant for the person at the terminal, and the one place that prints it.

Standard library only: setup uses this before any package is installed.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable

INTERRUPTED = 130  # exit code after Ctrl-C, as in shells
INTERNAL_ERROR = 2


class KitError(Exception):
    """Something the user can fix. The message says what happened, where, and what to do next.

    `exit_code` is that of a command that ends with it.
    """

    exit_code = 1


class TaskNotDoneError(KitError):
    """What a function of a student's kit raises as long as it is not written."""

    def __init__(self, task: int, file: str, function: str) -> None:
        super().__init__(f"Task {task} is not done yet: {file}, {function}")


def run_command(
    command: Callable[[], int], *, debug: bool = False, prefix: str = "\n", interrupted: str = "Interrupted."
) -> int:
    """Run a command and return its exit code; an error becomes a message on stderr, after `prefix`.

    `debug` lets every error through, so that Python shows its trace. `interrupted` is the answer to Ctrl-C.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # in a pipe stderr must not overtake what was printed before
    try:
        return command()
    except BrokenPipeError:  # the reader, such as head, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERNAL_ERROR
    except KeyboardInterrupt:
        print(f"{prefix}{interrupted}", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # a user must not see a traceback
        if debug:
            raise
        if isinstance(error, KitError):
            print(f"{prefix}{error}", file=sys.stderr)
            return error.exit_code
        if isinstance(error, OSError):  # a full disk, a folder that cannot be written
            print(f"{prefix}{error}", file=sys.stderr)
            return KitError.exit_code
        what = (str(error) or type(error).__name__).splitlines()[0][:200]
        print(
            f"{prefix}internal error ({type(error).__name__}: {what}). Run it again with --debug to see where, and "
            "report it.",
            file=sys.stderr,
        )
        return INTERNAL_ERROR
