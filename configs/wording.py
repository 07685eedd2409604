"""How numbers are written in messages. Standard library only."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: "1 order_id", "2 order_ids"; `plural` if it is not the noun plus s."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
