"""The rows that were there before the first change: by key, in parts, several tables at once.

A table with a primary key is read in its order, so that reading goes on behind the last key that was
delivered. All connections see one moment: that of the slot, or, after a crash, a later one; what was
changed between the two comes again with the stream, which begins at the slot's.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from rivven_connect import (
    ConnectorError,
    EventBatch,
    EventMetadata,
    Item,
    JsonObject,
    Poison,
    RecordError,
    State,
    StreamState,
)
from rivven_connect.connectors.postgres_cdc_source.rows import RowReader
from rivven_connect.postgres import (
    Column,
    Table,
    Types,
    in_thread,
    qualified,
    quoted,
    translated,
)

if TYPE_CHECKING:
    import psycopg

_MOST_ROWS = 1_000
_MOST_BYTES = 1024 * 1024
LEFT_OUT: JsonObject = {"snapshot": "left out"}
"""The state of a table that was read once, and whose changes have been passed over since."""
_METADATA = EventMetadata(extra={"snapshot": True})
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


class TablePlan(msgspec.Struct, frozen=True):
    """What of a table is read: columns, rows that fulfil SQL, and the key that orders them."""

    table: Table
    columns: tuple[Column, ...]
    row_filter: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key, if all of it is among the columns; else nothing.

        Where the replica identity is another index, its columns: they alone are sent of an old row.
        """
        table = self.table
        key = table.identity_key if table.replica_identity == "index" else table.primary_key
        return key if {one.name for one in self.columns}.issuperset(key) else ()

    def query(self, after: Sequence[str] | None, limit: int, literal: Callable[[str], str]) -> str:
        """Return the query of the next rows, which stand behind the key `after`.

        `literal` quotes a value. Without a key there is only one query, for all rows.
        """
        table = self.table
        only = "" if table.kind == "partitioned" else "ONLY "
        names = ", ".join(quoted(one.name) for one in self.columns)
        key = ", ".join(map(quoted, self.key))
        conditions = [f"({self.row_filter})"] if self.row_filter else []
        if after is not None:
            conditions.append(f"({key}) > ({', '.join(map(literal, after))})")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order = f" ORDER BY {key} LIMIT {limit}" if key else ""
        source = f"{only}{qualified(table.schema, table.name)}"
        return f"COPY (SELECT {names} FROM {source}{where}{order}) TO STDOUT"  # noqa: S608  # quoted


def is_complete(saved: StreamState | None) -> bool:
    """Whether a table has been read to its end."""
    return saved is not None and saved.get("snapshot") == "complete"


def require_followed(saved: State, tables: Iterable[Table], *, slot: str, is_new: bool) -> None:
    """Return if all changes are to be had since tables were read, of which this was saved.

    Raises:
        ConnectorError: of kind `state`; the slot is still to be made, or a table was left out, or
            is another by now.
    """
    found = []
    for table in tables:
        state = saved.get_stream(table.full_name())
        if state is None or state.get("snapshot") is None:
            continue
        found.append(state)
        reason = None
        if state.to_json() == LEFT_OUT:
            reason = "its changes were passed over while it was not chosen"
        elif state.get("oid", Any, table.oid) != table.oid:
            reason = "it was dropped or renamed, and another table has its name"
        if reason is not None:
            raise ConnectorError.state(
                f"gap: {table.full_name()}: {reason}. To read it from its start: `rivven state reset "
                "PIPELINE --source NAME --stream STREAM`, empty its copy, and run again; or leave it out"
            )
    if found and is_new:
        names = ", ".join(sorted(one.stream_name for one in found))
        raise ConnectorError.state(
            f"gap: rows of {names} were read before slot {slot!r} was made, and what changed in between "
            "is not to be had. To start anew: `rivven state reset PIPELINE --source NAME`, empty the "
            "copy, and run again; the tables are then read from their start"
        )


def saved_key(saved: StreamState | None, plan: TablePlan) -> list[str] | None:
    """Return the key behind which a table is read on; None to read it from its start."""
    found = saved.get("snapshot") if saved is not None else None
    if not isinstance(found, dict) or found.get("key") != list(plan.key):
        return None
    after = found.get("after")
    return list(map(str, after)) if isinstance(after, list) else None


class TableReader:
    """Reads one table by one connection, which nobody else uses meanwhile; every method blocks."""

    def __init__(
        self,
        plan: TablePlan,
        types: Types,
        after: Sequence[str] | None,
        *,
        batch_size: int,
    ) -> None:
        self._plan = plan
        self._rows = RowReader([(one.name, one.type_oid) for one in plan.columns], types)
        self._batch_size = batch_size
        names = [one.name for one in plan.columns]
        self._key_places = [names.index(name) for name in plan.key]
        self._after = list(after) if after else None

    def read(self, connection: psycopg.Connection[Any]) -> Generator[list[Item], None, None]:
        """Yield batches, each with the state behind it; the last one says that it is complete."""
        doing = f"reading {self._plan.table.full_name()}"
        with translated(doing):
            while True:
                rows = 0
                query = self._plan.query(self._after, self._batch_size, _literal_of(connection))
                with connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
                    for lines in _chunks(copy):
                        rows += len(lines)
                        yield self._items(lines)
                if not self._plan.key or rows < self._batch_size:
                    break
        yield [self._batch([], {"snapshot": "complete", "oid": self._plan.table.oid})]

    def _items(self, lines: Sequence[bytes]) -> list[Item]:
        rows = [_fields(line) for line in lines]
        state = None
        if self._key_places:
            self._after = [_key_text(rows[-1][place]) for place in self._key_places]
            part: JsonObject = {"key": list(self._plan.key), "after": list(self._after)}
            state = {"snapshot": part, "oid": self._plan.table.oid}
        try:
            return [self._batch(rows, state)]
        except RecordError:
            found: list[Item] = [self._one(row) for row in rows]
            if state is not None:
                found.append(self._batch([], state))
            return found

    def _one(self, row: Sequence[bytes | None]) -> Item:
        try:
            return self._batch([row], None)
        except RecordError as error:
            raw = b"\t".join(b"\\N" if one is None else one for one in row)
            name = self._plan.table.full_name()
            return Poison(stream=name, raw=raw, error=str(error), position=self._position(row))

    def _batch(
        self, rows: Sequence[Sequence[bytes | None]], state: JsonObject | None
    ) -> EventBatch:
        return EventBatch(
            stream=self._plan.table.name,
            namespace=self._plan.table.schema,
            records=self._rows.read(list(zip(*rows, strict=True)), len(rows)),
            positions=[self._position(row) for row in rows] if self._key_places else None,
            metadata=[_METADATA] * len(rows),
            state=state,
        )

    def _position(self, row: Sequence[bytes | None]) -> list[str] | None:
        if not self._key_places:
            return None
        return ["snapshot", *(_key_text(row[place]) for place in self._key_places)]


async def read_tables_at_once(
    readers: Sequence[TableReader], connections: Sequence[psycopg.Connection[Any]]
) -> AsyncGenerator[Item, None]:
    """Yield the rows of all tables, those of each in order; each connection reads one at a time.

    Raises:
        ConnectorError: a table cannot be read.
    """
    todo = deque(readers)
    found: asyncio.Queue[list[Item] | None] = asyncio.Queue()
    room = asyncio.Semaphore(len(connections) + 1)

    async def work(connection: psycopg.Connection[Any]) -> None:
        while todo:
            chunks = todo.popleft().read(connection)
            try:
                while True:
                    await room.acquire()
                    items = await in_thread(connection, lambda: next(chunks, None))  # noqa: B023
                    if items is None:
                        room.release()
                        break
                    found.put_nowait(items)
            finally:
                await in_thread(connection, chunks.close)

    workers = [asyncio.create_task(work(one), name="snapshot") for one in connections]
    for worker in workers:
        worker.add_done_callback(lambda _: found.put_nowait(None))
    try:
        for _ in workers:
            while (items := await found.get()) is not None:
                room.release()
                for item in items:
                    yield item
            for worker in workers:
                if worker.done():
                    worker.result()
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)


def _chunks(copy: psycopg.Copy) -> Iterator[list[bytes]]:
    """Yield the lines of a COPY, some at a time."""
    lines: list[bytes] = []
    size = 0
    for data in copy:
        line = bytes(data)
        lines.append(line)
        size += len(line)
        if len(lines) >= _MOST_ROWS or size >= _MOST_BYTES:
            yield lines
            lines, size = [], 0
    if lines:
        yield lines


def _fields(line: bytes) -> list[bytes | None]:
    """Return the texts of one line (PostgreSQL, COPY, "Text Format")."""
    fields = line[:-1].split(b"\t")
    if b"\\" not in line:
        return [*fields]
    return [None if one == b"\\N" else _unescaped(one) for one in fields]


def _unescaped(field: bytes) -> bytes:
    if b"\\" not in field:
        return field
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), field)


def _key_text(value: bytes | None) -> str:
    if value is None:
        raise ConnectorError.internal("a column of a primary key is NULL")
    return value.decode()


def _literal_of(connection: psycopg.Connection[Any]) -> Callable[[str], str]:
    import psycopg  # noqa: PLC0415  # optional: the extra `postgres`

    escaping = psycopg.pq.Escaping(connection.pgconn)
    return lambda text: bytes(escaping.escape_literal(text.encode())).decode()
