"""The my-sink sink: the part that talks to the outside world."""

from __future__ import annotations

from collections.abc import Sequence

from rivven_connect import HookMissing, SourceEvent, WriteResult

from my_sink._generated import MySinkBase, MySinkConfig


class MySink(MySinkBase):
    """Fill the hooks; `rivven test` lists those that are not written yet."""

    async def check_destination_writable(self, config: MySinkConfig) -> None:
        """Return if `destination_writable` holds; raise ConnectorError with the reason if not."""
        raise HookMissing("check_destination_writable")

    async def write_batch(self, config: MySinkConfig, events: Sequence[SourceEvent]) -> WriteResult:
        """Write the events and say which were written."""
        raise HookMissing("write_batch")
