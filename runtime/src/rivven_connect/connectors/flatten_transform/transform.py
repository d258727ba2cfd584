"""The flatten transform: one level of fields, on both sides of an update."""

from __future__ import annotations

from typing import Any

import msgspec

from rivven_connect import SourceEvent, Transformed
from rivven_connect._field_paths import change_record
from rivven_connect.connectors.flatten_transform._generated import (
    FlattenTransformBase,
    FlattenTransformConfig,
)
from rivven_connect.connectors.flatten_transform.flattening import flatten


class FlattenTransform(FlattenTransformBase):
    """Flattens the record."""

    def transform(self, config: FlattenTransformConfig, event: SourceEvent) -> Transformed:
        """Return the event with a flat record.

        Raises:
            ConnectorError: two values would get one name; the record is a dead letter.
        """
        array = _json_text if config.arrays == "json" else None
        return change_record(
            event,
            lambda record: flatten(
                record, config.delimiter, max_depth=config.max_depth, array=array
            ),
        )


def _json_text(value: list[Any]) -> str:
    return msgspec.json.encode(value).decode()
