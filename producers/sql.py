"""How a moment is written in SQL."""

from __future__ import annotations

from datetime import datetime

from configs.contract import EPOCH, UTC


def literal(moment: datetime) -> str:
    """A TIMESTAMP literal in UTC, whatever the server's zone is; EPOCH if it is earlier."""
    moment = max(moment, EPOCH).astimezone(UTC)
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"
