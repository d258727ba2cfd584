"""The filter transform: lets events pass, or not, by one field of their record.

An event passes if its record does, as it is or as it was: an update by which a row leaves the
condition passes, because whoever kept the row has to learn that it changed. What comes later of
that row does not.
"""

from __future__ import annotations

from rivven_connect import EventType, Json, SourceEvent, Transformed
from rivven_connect.connectors.filter_transform._generated import (
    FilterTransformBase,
    FilterTransformConfig,
)
from rivven_connect.connectors.filter_transform.condition import make_condition


class FilterTransform(FilterTransformBase):
    """Keeps the events for which the condition holds; with `drop`, the others."""

    async def open(self, config: FilterTransformConfig) -> None:
        """Prepare the condition."""
        self._holds = make_condition(config)

    def transform(self, config: FilterTransformConfig, event: SourceEvent) -> Transformed:
        """Return the event, or nothing; control events pass."""
        if not event.is_data:
            return event
        passes = any(self._holds(image) is not config.drop for image in _images(event))
        return event if passes else None


def _images(event: SourceEvent) -> list[Json]:
    """Return the record as it was and as it is, as far as the event holds them."""
    data = event.data
    if event.event_type is EventType.UPDATE and isinstance(data, dict):
        return [image for image in (data.get("before"), data.get("after")) if image is not None]
    return [data]
