"""The insert transform: fixed values and what the event itself says.

The time is the event's own, never the clock's, so that the same event gives the same record.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import msgspec

from rivven_connect import Json, JsonObject, SourceEvent, Transformed
from rivven_connect._field_paths import change_record, put_field
from rivven_connect.connectors.insert_transform._generated import (
    InsertTransformBase,
    InsertTransformConfig,
)


class InsertTransform(InsertTransformBase):
    """Adds fields, to the present side of an update."""

    async def open(self, config: InsertTransformConfig) -> None:
        """Encode the fixed values: each record gets its own, which a later transform may change."""
        values = dict(config.static_fields or {})
        if config.field is not None:
            values[config.field] = config.value
        self._fixed = {path: msgspec.json.encode(value) for path, value in values.items()}

    def transform(self, config: InsertTransformConfig, event: SourceEvent) -> Transformed:
        """Return the event with its new fields.

        Raises:
            ConnectorError: a field would have to lie in something that is no object.
        """

        def put_all(record: JsonObject) -> JsonObject:
            for path, value in self._values(config, event):
                record = put_field(record, path, value, overwrite=config.overwrite)
            return record

        return change_record(event, put_all, past=False)

    def _values(
        self, config: InsertTransformConfig, event: SourceEvent
    ) -> Iterator[tuple[str, Json]]:
        for path, encoded in self._fixed.items():
            yield path, msgspec.json.decode(encoded)
        at = _in_utc(event.timestamp)
        if config.timestamp_field is not None:
            yield config.timestamp_field, at and at.isoformat().replace("+00:00", "Z")
        if config.date_field is not None:
            yield config.date_field, at and at.date().isoformat()
        if config.stream_field is not None:
            yield config.stream_field, event.stream


def _in_utc(at: datetime.datetime | None) -> datetime.datetime | None:
    if at is None:
        return None
    return at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at.astimezone(datetime.UTC)
