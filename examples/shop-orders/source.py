"""The shop-orders source: the part that talks to the outside world.

Each stream has one hook, which yields pages of records. The runtime does the rest: it keeps the
cursor, saves it once the records are durable, and drops the rows at the very cursor that an earlier
run has delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from rivven_connect import ConnectorError, Json, JsonObject

from shop_orders._generated import CustomersRecord, OrdersRecord, ShopOrdersBase, ShopOrdersConfig

_ORDERS = """
    SELECT id, customer_id, status, total_cents, updated_at FROM orders
    WHERE (updated_at, id) > (?, ?) ORDER BY updated_at, id LIMIT ?
"""
_CUSTOMERS = "SELECT id, name, email FROM customers WHERE id > ? ORDER BY id LIMIT ?"
_BEFORE_ALL_IDS = -(2**63)


class ShopOrders(ShopOrdersBase):
    """Reads page by page, each on a connection of its own, so that the shop can go on writing.

    The hooks are plain generators, because SQLite blocks: the runtime runs such hooks in a thread.
    """

    async def check_database_readable(self, config: ShopOrdersConfig) -> None:
        """Return if the file is a database that can be read."""
        await asyncio.to_thread(_rows, config, "SELECT count(*) FROM sqlite_master")

    async def check_tables_present(self, config: ShopOrdersConfig) -> None:
        """Return if both tables have the columns that are read."""
        await asyncio.to_thread(_rows, config, _ORDERS, "", _BEFORE_ALL_IDS, 0)
        await asyncio.to_thread(_rows, config, _CUSTOMERS, _BEFORE_ALL_IDS, 0)

    def read_orders(
        self, config: ShopOrdersConfig, cursor: str | None
    ) -> Iterator[list[OrdersRecord]]:
        """Yield the orders that changed at or after `cursor`, oldest first.

        Not only after it: another order may have got this very time once the last run was over.
        """
        time, last_id = cursor or "", _BEFORE_ALL_IDS
        orders = self.streams.orders
        while page := orders.rows(_rows(config, _ORDERS, time, last_id, config.page_size)):
            yield page
            time, last_id = page[-1]["updated_at"], page[-1]["id"]

    def read_customers(
        self, config: ShopOrdersConfig, cursor: Json
    ) -> Iterator[list[CustomersRecord]]:
        """Yield all customers; without a cursor field, there is nothing to start from."""
        last_id = _BEFORE_ALL_IDS
        customers = self.streams.customers
        while page := customers.rows(_rows(config, _CUSTOMERS, last_id, config.page_size)):
            yield page
            last_id = page[-1]["id"]


def _rows(config: ShopOrdersConfig, query: str, *values: str | int) -> list[JsonObject]:
    """Return what a query finds; the connection, and its lock, are gone when it returns.

    Raises:
        ConnectorError: worth another try if somebody else is writing; else the file is at fault.
    """
    uri = f"{Path(config.database).absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(
            sqlite3.connect(uri, uri=True, timeout=config.busy_timeout_ms / 1000)
        ) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, values)]
    except sqlite3.Error as error:
        reason = f"{config.database!r} cannot be read: {error}"
        code = getattr(error, "sqlite_errorcode", 0)  # errors of Python's own layer have none
        if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise ConnectorError.transient(reason) from error
        raise ConnectorError.io(reason) from error
