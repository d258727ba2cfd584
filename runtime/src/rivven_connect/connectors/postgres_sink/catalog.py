"""What a table is to one who writes to it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from rivven_connect._tables.names import INDEX
from rivven_connect.connectors.postgres_sink.database import Database
from rivven_connect.postgres import Type, qualified


class Place(msgspec.Struct, frozen=True):
    """The schema and name of a table."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"

    @property
    def sql(self) -> str:
        """The table in a statement."""
        return qualified(self.schema, self.table)


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column."""

    kind: Type
    cast: str
    """The type as SQL, without its length: a value that is too long shall fail, and not be cut."""
    is_generated: bool
    """Whether the server alone computes its value."""
    is_own_identity: bool
    """Whether its value may be given but not changed."""
    has_default: bool
    tells_texts_apart: bool
    """Whether values are equal only if their texts are."""


class UniqueIndex(msgspec.Struct, frozen=True):
    """An index that `ON CONFLICT` can name."""

    name: str
    columns: frozenset[str]

    @property
    def is_ours(self) -> bool:
        """Whether the sink made it."""
        return self.name.startswith(INDEX)


_COLUMNS = """
SELECT c.oid::int8, a.attname::text, a.atttypid::int8, pg_catalog.format_type(a.atttypid, -1),
    a.attgenerated <> '', a.attidentity = 'a', a.atthasdef OR a.attidentity <> '',
    a.atttypid IN (16, 20, 21, 23, 25, 1043) AND coalesce(co.collisdeterministic, true)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
WHERE n.nspname = $1 AND c.relname = $2
ORDER BY a.attnum
"""
_INDEXES = """
SELECT ic.relname::text, ARRAY(
    SELECT a.attname::text
    FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE k.place <= i.indnkeyatts)
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
WHERE i.indrelid = $1::int8::oid AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL
"""
_WITH_COLUMN = """
SELECT n.nspname::text, c.relname::text
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attname = $1 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND pg_catalog.has_table_privilege(c.oid, 'DELETE')
"""


def read_columns(database: Database, place: Place) -> tuple[int, Mapping[str, Column]] | None:
    """Return the OID and columns of a table, None where there is none."""
    rows = database.run(_COLUMNS, (place.schema, place.table)).fetchall()
    if not rows:
        return None
    rows_of_columns = [row for row in rows if row[1] is not None]
    types = database.types_of({row[2] for row in rows_of_columns})
    columns = {
        name: Column(
            kind=types[oid],
            cast=cast,
            is_generated=is_generated,
            is_own_identity=is_own_identity,
            has_default=has_default,
            tells_texts_apart=tells_texts_apart,
        )
        for (
            _,
            name,
            oid,
            cast,
            is_generated,
            is_own_identity,
            has_default,
            tells_texts_apart,
        ) in rows_of_columns
    }
    return rows[0][0], columns


def read_unique_indexes(database: Database, oid: int) -> list[UniqueIndex]:
    """Return the unique indexes of a table."""
    rows = database.run(_INDEXES, (oid,))
    return [UniqueIndex(name, frozenset(columns)) for name, columns in rows]


def places_with_column(database: Database, column: str) -> list[Place]:
    """Return all tables that have a column of that name and that we may delete from."""
    return [Place(*row) for row in database.run(_WITH_COLUMN, (column,))]
