"""The postgres-cdc source: tables as they are, then every change of them, exactly joined.

The reasons for what it does are in `docs/adr/0009-postgres-cdc.md`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from rivven_connect import Catalog, ConfiguredCatalog, Item, State
from rivven_connect.connectors.postgres_cdc_source._generated import (
    PostgresCdcSourceBase,
    PostgresCdcSourceConfig,
)
from rivven_connect.connectors.postgres_cdc_source.checks import (
    check_replication,
    check_slot,
    check_tables,
    require_publication,
)
from rivven_connect.connectors.postgres_cdc_source.place import saved_place
from rivven_connect.connectors.postgres_cdc_source.session import Session
from rivven_connect.connectors.postgres_cdc_source.tables import catalog_of, chosen_tables
from rivven_connect.postgres import connect, connected, in_thread, translated


class PostgresCdcSource(PostgresCdcSourceBase):
    """Reads tables and their changes. What it saves for all of them is described by `Place`."""

    def __init__(self) -> None:
        self._session: Session | None = None

    async def close(self) -> None:
        """End the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def check_connection(self, config: PostgresCdcSourceConfig) -> None:
        """Return if the server lets us in."""

        def ask() -> None:
            with translated("asking the server"), connect(config) as connection:
                connection.execute(b"SELECT 1")

        await asyncio.to_thread(ask)

    async def check_replication(self, config: PostgresCdcSourceConfig) -> None:
        """Return if the server and our role may replicate logically."""
        if config.snapshot.mode != "initial_only":
            await asyncio.to_thread(check_replication, config)

    async def check_tables(self, config: PostgresCdcSourceConfig) -> None:
        """Return if the tables exist, may be read, and send what of them changes."""
        await asyncio.to_thread(check_tables, config)

    async def check_publication(self, config: PostgresCdcSourceConfig) -> None:
        """Return if the publication sends the tables, or will be created."""
        if config.snapshot.mode != "initial_only":
            await asyncio.to_thread(require_publication, config)

    async def check_slot(self, config: PostgresCdcSourceConfig) -> None:
        """Return if the slot can be read, or will be created."""
        if config.snapshot.mode != "initial_only":
            await asyncio.to_thread(check_slot, config)

    async def discover(self, config: PostgresCdcSourceConfig) -> Catalog:
        """Return the tables, with their schema and primary key."""
        async with connected(config) as connection:

            def ask() -> Catalog:
                with translated("reading the catalog"):
                    return catalog_of(connection, chosen_tables(connection, config), config)

            return await in_thread(connection, ask)

    async def read(
        self, config: PostgresCdcSourceConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncGenerator[Item, None]:
        """Yield the rows of tables that were not read yet, then changes, from where `state` says.

        Raises:
            ConnectorError: of kind `state`, if changes are missing.
        """
        await self.close()
        session = self._session = Session(config, catalog, state)
        for part in (session.start, session.rows, session.changes):
            async with contextlib.aclosing(part()) as items:
                async for item in items:
                    yield item

    async def acknowledge(self, config: PostgresCdcSourceConfig, state: State) -> None:
        """Tell the server up to where everything is delivered; what is not committed never is."""
        place = saved_place(state)
        if place is not None and self._session is not None:
            self._session.announced.set()
            self._session.tell(place)
