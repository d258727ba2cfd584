"""What the stream says of tables, beside what the catalog said of them at the start."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from rivven_connect import JsonObject
from rivven_connect.connectors.postgres_cdc_source._generated import PostgresCdcSourceConfig
from rivven_connect.connectors.postgres_cdc_source.changes import Target
from rivven_connect.connectors.postgres_cdc_source.pgoutput import Relation
from rivven_connect.connectors.postgres_cdc_source.snapshot import TablePlan
from rivven_connect.postgres import (
    Column,
    Types,
    connect,
    in_thread,
    read_tables,
    read_types,
    table_schema,
    translated,
)

_log = logging.getLogger("rivven_connect.postgres_cdc_source")


class Relations:
    """The chosen tables and their columns by name and type, as they are where the stream is."""

    def __init__(
        self, config: PostgresCdcSourceConfig, plans: Iterable[TablePlan], types: Types
    ) -> None:
        self._config = config
        self._types = dict(types)
        self._known = {plan.table.full_name(): _shape(plan.columns) for plan in plans}
        self._others: set[str] = set()

    async def target(self, relation: Relation) -> tuple[Target | None, JsonObject | None]:
        """Return how changes of a relation are read, and its schema, if it is not what was known.

        None for a table that was not chosen.
        """
        name = f"{relation.namespace}.{relation.name}"
        if name not in self._known:
            if name not in self._others:
                self._others.add(name)
                _log.info("changes of %s are left out: it is published and was not chosen", name)
            return None, None
        shape = {one.name: one.type_oid for one in relation.columns}
        if shape == self._known[name]:
            return Target(relation, self._types), None
        schema = await in_thread(None, lambda: self._look_up(relation))
        self._known[name] = shape
        return Target(relation, self._types), schema

    def _look_up(self, relation: Relation) -> JsonObject:
        """Return the schema of a relation that has changed, and note its types."""
        doing = f"reading the columns of {relation.namespace}.{relation.name}"
        with translated(doing), connect(self._config) as connection:
            tables = read_tables(connection, schemas=[relation.namespace], tables=[relation.name])
            now = {one.name: one for table in tables for one in table.columns}
            self._types |= read_types(connection, [one.type_oid for one in relation.columns])
            columns = []
            for one in relation.columns:
                known = now.get(one.name)
                if known is not None and known.type_oid == one.type_oid:
                    columns.append(known)
                    continue
                # The table has changed again since; the stream will come to it.
                sql = b"SELECT pg_catalog.format_type($1, $2)"
                row = connection.execute(sql, [one.type_oid, one.type_modifier]).fetchone()
                type_name = str(row[0]) if row else "???"
                columns.append(Column(name=one.name, type_oid=one.type_oid, type_name=type_name))
        return table_schema(columns, self._types)


def _shape(columns: Sequence[Column]) -> dict[str, int]:
    return {one.name: one.type_oid for one in columns}
