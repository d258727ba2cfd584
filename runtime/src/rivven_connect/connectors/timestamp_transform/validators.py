"""What connector.yaml cannot say about a value: one function per `validator` that it names."""

from __future__ import annotations

from rivven_connect.connectors.timestamp_transform.instants import load_zone


def time_zone(value: str) -> None:
    """Return if `value` names a time zone; raise ValueError with the reason if not."""
    load_zone(value)
