"""Which tables are read, and what they look like as streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rivven_connect import Catalog, ConnectorError, Stream, SyncMode
from rivven_connect.connectors.postgres_cdc_source._generated import PostgresCdcSourceConfig
from rivven_connect.connectors.postgres_cdc_source.server import read_publication
from rivven_connect.connectors.postgres_cdc_source.snapshot import TablePlan
from rivven_connect.postgres import Table, read_tables, read_types, table_schema

if TYPE_CHECKING:
    import psycopg


def chosen_tables(
    connection: psycopg.Connection[Any], config: PostgresCdcSourceConfig
) -> list[Table]:
    """Return the tables that the config names; partitions are part of the table above them.

    Raises:
        ConnectorError: a named one does not exist, or there is none at all.
    """
    found = [
        one
        for one in read_tables(connection, schemas=config.schemas, tables=config.tables)
        if not one.is_partition
    ]
    missing = set(config.tables or ()) - {one.name for one in found}
    if missing:
        raise ConnectorError.not_found(
            f"there is no table {', '.join(sorted(missing))!r} in schema "
            f"{', '.join(config.schemas)!r}; `tables` are names without their schema"
        )
    if not found:
        raise ConnectorError.not_found(f"there is no table in schema {', '.join(config.schemas)!r}")
    return found


def table_plans(
    connection: psycopg.Connection[Any], tables: Sequence[Table], config: PostgresCdcSourceConfig
) -> list[TablePlan]:
    """Return what is read of tables: what the publication sends, if there is one."""
    publication = read_publication(connection, config.publication_name)
    plans = []
    for table in tables:
        sent = publication.tables.get((table.schema, table.name)) if publication else None
        if sent is None or sent.columns is None:
            columns = tuple(one for one in table.columns if not one.generated)
        else:
            columns = tuple(one for one in table.columns if one.name in sent.columns)
        plans.append(TablePlan(table, columns, sent.row_filter if sent else None))
    return plans


def catalog_of(
    connection: psycopg.Connection[Any], tables: Sequence[Table], config: PostgresCdcSourceConfig
) -> Catalog:
    """Return tables as streams."""
    plans = table_plans(connection, tables, config)
    oids = {column.type_oid for plan in plans for column in plan.columns}
    types = read_types(connection, oids)
    return Catalog(
        [
            Stream(
                name=plan.table.name,
                namespace=plan.table.schema,
                json_schema=table_schema(plan.columns, types),
                supported_sync_modes=[SyncMode.INCREMENTAL],
                source_defined_primary_key=[[name] for name in plan.key],
            )
            for plan in plans
        ]
    )
