"""The tables of the streams: found or made, and widened when a record brings a new field.

Nothing is ever dropped from a table, and no column changes its type. Every change is part of the
transaction that needs it; `forget` follows a rollback.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from rivven_connect import ConnectorError, Json, JsonObject
from rivven_connect._tables.changes import Key
from rivven_connect._tables.names import INDEX, KEY, KEY_PART, ORDINAL, SYNC, Naming, digest
from rivven_connect._tables.plans import StreamPlan
from rivven_connect._tables.records import Unfit, canonical_json, part_at
from rivven_connect._tables.tables import Fields, Tables, require_room
from rivven_connect.connectors.postgres_sink.catalog import (
    Column,
    Place,
    UniqueIndex,
    read_columns,
    read_unique_indexes,
)
from rivven_connect.connectors.postgres_sink.column_types import ANY, column_type
from rivven_connect.connectors.postgres_sink.database import Database
from rivven_connect.connectors.postgres_sink.faults import TableChanged, refusal
from rivven_connect.connectors.postgres_sink.values import text_of
from rivven_connect.postgres import LONGEST_NAME_BYTES, quoted

_SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
SCHEMAS = Naming(longest=LONGEST_NAME_BYTES, refused_prefix="pg_")
TABLES = Naming(longest=LONGEST_NAME_BYTES)
COLUMNS = Naming(longest=LONGEST_NAME_BYTES, refused=_SYSTEM_COLUMNS)
_DECLARED = {ORDINAL: "integer NOT NULL DEFAULT 0", SYNC: "bigint"}


class Table:
    """The table of one stream."""

    def __init__(self, database: Database, plan: StreamPlan, place: Place) -> None:
        self._database = database
        self._fields = Fields(COLUMNS)
        self._oid = 0
        self.plan = plan
        self.place = place
        self.columns: Mapping[str, Column] = {}
        self.key: tuple[str, ...] = ()
        """The columns that tell records apart; none where every event is a row."""
        self.inner_key: dict[int, str] = {}
        """The parts of the primary key that stand inside of a field, by number, and their columns."""

    @property
    def has_ordinals(self) -> bool:
        """Whether several records that were made of one may share a key."""
        return ORDINAL in self.columns and bool(self.plan.primary_key)

    @property
    def conflict(self) -> tuple[str, ...]:
        """The columns that tell rows apart."""
        return (*self.key, ORDINAL) if self.has_ordinals else self.key

    def set_up(self) -> None:
        """Bring the table to what the stream's plan says.

        Raises:
            ConnectorError: it cannot be upserted into.
        """
        found = read_columns(self._database, self.place)
        if found is not None:
            self._oid, self.columns = found
        wanted = self._wanted(self.plan.fields)
        if self.plan.upserts:
            self.key = tuple(self._key_parts(wanted)) or (KEY,)
            if not self.plan.primary_key:
                wanted[KEY] = "text"
        if found is None:
            self._create(wanted)
        else:
            self._add(wanted)
            self._set_key()

    def key_of(self, record: JsonObject) -> Key:
        """Return the primary key of a record.

        Raises:
            Unfit: it has none that PostgreSQL can store.
        """
        return tuple(
            self._key_value(part_at(record, path), index)
            for index, path in enumerate(self.plan.primary_key)
        )

    def columns_of(self, fields: Iterable[str]) -> dict[str, str]:
        """Return field -> column; what the table lacks is added.

        Raises:
            Unfit: the table has too many columns.
            TableChanged: somebody has dropped one meanwhile.
        """
        fields = list(fields)
        self._add(self._wanted(fields))
        found = {field: self._fields[field] for field in fields}
        if not self.columns.keys() >= set(found.values()):
            raise TableChanged
        return found

    def own(self, *columns: str) -> None:
        """Add columns of ours where the table lacks them."""
        self._add({column: _DECLARED.get(column, "text") for column in columns})

    def may_write(self, column: str) -> bool:
        """Whether the value of a column can be given."""
        return not self.columns[column].is_generated

    def reset_columns(self, given: Collection[str]) -> list[str]:
        """Return the columns that a new version of a row changes: those given, and what it lacks.

        A column that no record has and that has a default is none of the stream's, and stays.
        """
        return [
            name
            for name, column in self.columns.items()
            # A row that a checkpoint covers stays one, and so does one of this attempt.
            if name not in (*self.conflict, SYNC)
            and not column.is_generated
            and not column.is_own_identity
            and (name in given or name in self._fields or not column.has_default)
        ]

    def has_more_than(self, columns: Iterable[str]) -> bool:
        """Whether the table has data beside these columns."""
        known = {*columns, *self.conflict, SYNC}
        return any(self.may_write(column) for column in self.columns.keys() - known)

    def tells_keys_apart(self) -> bool:
        """Whether two keys are the same to PostgreSQL only if their texts are."""
        return all(self.columns[column].tells_texts_apart for column in self.key)

    def add_ordinals(self) -> None:
        """Let several rows have one key, unless an index that is not ours forbids it."""
        ours = [one for one in self._unique_indexes() if one.columns == frozenset(self.key)]
        if not all(one.is_ours for one in ours):
            return
        self.own(ORDINAL)
        self._set_key()

    def _unique_indexes(self) -> list[UniqueIndex]:
        return read_unique_indexes(self._database, self._oid)

    def _wanted(self, fields: Iterable[str]) -> dict[str, str]:
        """Give fields that have none a column; return these and their types."""
        declared = self.plan.fields
        return {
            column: column_type(declared[field]) if field in declared else ANY
            for field, column in self._fields.missing(fields, self.columns).items()
        }

    def _key_parts(self, wanted: dict[str, str]) -> Iterable[str]:
        for index, path in enumerate(self.plan.primary_key):
            if len(path) == 1:
                wanted |= self._wanted(path)
                yield self._fields[path[0]]
            else:
                column = self.inner_key[index] = f"{KEY_PART}{index}"
                wanted[column] = "text"
                yield column

    def _key_value(self, value: Json, index: int) -> Json:
        column = self.key[index]
        if value is None:
            raise Unfit(f"the primary key {column} is missing or null")
        if isinstance(value, dict | list):
            raise Unfit(f"the primary key {column} is a list or an object")
        if index in self.inner_key:
            return canonical_json(value)
        return text_of(value, self.columns[column].kind, column)

    def _create(self, columns: Mapping[str, str]) -> None:
        require_room(str(self.place), {}, columns)
        parts = [f"{quoted(column)} {kind}" for column, kind in columns.items()]
        if self.key:
            parts.append(self._constraint())
        run, schema = self._database.run, self.place.schema
        if not run("SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1", (schema,)).rowcount:
            run(f"CREATE SCHEMA {quoted(schema)}")
        run(f"CREATE TABLE {self.place.sql} ({', '.join(parts)})")
        self._look_again()

    def _add(self, wanted: Mapping[str, str]) -> None:
        new = {column: kind for column, kind in wanted.items() if column not in self.columns}
        if not new:
            return
        require_room(str(self.place), self.columns, new)
        self._alter(
            [f"ADD COLUMN IF NOT EXISTS {quoted(column)} {kind}" for column, kind in new.items()]
        )

    def _alter(self, actions: Iterable[str]) -> None:
        self._database.run(f"ALTER TABLE {self.place.sql} {', '.join(actions)}")
        self._look_again()

    def _look_again(self) -> None:
        found = read_columns(self._database, self.place)
        if found is None:
            raise ConnectorError.internal(f"table {self.place} is not there after it was made")
        self._oid, self.columns = found

    def _constraint(self) -> str:
        """Return what keeps the key unique, named as ours."""
        name = f"{INDEX}{digest(self.place.schema, self.place.table, *self.conflict)}"
        kind = "PRIMARY KEY" if self.plan.primary_key else "UNIQUE"
        return f"CONSTRAINT {quoted(name)} {kind} ({self._listed()})"

    def _listed(self) -> str:
        return ", ".join(map(quoted, self.conflict))

    def _set_key(self) -> None:
        """Let one constraint of ours stand, the one on the key; those of others stay.

        Raises:
            ConnectorError: nothing keeps the key unique, and the table is none of ours.
        """
        wanted = frozenset(self.conflict)
        found = self._unique_indexes()
        old = [one for one in found if one.is_ours and one.columns != wanted]
        actions = [f"DROP CONSTRAINT {quoted(one.name)}" for one in old]
        freed = {column for one in old for column in one.columns - wanted - {ORDINAL}}
        actions += [f"ALTER COLUMN {quoted(column)} DROP NOT NULL" for column in sorted(freed)]
        if wanted and all(one.columns != wanted for one in found):
            if not old and self.key != (KEY,):
                raise ConnectorError.configuration(
                    f"stream {self.plan.name!r} cannot be upserted into table {self.place}, which has "
                    "no unique index on its key; run CREATE UNIQUE INDEX ON "
                    f"{self.place.sql} ({self._listed()}); or name another table"
                )
            actions.append(f"ADD {self._constraint()}")
        if not actions:
            return
        try:
            self._alter(actions)
        except Exception as error:
            if refusal(error) is None:
                raise
            raise ConnectorError.configuration(
                f"table {self.place} cannot be upserted into: it has several rows of one key, or none "
                f"in some ({self._listed()}); remove them, or name another table"
            ) from None


def tables_of(
    database: Database, *, schema: str, table: str, default_schema: str
) -> Tables[Table, Place]:
    """Return the tables of a database's streams, named by the templates."""

    def place(plan: StreamPlan, _: Collection[Place]) -> Place:
        wanted = plan.filled(schema)
        return Place(
            SCHEMAS.free_name(wanted, ()) if wanted else default_schema,
            TABLES.free_name(plan.filled(table), ()),
        )

    return Tables(place, lambda plan, place: Table(database, plan, place))
