"""The sqlite source: one stream a table, read in pieces that lock nothing while they are used.

Each piece is a statement of its own that goes on where the last one ended. A table can therefore change
while it is read: what is inserted behind the place of reading is still read, and the rest is found by
the next run. A view has no row numbers to go on at; it is read in one statement.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from rivven_connect import (
    Catalog,
    ConfiguredStream,
    ConnectorError,
    Json,
    JsonObject,
    Page,
    Records,
    Source,
    SyncMode,
)
from rivven_connect.connectors.sqlite_source._generated import SqliteSourceBase, SqliteSourceConfig
from rivven_connect.connectors.sqlite_source.database import Reader, Row, require_file
from rivven_connect.connectors.sqlite_source.queries import Query, token_of, values_of
from rivven_connect.connectors.sqlite_source.rows import RowReader
from rivven_connect.connectors.sqlite_source.tables import (
    Described,
    Wanted,
    chosen_tables,
    cursor_of,
    stream_of,
)


class SqliteSource(SqliteSourceBase):
    """Reads tables whole, with a place to go on at after a crash, or by a column that grows."""

    read = Source.read  # what is discovered is read by `read_discovered`

    async def check_open_database(self, config: SqliteSourceConfig) -> None:
        """Return if the file looks like a database and can be read; only its first bytes are."""
        await asyncio.to_thread(require_file, config.path)

    async def check_find_tables(self, config: SqliteSourceConfig) -> None:
        """Return if the tables and columns that the config names are there."""
        await asyncio.to_thread(_catalog, config, traceless=True)

    async def discover(self, config: SqliteSourceConfig) -> Catalog:
        """Return a stream for each table, with the schema that its columns declare."""
        return await asyncio.to_thread(_catalog, config)

    def poll_interval_ms(self, config: SqliteSourceConfig) -> float | None:
        """Return the pause before the next pass."""
        return config.poll_interval_ms

    def read_discovered(
        self, config: SqliteSourceConfig, chosen: ConfiguredStream, cursor: Json
    ) -> Records[JsonObject]:
        """Yield the rows of one table: all of them, or those from the cursor on."""
        return _rows(config, chosen, cursor)


def _catalog(config: SqliteSourceConfig, *, traceless: bool = False) -> Catalog:
    with contextlib.closing(Reader(config, traceless=traceless)) as reader:
        return Catalog(
            [stream_of(*one, types=config.types) for one in chosen_tables(reader, config)]
        )


def _rows(config: SqliteSourceConfig, chosen: ConfiguredStream, start: Json) -> Iterator[Any]:
    with contextlib.closing(Reader(config)) as reader:
        table, described = _found(reader, config, chosen.stream.name)
        cursor = cursor_of(table, described)
        whole = chosen.sync_mode is SyncMode.FULL_REFRESH
        query = Query(described, None if whole else cursor)
        if not whole:
            _require_cursor(reader, query, start)
        made = RowReader(query, types=config.types)
        if not described.order:
            for rows in reader.whole(*query.first(start)):
                yield from made.items(rows)
        elif whole:
            yield from _all(reader, query, made, start)
        else:
            for rows in _chunks(reader, query, query.first(start)):
                yield from made.items(rows)


def _found(reader: Reader, config: SqliteSourceConfig, name: str) -> tuple[Wanted, Described]:
    for table, described in chosen_tables(reader, config):
        if table.name == name:
            return table, described
    raise ConnectorError.not_found(f"{config.path} has no table {name!r} any more: it is gone")


def _all(reader: Reader, query: Query, made: RowReader, start: Json) -> Iterator[Any]:
    """Yield pages, each with the place behind its last row."""
    statement = query.first(None)
    if start is not None:
        statement = query.behind(values_of(start, query.table.name, len(query.order)))
    for rows in _chunks(reader, query, statement):
        *before, last = made.items(rows)
        yield from before
        token = token_of(rows[-1][: len(query.order)])
        if isinstance(last, list):
            yield Page(last, cursor=token)
        else:
            yield last
            yield Page([], cursor=token)


def _chunks(reader: Reader, query: Query, statement: tuple[str, list[Any]]) -> Iterator[list[Row]]:
    """Yield the rows of one statement after the other."""
    while rows := reader.chunk(*statement):
        yield rows
        statement = query.behind(rows[-1])


def _require_cursor(reader: Reader, query: Query, start: Json) -> None:
    """Refuse what would let rows be overlooked.

    Raises:
        ConnectorError: a row has no cursor, or the saved one is none.
    """
    name = query.table.name
    if start is not None and not isinstance(start, int | float | str):
        values_of(None, name, 1)
    if reader.query(query.nulls()):
        raise ConnectorError.data(
            f"{query.cursor!r} of {name!r} is null in a row, which would never be read; "
            "fill it, or read the table in mode bulk"
        )
