"""The one exception whose message is meant for the person at the terminal."""

from __future__ import annotations


class KitError(Exception):
    """Something the user can mend. The message says what happened, where, and what to do next."""
