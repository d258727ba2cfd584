"""The filter-transform transform: the part that talks to the outside world."""

from __future__ import annotations

from rivven_connect import HookMissing, SourceEvent, Transformed

from filter_transform._generated import FilterTransformBase, FilterTransformConfig


class FilterTransform(FilterTransformBase):
    """Fill the hooks; `rivven test` lists those that are not written yet."""

    def transform(self, config: FilterTransformConfig, event: SourceEvent) -> Transformed:
        """Return what becomes of one event: an event, several, or None to drop it."""
        raise HookMissing("transform")
