"""The postgres-cdc source: the part that talks to the outside world."""

from __future__ import annotations

from collections.abc import AsyncIterator

from rivven_connect import Catalog, ConfiguredCatalog, HookMissing, Item, State

from postgres_cdc._generated import PostgresCdcBase, PostgresCdcConfig


class PostgresCdc(PostgresCdcBase):
    """Fill the hooks; `rivven test` lists those that are not written yet."""

    async def discover(self, config: PostgresCdcConfig) -> Catalog:
        """Return the streams that can be read now."""
        raise HookMissing("discover")

    def read(
        self, config: PostgresCdcConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        """Yield the events of the chosen streams, from where `state` says."""
        raise HookMissing("read")
