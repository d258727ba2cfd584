"""The validated-source source: the part that talks to the outside world."""

from __future__ import annotations

from rivven_connect import HookMissing, Json, Records

from validated_source._generated import RowsRecord, ValidatedSourceBase, ValidatedSourceConfig


class ValidatedSource(ValidatedSourceBase):
    """Fill the hooks; `rivven test` lists those that are not written yet."""

    def read_rows(self, config: ValidatedSourceConfig, cursor: Json) -> Records[RowsRecord]:
        """Yield all records of `rows`; `cursor` is a page's token, if you gave one."""
        raise HookMissing("read_rows")  # write `async def`, and yield records, lists or pages
