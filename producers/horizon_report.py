"""Warnings about what holds the horizon back, each at most once in REPORT_INTERVAL."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from configs.contract import format_timestamp
from producers.horizon import Horizon
from producers.prepared_transactions import Prepared

HOLDER_REPORT_AGE = 10.0  # seconds: an open transaction of this age is reported
REPORT_INTERVAL = 30.0  # seconds until it is reported again


class HorizonReport:
    """Reports old transactions, sessions whose transactions are invisible, and a server's clock behind the state."""

    def __init__(self, hidden_margin: float, log: logging.Logger) -> None:
        self._hidden_margin = hidden_margin
        self._log = log
        self._reported: dict[str, float] = {}

    def check(self, horizon: Horizon, prepared: Prepared | None, state: datetime) -> None:
        """Warn of what this poll's horizon shows."""
        holder = horizon.holder
        if holder and holder.age > HOLDER_REPORT_AGE and self._is_due("holder"):
            self._log.warning(
                "session pid %d (%s) has had a transaction open for %.0f s. Rows created since then wait for it. "
                "To end it: SELECT pg_terminate_backend(%d)",
                holder.pid,
                holder.state,
                holder.age,
                holder.pid,
            )
        if prepared and prepared.age > HOLDER_REPORT_AGE and self._is_due("prepared"):
            gid = prepared.gid.replace("'", "''")
            self._log.warning(
                "the transaction '%s' was prepared %.0f s ago and is neither committed nor rolled back. Rows created "
                "since %s wait for it. To end it: COMMIT PREPARED '%s' or ROLLBACK PREPARED '%s'",
                gid,
                prepared.age,
                format_timestamp(prepared.limit),
                gid,
                gid,
            )
        if horizon.hidden_pid is not None and self._is_due("hidden"):
            self._log.warning(
                "session pid %d has track_activities off, so its transactions are invisible. Rows are read %g s late. "
                "A row that commits later than that appears below the state. To prevent this: set track_activities on "
                "for that session's role",
                horizon.hidden_pid,
                self._hidden_margin,
            )
        if state > horizon.clock and self._is_due("clock"):
            self._log.warning(
                "the clock of Postgres is behind the state: it is %s there, and the state is %s. New rows get a "
                "created_at below the state. Correct the clock, or write an earlier time into the state file",
                format_timestamp(horizon.clock),
                format_timestamp(state),
            )

    def _is_due(self, what: str) -> bool:
        now = time.monotonic()
        if what in self._reported and now - self._reported[what] < REPORT_INTERVAL:
            return False
        self._reported[what] = now
        return True
