"""Reading a real database in one go, as the engine would: what was read is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from rivven_connect import (
    ConfiguredCatalog,
    EventType,
    Item,
    Json,
    JsonObject,
    Poison,
    SourceEvent,
    State,
)
from rivven_connect.connectors.postgres_cdc_source import PostgresCdcSource
from rivven_connect.connectors.postgres_cdc_source._generated import PostgresCdcSourceConfig

Enough = Callable[["Read"], bool]


@dataclasses.dataclass
class Database:
    """A database of one test."""

    dsn: str
    connection: psycopg.Connection[Any]

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run SQL, return its rows, if it has any."""
        cursor = self.connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    def config(self, **more: Any) -> PostgresCdcSourceConfig:
        """Return a config that reads up to now, with a slot that no other test has."""
        name = self.connection.info.dbname
        values = {"mode": "catch_up", "slot_name": f"slot_{name}", **more}
        return PostgresCdcSourceConfig.parse({"connection_string": self.dsn, **values})

    def slot(self) -> JsonObject | None:
        """Return the slot of this database, if there is one."""
        rows = self.run(
            "SELECT to_jsonb(s) FROM pg_replication_slots s WHERE database = current_database()"
        )
        return rows[0][0] if rows else None

    def lsn(self) -> str:
        """Return where the log ends."""
        return str(self.run("SELECT pg_current_wal_flush_lsn()")[0][0])


@dataclasses.dataclass
class Read:
    """What was read: events in order, and the state behind them."""

    events: list[SourceEvent] = dataclasses.field(default_factory=list)
    schemas: list[SourceEvent] = dataclasses.field(default_factory=list)
    poison: list[Poison] = dataclasses.field(default_factory=list)
    states: list[tuple[int, dict[str, JsonObject]]] = dataclasses.field(default_factory=list)

    @property
    def state(self) -> State:
        """Return the last state."""
        return State.from_json(dict(self.states[-1][1]))

    def data(self, stream: str) -> list[Json]:
        """Return what the events of a stream hold."""
        return [one.data for one in self.events if one.stream == stream]

    def kinds(self, stream: str) -> list[EventType]:
        """Return what the events of a stream say."""
        return [one.event_type for one in self.events if one.stream == stream]

    def take(self, item: Item) -> bool:
        """Enter an item; say whether it moved the state."""
        states = dict(self.states[-1][1]) if self.states else {}
        if isinstance(item, Poison):
            self.poison.append(item)
            return False
        if isinstance(item, SourceEvent):
            self.schemas.append(item)
            return False
        self.events += item.events()
        if item.state is None:
            return False
        name = item.stream if item.stream == "_state" else item.full_name()
        self.states.append((len(self.events), {**states, name: item.state}))
        return True


async def read(
    config: PostgresCdcSourceConfig,
    state: State | None = None,
    *,
    enough: Enough = lambda _: False,
    streams: Sequence[str] | None = None,
    acknowledges: bool = True,
) -> Read:
    """Read to the end, or until it is enough; each state is acknowledged, as if it were committed."""
    source = PostgresCdcSource()
    await source.open(config)
    found = Read()
    try:
        catalog = ConfiguredCatalog.from_catalog(await source.discover(config))
        if streams is not None:
            catalog.streams = [one for one in catalog.streams if one.stream.name in streams]
        if state is not None:
            found.states.append((0, state.to_json()))
            await source.acknowledge(config, state)
        async with contextlib.aclosing(source.read(config, catalog, state)) as items:
            async for item in items:
                if found.take(item) and acknowledges:
                    await source.acknowledge(config, found.state)
                if enough(found):
                    break
    finally:
        await source.close()
        await asyncio.to_thread(_wait_until_released, config)
    return found


def _wait_until_released(config: PostgresCdcSourceConfig) -> None:
    """Wait until the server has noticed that the reader of the slot is gone."""
    with psycopg.connect(config.connection_string.reveal(), autocommit=True) as connection:  # type: ignore[union-attr]  # ours has one
        deadline = time.monotonic() + 30
        query = "SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = %s"
        while connection.execute(query, [config.slot_name]).fetchone():
            assert time.monotonic() < deadline, "the slot stays in use"
            time.sleep(0.01)


def replica(events: Sequence[SourceEvent], key: Sequence[str]) -> dict[tuple[Json, ...], Json]:
    """Return what a table is after these events, by its primary key."""
    rows: dict[tuple[Json, ...], Json] = {}

    def key_of(record: Any) -> tuple[Json, ...]:
        return tuple(record[name] for name in key)

    for event in events:
        before, after = event.before(), event.after()
        if event.event_type is EventType.TRUNCATE:
            rows.clear()
        if isinstance(before, dict):
            rows.pop(key_of(before), None)
        if isinstance(after, dict):
            rows[key_of(after)] = after
    return rows
