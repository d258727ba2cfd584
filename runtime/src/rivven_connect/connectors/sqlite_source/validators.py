"""What connector.yaml cannot say about a value: one function per `validator` that it names."""

from __future__ import annotations

from typing import Any


def table_mode(value: Any) -> None:
    """Return if a table has the columns of its mode; raise ValueError with the reason if not."""
    given = value.model_fields_set
    times = value.mode in {"timestamp", "timestamp_incrementing"}
    if times != ("timestamp_column" in given):
        raise ValueError(
            f"mode {value.mode} needs `timestamp_column`"
            if times
            else f"mode {value.mode} has no use for `timestamp_column`"
        )
    if "incrementing_column" in given and "incrementing" not in value.mode:
        raise ValueError(f"mode {value.mode} has no use for `incrementing_column`")
