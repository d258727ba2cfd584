"""The rename transform: other names for fields, or fewer fields, on both sides of an update."""

from __future__ import annotations

from rivven_connect import JsonObject, SourceEvent, Transformed
from rivven_connect._field_paths import change_record
from rivven_connect.connectors.rename_transform._generated import (
    RenameTransformBase,
    RenameTransformConfig,
)
from rivven_connect.connectors.rename_transform.renaming import (
    keep_fields,
    remove_fields,
    rename_fields,
)


class RenameTransform(RenameTransformBase):
    """Keeps, removes, then renames fields; those that are missing are left alone."""

    async def open(self, config: RenameTransformConfig) -> None:
        """Put the forms of the config together."""
        self._removed = [*(config.exclude or ()), *([config.field] if config.field else ())]
        self._names = dict(config.fields or {})
        if config.from_ is not None and config.to is not None:
            self._names[config.from_] = config.to

    def transform(self, config: RenameTransformConfig, event: SourceEvent) -> Transformed:
        """Return the event with its fields renamed.

        Raises:
            ConnectorError: two values would get the same name; the record is a dead letter.
        """

        def change(record: JsonObject) -> JsonObject:
            if config.include is not None:
                record = keep_fields(record, config.include)
            if self._removed:
                record = remove_fields(record, self._removed)
            return rename_fields(record, self._names, overwrite=config.overwrite)

        return change_record(event, change)
