"""How the columns of data that are not orders are listed in a message."""

from __future__ import annotations

from collections.abc import Sequence

_MAX_COLUMNS = 8
_MAX_LETTERS = 40  # of a column's name, which a stranger chose


def listed(names: Sequence[str]) -> str:
    """ "columns trip_id, fare", with the first few names if there are many."""
    shown = ", ".join(
        name if len(name) <= _MAX_LETTERS else f"{name[:_MAX_LETTERS]}..." for name in names[:_MAX_COLUMNS]
    )
    more = f" and {len(names) - _MAX_COLUMNS} more" if len(names) > _MAX_COLUMNS else ""
    return f"{'column' if len(names) == 1 else 'columns'} {shown}{more}"
