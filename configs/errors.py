"""The error whose message is meant for the person at the terminal, and the one place that prints it.

Standard library only: setup uses this before any package is there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

INTERRUPTED = 130  # exit code after Ctrl-C, as shells have it
BROKEN = 2


class KitError(Exception):
    """Something the user can fix. The message says what happened, where, and what to do next.

    `exit_code` is that of a command that ends with it.
    """

    exit_code = 1


def run_command(
    command: Callable[[], int], *, debug: bool = False, prefix: str = "\n", interrupted: str = "Interrupted."
) -> int:
    """Run a command and return its exit code; an error becomes a message on stderr, after `prefix`.

    `debug` lets every error through, so that Python shows its trace. `interrupted` is the answer to Ctrl-C.
    """
    try:
        return command()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN
    except KeyboardInterrupt:
        print(f"{prefix}{interrupted}", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # a person must not be shown a traceback
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
            f"{prefix}it broke ({type(error).__name__}: {what}). --debug shows where; please report it", file=sys.stderr
        )
        return BROKEN
