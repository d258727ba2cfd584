"""Rows to columns for sinks that take Arrow; what came as columns passes through untouched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from rivven_connect._arrow import arrow_schema, to_arrow
from rivven_connect._batch import EventBatch
from rivven_connect._json import JsonObject
from rivven_connect.pipeline.blocks import with_records


class Columns:
    """Converts by the schemas of the streams; one that is not known is inferred from its rows."""

    def __init__(self, schemas: Mapping[str, JsonObject]) -> None:
        self._schemas = schemas
        self._known: dict[str, pa.Schema] = {}

    def of(self, batches: Sequence[EventBatch]) -> list[EventBatch]:
        """Return the batches with Arrow records.

        Raises:
            Misfits: records that do not fit their stream's schema.
        """
        return [one if one.is_columnar() else self._converted(one) for one in batches]

    def _converted(self, batch: EventBatch) -> EventBatch:
        name = batch.full_name()
        if name not in self._known:
            self._known[name] = arrow_schema(self._schemas.get(name, {}))
        return with_records(batch, to_arrow(batch.rows(), self._known[name]))
