"""The my-source source: the part that talks to the outside world."""

from __future__ import annotations

from rivven_connect import HookMissing, Records

from my_source._generated import ItemsRecord, MySourceBase, MySourceConfig


class MySource(MySourceBase):
    """Fill the hooks; `rivven test` lists those that are not written yet."""

    async def check_endpoint_reachable(self, config: MySourceConfig) -> None:
        """Return if `endpoint_reachable` holds; raise ConnectorError with the reason if not."""
        raise HookMissing("check_endpoint_reachable")

    def read_items(self, config: MySourceConfig, cursor: str | None) -> Records[ItemsRecord]:
        """Yield records of `items` changed at or after `cursor`, oldest first."""
        raise HookMissing("read_items")  # write `async def`, and yield records, lists or pages
