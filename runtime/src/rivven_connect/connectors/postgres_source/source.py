"""The postgres source: tables and queries as streams, whole or from a cursor on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from rivven_connect import (
    Catalog,
    ConfiguredStream,
    ConnectorError,
    Json,
    Source,
    finish_in_thread,
)
from rivven_connect.connectors.postgres_source._generated import (
    PostgresSourceBase,
    PostgresSourceConfig,
)
from rivven_connect.connectors.postgres_source.ranges import is_split, last_key, plan_ranges
from rivven_connect.connectors.postgres_source.reading import Part, RowReader
from rivven_connect.connectors.postgres_source.relations import Relation, find_relations
from rivven_connect.connectors.postgres_source.selecting import (
    Selection,
    select_from_cursor,
    select_range,
)
from rivven_connect.postgres import connected, in_thread, translated

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")


class PostgresSource(PostgresSourceBase):
    """Reads what is committed, by SELECT alone: each stream, or range of one, in a snapshot.

    Incremental streams go on at their cursor; what is read whole is planned as ranges of the primary
    key, and goes on by the range.
    """

    # The runtime reads the streams one by one, through `read_discovered` and `read_partition`.
    read = Source.read

    def __init__(self) -> None:
        self._relations: dict[str, Relation] = {}
        self._begun: set[str] = set()
        """The streams that were begun since the catalog was read."""

    async def check_server_reachable(self, config: PostgresSourceConfig) -> None:
        """Return if the server lets us in."""
        await self._ask(config, "connecting", lambda connection: connection.execute(b"SELECT 1"))

    async def check_tables_readable(self, config: PostgresSourceConfig) -> None:
        """Return if all that the config names is there and may be read."""
        if not await self._find(config):
            raise ConnectorError.not_found("there is no table that this role may read")

    async def discover(self, config: PostgresSourceConfig) -> Catalog:
        """Return a stream for each table, and one for each query."""
        return Catalog([one.stream() for one in await self._find(config)])

    def poll_interval_ms(self, config: PostgresSourceConfig) -> float | None:
        """Return the pause before the next pass."""
        return config.poll_interval_ms

    def read_discovered(
        self, config: PostgresSourceConfig, chosen: ConfiguredStream, cursor: Json
    ) -> AsyncIterator[Part]:
        """Yield the rows at and above the cursor, in its order."""

        def choose(found: Relation) -> Selection:
            return select_from_cursor(found, cursor, chosen.fields)

        self._begin(chosen.stream.full_name())
        return self._rows(config, chosen.stream.full_name(), choose)

    async def latest(self, config: PostgresSourceConfig, stream: str) -> Json:
        """Return the highest primary key of a table that is split."""
        self._begin(stream)
        found = await self._relation(config, stream)
        if not is_split(found, config.partition_rows):
            return None
        return await self._ask(config, f"planning {stream}", lambda one: last_key(one, found))

    async def plan(
        self, config: PostgresSourceConfig, stream: str, start: Json, end: Json
    ) -> Sequence[Json]:
        """Return ranges of the primary key of a table, or the one range of all else."""
        if end is None:
            return [{}]
        found = await self._relation(config, stream)
        return await self._ask(
            config,
            f"planning {stream}",
            lambda one: plan_ranges(one, found, end, range_rows=config.partition_rows),
        )

    def read_partition(
        self, config: PostgresSourceConfig, stream: str, partition: Json
    ) -> AsyncIterator[Part]:
        """Yield the rows of a range, in the order of the primary key, where there is more than one."""

        def choose(found: Relation) -> Selection:
            after, to = partition.get("after"), partition.get("to")
            return select_range(found, after, to, is_ordered=bool(partition))

        return self._rows(config, stream, choose)

    async def _rows(
        self, config: PostgresSourceConfig, stream: str, choose: Callable[[Relation], Selection]
    ) -> AsyncIterator[Part]:
        found = await self._relation(config, stream)
        reader = RowReader(config, stream, page_rows=config.batch_size)
        # Of its own: a reader that waits for the server would take one of the few that all share.
        thread = ThreadPoolExecutor(1, "rivven-postgres")
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(thread, reader.open, choose(found))
            while parts := await loop.run_in_executor(thread, reader.next):
                while parts:
                    yield parts.pop(0)
        finally:
            await finish_in_thread(reader.close)
            thread.shutdown(wait=False)

    def _begin(self, stream: str) -> None:
        """Forget the catalog where this is another pass: tables may have other columns by now."""
        if stream in self._begun:
            self._begun.clear()
            self._relations.clear()
        self._begun.add(stream)

    async def _relation(self, config: PostgresSourceConfig, stream: str) -> Relation:
        if stream not in self._relations:
            await self._find(config)
        if stream not in self._relations:
            raise ConnectorError.not_found(f"there is no stream {stream!r} any more")
        return self._relations[stream]

    async def _find(self, config: PostgresSourceConfig) -> list[Relation]:
        found = await self._ask(
            config, "reading the catalog", lambda one: find_relations(one, config)
        )
        self._relations = {one.full_name(): one for one in found}
        return found

    async def _ask(
        self, config: PostgresSourceConfig, doing: str, ask: Callable[[psycopg.Connection[Any]], T]
    ) -> T:
        """Ask the server something short, over a connection of its own that changes nothing."""
        async with connected(config) as connection:

            def run() -> T:
                with translated(doing):
                    connection.execute(b"BEGIN READ ONLY")
                    return ask(connection)

            return await in_thread(connection, run)
