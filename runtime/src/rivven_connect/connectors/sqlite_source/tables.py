"""What the database holds: tables and views, their columns, and what names a row."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import msgspec

from rivven_connect import ConnectorError, JsonObject, Stream, SyncMode
from rivven_connect._sqlite import ANY, INTEGER, NUMERIC, REAL, TEXT, affinity
from rivven_connect.connectors.sqlite_source._generated import SqliteSourceConfig
from rivven_connect.connectors.sqlite_source._generated.config import (
    Incrementing,
    Timestamp,
    TimestampIncrementing,
)
from rivven_connect.connectors.sqlite_source.database import Reader

_ROW_NUMBERS = ("rowid", "_rowid_", "oid")
_TYPES: dict[str, JsonObject] = {
    INTEGER: {"type": ["integer", "null"]},
    REAL: {"type": ["number", "null"]},
    NUMERIC: {"type": ["number", "string", "null"]},
    TEXT: {"type": ["string", "null"]},
    ANY: {"type": ["number", "string", "null"]},
}
_FITTING: dict[str, frozenset[type]] = {
    INTEGER: frozenset({int}),
    REAL: frozenset({int, float}),
    NUMERIC: frozenset({int, float, str}),
    TEXT: frozenset({str}),
    ANY: frozenset({int, float, str, bytes}),
}


class Wanted(msgspec.Struct, frozen=True):
    """What the config says of one table."""

    name: str
    mode: str = "bulk"
    number: str | None = None
    time: str | None = None
    primary_key: tuple[str, ...] = ()


class Column(msgspec.Struct, frozen=True):
    """One column as the table declares it; `key` is its place in the primary key, from 1, or 0."""

    name: str
    declared: str = ""
    key: int = 0
    required: bool = False

    @property
    def is_blob(self) -> bool:
        """Whether it is declared to hold blobs."""
        return "BLOB" in self.declared.upper() and affinity(self.declared) == ANY

    @property
    def fitting(self) -> frozenset[type]:
        """The types of values that its declaration lets expect."""
        return frozenset({bytes}) if self.is_blob else _FITTING[affinity(self.declared)]

    def schema(self) -> JsonObject:
        """Return the JSON Schema of its values."""
        found = dict(_TYPES[affinity(self.declared)])
        if self.is_blob:
            found = {"type": ["string", "null"], "contentEncoding": "base64"}
        if self.required:
            found["type"] = [name for name in found["type"] if name != "null"]
        return found


class Described(msgspec.Struct, frozen=True):
    """One table or view.

    `order` are the columns that put its rows in an order without ties, the row's number among them
    under SQLite's name for it; a view has none.
    """

    name: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]
    number: str | None = None
    """SQLite's name for the number of a row; None where it has none, or a column has the name."""

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The names of the primary key's columns, in its order."""
        keyed = sorted((one.key, one.name) for one in self.columns if one.key)
        return tuple(name for _, name in keyed)

    @property
    def own_number(self) -> str | None:
        """The column that is another name for the row's number."""
        keyed = [one for one in self.columns if one.key]
        is_one = self.number and len(keyed) == 1 and keyed[0].declared.upper() == INTEGER
        return keyed[0].name if is_one else None

    def require(self, column: str) -> str:
        """Return the name of a column that the config names.

        Raises:
            ConnectorError: there is none.
        """
        names = [one.name for one in self.columns]
        if column in names:
            return column
        near = difflib.get_close_matches(column, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names)}"
        raise ConnectorError.configuration(f"{self.name!r} has no column {column!r}; {hint}")


def chosen_tables(reader: Reader, config: SqliteSourceConfig) -> list[tuple[Wanted, Described]]:
    """Return the tables to read, as the config and as the database describe them.

    Raises:
        ConnectorError: the database has no such table.
    """
    rows = reader.query("SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main'")
    kinds = {name: (kind, wr) for name, kind, wr in rows if not name.startswith("sqlite_")}
    names = config.tables
    if names is None:
        names = sorted(name for name, (kind, _) in kinds.items() if kind == "table")
    found = []
    for name in dict.fromkeys([*names, *config.streams]):
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConnectorError.configuration(f"{config.path} has no table or view {name!r}{hint}")
        found.append((_wanted(config, name), describe(reader, name, *kinds[name])))
    return found


def _wanted(config: SqliteSourceConfig, name: str) -> Wanted:
    options = config.streams.get(name)
    read = (options and options.read) or config.read
    key = tuple((options and options.primary_key) or ())
    match read:
        case Incrementing():
            return Wanted(name, read.mode, number=read.column, primary_key=key)
        case Timestamp():
            return Wanted(name, read.mode, time=read.column, primary_key=key)
        case TimestampIncrementing():
            return Wanted(
                name, read.mode, read.incrementing_column, read.timestamp_column, primary_key=key
            )
    return Wanted(name, primary_key=key)


def describe(reader: Reader, name: str, kind: str, without_rowid: int) -> Described:
    """Return the columns of one table or view; those that SQLite hides are left out."""
    rows = reader.query(
        'SELECT name, type, pk, "notnull", hidden FROM pragma_table_xinfo(?)', [name]
    )
    columns = tuple(
        Column(name, declared or "", key, bool(required or (key and without_rowid)))
        for name, declared, key, required, hidden in rows
        if hidden != 1
    )
    taken = {one.name.lower() for one in columns}
    number = next((one for one in _ROW_NUMBERS if one not in taken), None)
    if kind == "view" or without_rowid:
        number = None
    found = Described(name, columns, (), number)
    if without_rowid:
        return msgspec.structs.replace(found, order=found.primary_key)
    return msgspec.structs.replace(found, order=(number,)) if number else found


def cursor_of(table: Wanted, described: Described) -> str | None:
    """Return the field whose value tells what is new; None where everything is read each time.

    Raises:
        ConnectorError: the table has none.
    """
    if table.mode == "bulk":
        return None
    if table.time is not None:
        return described.require(table.time)
    return number_of(table, described)


def number_of(table: Wanted, described: Described) -> str:
    """Return the field that grows with each new row.

    Raises:
        ConnectorError: the table has none.
    """
    if table.number is not None:
        return described.require(table.number)
    found = described.own_number or described.number
    if found is None:
        raise ConnectorError.configuration(
            f"the rows of {described.name!r} have no number of their own; name a `column`"
        )
    return found


def stream_of(table: Wanted, described: Described, *, types: str) -> Stream:
    """Return what the catalog says of a table."""
    cursor = cursor_of(table, described)
    key: Sequence[str] = described.primary_key
    if table.primary_key:
        key = [described.require(name) for name in table.primary_key]
    if not key and "incrementing" in table.mode:
        key = (number_of(table, described),)
    names = [one.name for one in described.columns]
    properties: dict[str, Any] = {
        one.name: one.schema() if types == "declared" else {} for one in described.columns
    }
    if cursor is not None and cursor not in names:
        properties[cursor] = {"type": "integer"}
    modes = [SyncMode.FULL_REFRESH] if cursor is None else list(reversed(SyncMode))
    return Stream(
        name=described.name,
        json_schema={"type": "object", "required": list(properties), "properties": properties},
        supported_sync_modes=modes,
        default_cursor_field=cursor,
        cursor_order="unordered" if cursor is None else "ascending",
        source_defined_primary_key=[[name] for name in key],
    )
