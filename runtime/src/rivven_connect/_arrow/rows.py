"""Arrow columns to records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from rivven_connect._arrow.schema import is_json_text
from rivven_connect._json import Json, decode_json

_PLAIN: tuple[Callable[[pa.DataType], bool], ...] = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_string,
    pa.types.is_large_string,
)
_LISTS: tuple[Callable[[pa.DataType], bool], ...] = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)


def to_rows(batch: pa.RecordBatch) -> list[Json]:
    """Return a record a row, of JSON values alone.

    Dates and times become text (RFC 3339; an instant is in UTC), durations a number of their unit,
    decimals text, bytes base64. Fields that `to_arrow` kept as JSON are what they were.
    """
    if all(map(_is_plain, batch.schema)):
        rows: list[Json] = batch.to_pylist()
        return rows
    columns = [_values(array, field) for array, field in zip(batch, batch.schema, strict=True)]
    names = batch.schema.names
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _is_plain(field: pa.Field) -> bool:
    """Whether the values are JSON values as pyarrow gives them."""
    found = field.type
    if is_json_text(field):
        return False
    if pa.types.is_struct(found):
        return all(map(_is_plain, found))
    if pa.types.is_list(found):
        return _is_plain(found.value_field)
    return any(test(found) for test in _PLAIN)


def _values(array: pa.Array, field: pa.Field) -> list[Json]:
    if is_json_text(field):
        return [None if text is None else decode_json(text) for text in array.to_pylist()]
    if _is_plain(field):
        return _list(array)
    if pa.types.is_dictionary(field.type):
        return _decoded(array.dictionary_decode())
    if pa.types.is_run_end_encoded(field.type):
        return _decoded(pc.run_end_decode(array))
    return _nested(array, field.type) if pa.types.is_nested(field.type) else _scalars(array)


def _decoded(array: pa.Array) -> list[Json]:
    return _values(array, pa.field("", array.type))


def _nested(array: pa.Array, found: pa.DataType) -> list[Json]:
    if pa.types.is_struct(found):
        return _objects(array)
    if pa.types.is_map(found):
        return [_map(_decoded(one.values)) if one.is_valid else None for one in array]
    if any(test(found) for test in _LISTS):
        return [_values(one.values, found.value_field) if one.is_valid else None for one in array]
    return [msgspec.to_builtins(value) for value in array.to_pylist()]


def _objects(array: pa.StructArray) -> list[Json]:
    fields = list(array.type)
    columns = [_values(part, one) for part, one in zip(array.flatten(), fields, strict=True)]
    names = [one.name for one in fields]
    rows = zip(*columns, strict=True) if columns else [()] * len(array)
    return [
        dict(zip(names, row, strict=True)) if valid else None
        for row, valid in zip(rows, array.is_valid().to_pylist(), strict=True)
    ]


def _map(entries: list[Json]) -> Json:
    """Return an object where the keys are different texts, and pairs where they are not."""
    pairs = [list(entry.values()) for entry in entries]
    if not all(isinstance(key, str) for key, _ in pairs):
        return pairs
    found = dict(pairs)
    return found if len(found) == len(pairs) else pairs


def _scalars(array: pa.Array) -> list[Json]:
    found = array.type
    if pa.types.is_timestamp(found):
        zone = pa.timestamp(found.unit, "UTC") if found.tz else found
        texts = array.cast(zone).cast(pa.string()).to_pylist()
        return [text and text.replace(" ", "T", 1) for text in texts]
    if pa.types.is_date(found) or pa.types.is_time(found):
        return _list(array.cast(pa.string()))
    if pa.types.is_duration(found):
        return _list(array.cast(pa.int64()))
    if pa.types.is_decimal(found):
        return [None if value is None else str(value) for value in array.to_pylist()]
    return [msgspec.to_builtins(value) for value in array.to_pylist()]


def _list(array: pa.Array) -> list[Any]:
    values: list[Any] = array.to_pylist()
    return values
