"""The timestamp transform: times in another form, on both sides of an update."""

from __future__ import annotations

from functools import partial
from typing import Any

from rivven_connect import ConnectorError, JsonObject, SourceEvent, Transformed
from rivven_connect._field_paths import change_field, change_record
from rivven_connect.connectors.timestamp_transform._generated import (
    TimestampTransformBase,
    TimestampTransformConfig,
)
from rivven_connect.connectors.timestamp_transform.instants import (
    from_micros,
    load_zone,
    to_micros,
)


class TimestampTransform(TimestampTransformBase):
    """Converts each field that is there."""

    async def open(self, config: TimestampTransformConfig) -> None:
        """Load the time zones."""
        self._zone = load_zone(config.timezone)
        self._assumed = load_zone(config.assume_timezone) if config.assume_timezone else None

    def transform(self, config: TimestampTransformConfig, event: SourceEvent) -> Transformed:
        """Return the event with its times converted.

        Raises:
            ConnectorError: a value is no such time and `on_invalid` is `fail`.
        """

        def convert_all(record: JsonObject) -> JsonObject:
            for path in config.fields:
                record = change_field(record, path, partial(convert, path))
            return record

        def convert(path: str, value: Any) -> Any:
            if value is None:
                return None
            try:
                return from_micros(
                    to_micros(value, config.from_, self._assumed), config.to, self._zone
                )
            except ValueError as error:
                if config.on_invalid == "fail":
                    raise ConnectorError.data(
                        f"field {path!r} cannot become {config.to}: {error}"
                    ) from None
                return None if config.on_invalid == "null" else value

        return change_record(event, convert_all)
