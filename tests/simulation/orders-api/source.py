"""The orders-api source: pages by token, and pages by number."""

from __future__ import annotations

import itertools
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

from orders_api._generated import (
    CustomersRecord,
    OrdersApiBase,
    OrdersApiConfig,
    OrdersRecord,
)

from rivven_connect import ConnectorError, ErrorKind
from rivven_connect.http import HttpClient, HttpLimits


class OrdersApi(OrdersApiBase):
    """Reads a shop."""

    _client: HttpClient | None = None
    _token: str | None = None

    async def open(self, config: OrdersApiConfig) -> None:
        """Make the client."""
        limits = HttpLimits(total_timeout_ms=config.timeout_ms)
        self._client = HttpClient(config.base_url, limits=limits)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def read_orders(
        self, config: OrdersApiConfig, cursor: str | None
    ) -> AsyncIterator[list[OrdersRecord]]:
        """Yield orders changed at or after `cursor`, oldest first."""
        query = {"limit": str(config.page_size)}
        if cursor is not None:
            query["updated_since"] = cursor
        token = None
        while True:
            page = await self._get(config, "orders", query if token is None else {"cursor": token})
            yield self.streams.orders.rows(page["data"])
            token = page["next_cursor"]
            if token is None:
                return

    async def read_customers(
        self, config: OrdersApiConfig, cursor: None
    ) -> AsyncIterator[list[CustomersRecord]]:
        """Yield all customers."""
        for number in itertools.count(1):
            page = await self._get(config, "customers", {"page": str(number)})
            if not page["data"]:
                return
            yield self.streams.customers.rows(page["data"])

    async def _get(self, config: OrdersApiConfig, path: str, query: dict[str, str]) -> Any:
        url = f"{path}?{urllib.parse.urlencode(query)}"
        try:
            return await self._once(config, url)
        except ConnectorError as error:
            if error.kind is not ErrorKind.AUTH:
                raise
            self._token = None
        return await self._once(config, url)

    async def _once(self, config: OrdersApiConfig, url: str) -> Any:
        assert self._client is not None
        if self._token is None:
            secret = config.client_secret.reveal()
            answer = await self._client.request("POST", "oauth/token", body=secret.encode())
            granted: Any = answer.json()
            self._token = granted["access_token"]
        answer = await self._client.request(
            "GET", url, headers={"Authorization": f"Bearer {self._token}"}
        )
        return answer.json()
