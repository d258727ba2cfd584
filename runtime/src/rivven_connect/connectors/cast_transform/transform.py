"""The cast transform: other types for fields, on both sides of an update."""

from __future__ import annotations

from functools import partial
from typing import Any

from rivven_connect import ConnectorError, JsonObject, SourceEvent, Transformed
from rivven_connect._field_paths import change_field, change_record
from rivven_connect.connectors.cast_transform._generated import (
    CastTransformBase,
    CastTransformConfig,
)
from rivven_connect.connectors.cast_transform.casting import CASTS


class CastTransform(CastTransformBase):
    """Casts each field that is there."""

    def transform(self, config: CastTransformConfig, event: SourceEvent) -> Transformed:
        """Return the event with its fields cast.

        Raises:
            ConnectorError: a value does not fit and `on_invalid` is `fail`.
        """
        return change_record(event, lambda record: _cast_record(config, record))


def _cast_record(config: CastTransformConfig, record: JsonObject) -> JsonObject:
    for path, kind in config.fields.items():
        record = change_field(record, path, partial(_cast, config, path, kind))
    return record


def _cast(config: CastTransformConfig, path: str, kind: str, value: Any) -> Any:
    if value is None:
        return None
    try:
        return CASTS[kind](value)
    except ValueError as error:
        if config.on_invalid == "fail":
            raise ConnectorError.data(f"field {path!r} cannot become {kind}: {error}") from None
        return None if config.on_invalid == "null" else value
