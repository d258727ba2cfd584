"""The mask transform: hides fields wherever the event holds them in clear."""

from __future__ import annotations

import msgspec

from rivven_connect import JsonObject, SourceEvent, Transformed
from rivven_connect._field_paths import change_field, change_record
from rivven_connect.connectors.mask_transform._generated import (
    MaskTransformBase,
    MaskTransformConfig,
)
from rivven_connect.connectors.mask_transform.masking import make_mask


class MaskTransform(MaskTransformBase):
    """Masks the record, both sides of an update, and free metadata of the same names."""

    async def open(self, config: MaskTransformConfig) -> None:
        """Prepare the mask."""
        self._mask = make_mask(config)

    def transform(self, config: MaskTransformConfig, event: SourceEvent) -> Transformed:
        """Return the event with its fields masked."""
        masked = change_record(event, lambda record: self._masked(config, record))
        metadata = masked.metadata
        if metadata is None or not metadata.extra:
            return masked
        extra = self._masked(config, metadata.extra)
        return msgspec.structs.replace(
            masked, metadata=msgspec.structs.replace(metadata, extra=extra)
        )

    def _masked(self, config: MaskTransformConfig, record: JsonObject) -> JsonObject:
        for path in config.fields:
            record = change_field(record, path, self._mask)
        return record
