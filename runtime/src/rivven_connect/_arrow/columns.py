"""Records to Arrow columns, and which records do not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from rivven_connect._arrow.leaves import JSON_KINDS, Unfit, json_texts, leaf, plain, scalar_type
from rivven_connect._arrow.schema import is_json_text, json_field
from rivven_connect._errors import ErrorKind, RecordError
from rivven_connect._json import Json
from rivven_connect._problems import escape_text

_MOST_KEYS = 256
"""Objects that have more keys than that between them are maps: a column a key would be absurd."""

_DEEPEST = 32  # levels that are inferred; what is below is kept as JSON


class Misfits(RecordError):
    """Some records have no place in the columns; `reasons` says which, by index, and why."""

    kind = ErrorKind.SCHEMA

    def __init__(self, reasons: Mapping[int, str]) -> None:
        index, reason = next(iter(reasons.items()))
        super().__init__(f"{len(reasons)} records do not fit; record {index}: {reason}")
        self.reasons = dict(reasons)


def to_arrow(records: Sequence[Json], schema: pa.Schema | None = None) -> pa.RecordBatch:
    """Return the records as columns: those of `schema`, then those that it does not declare.

    Args:
        records: in their order, each a row.
        schema: types of the fields that it names; those of the others are inferred.

    Raises:
        Misfits: records that do not fit, each with its reason. Nothing is ever cut or rounded to fit.
    """
    batch, reasons = fit(records, schema)
    if reasons:
        raise Misfits(reasons)
    return batch


def fit(
    records: Sequence[Json], schema: pa.Schema | None = None
) -> tuple[pa.RecordBatch, dict[int, str]]:
    """Return the records that fit, as `to_arrow` does, and why each of the others does not, by index."""
    reasons = {
        index: f"the record is {_article(record)}, not an object"
        for index, record in enumerate(records)
        if not isinstance(record, dict)
    }
    left = [index for index in range(len(records)) if index not in reasons]
    declared = list(schema) if schema is not None else []
    while True:
        try:
            fields, arrays = _children([records[index] for index in left], declared, "", 0)
        except Unfit as unfit:
            reasons |= {left[at]: reason for at, reason in unfit.reasons.items()}
            left = [index for at, index in enumerate(left) if at not in unfit.reasons]
            continue
        if left and not fields:
            reasons |= dict.fromkeys(left, "the record is empty, and its stream declares no field")
        batch = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
        return batch, dict(sorted(reasons.items()))


def _children(
    objects: list[Any], declared: Sequence[pa.Field], path: str, depth: int
) -> tuple[list[pa.Field], list[pa.Array]]:
    """Return a column for each declared field and each other key; an object may be None."""
    known = {field.name for field in declared}
    keys = dict.fromkeys(chain.from_iterable(filter(None, objects)))
    others = [key for key in keys if key not in known]
    unfit: dict[int, str] = {}
    if bad := {key for key in others if not _is_name(key)}:
        unfit = {
            at: f"{path}a key is no text in UTF-8"
            for at, one in enumerate(objects)
            if one and not bad.isdisjoint(one)
        }
    fields: list[pa.Field] = []
    arrays: list[pa.Array] = []
    wanted = [(field.name, field) for field in declared]
    wanted += [(key, None) for key in others if key not in bad]
    for name, field in wanted:
        values = [one.get(name) if one else None for one in objects]
        try:
            found, array = _column(name, values, field, path + escape_text(name, limit=60), depth)
        except Unfit as error:
            unfit |= error.reasons
            continue
        fields.append(found)
        arrays.append(array)
    if unfit:
        raise Unfit(unfit)
    return fields, arrays


def _column(
    name: str, values: list[Any], field: pa.Field | None, path: str, depth: int
) -> tuple[pa.Field, pa.Array]:
    """Return the field that the values need and the column; without `field` it is inferred."""
    kinds = set(map(type, values))
    if not kinds <= JSON_KINDS:
        values = plain(values, path)
        kinds = set(map(type, values))
    if field is None:
        return _inferred(name, values, kinds, path, depth)
    if is_json_text(field):
        return field, json_texts(values, path)
    if pa.types.is_struct(field.type) and kinds <= {dict, type(None)}:
        return _struct(field, values, list(field.type), path, depth)
    if pa.types.is_list(field.type) and kinds <= {list, type(None)}:
        return _list(field, values, field.type.value_field, path, depth)
    return field, leaf(values, field.type, path)


def _inferred(
    name: str, values: list[Any], kinds: set[type], path: str, depth: int
) -> tuple[pa.Field, pa.Array]:
    kinds = kinds - {type(None)}
    if depth < _DEEPEST:
        if kinds == {list}:
            return _list(pa.field(name, pa.null()), values, None, path, depth)
        if kinds == {dict} and _is_record(values):
            return _struct(pa.field(name, pa.null()), values, [], path, depth)
    found = scalar_type(values, kinds)
    if found is None:
        return json_field(name), json_texts(values, path)
    return pa.field(name, found), leaf(values, found, path)


def _is_record(values: list[Any]) -> bool:
    """Whether the objects have few keys, all of them texts, hence make a struct."""
    keys = set(chain.from_iterable(filter(None, values)))
    return 0 < len(keys) <= _MOST_KEYS and all(map(_is_name, keys))


def _struct(
    field: pa.Field, values: list[Any], declared: Sequence[pa.Field], path: str, depth: int
) -> tuple[pa.Field, pa.Array]:
    fields, arrays = _children(values, declared, f"{path}.", depth + 1)
    missing = pa.array([value is None for value in values], pa.bool_())
    array = pa.StructArray.from_arrays(arrays, fields=fields, mask=missing)
    return field.with_type(array.type), array


def _list(
    field: pa.Field, values: list[Any], declared: pa.Field | None, path: str, depth: int
) -> tuple[pa.Field, pa.Array]:
    offsets, elements, owners = [0], [], []
    for at, value in enumerate(values):
        if value:
            elements += value
            owners += [at] * len(value)
        offsets.append(len(elements))
    name = declared.name if declared is not None else "element"
    try:
        inner, array = _column(name, elements, declared, f"{path}[]", depth + 1)
    except Unfit as unfit:
        raise Unfit({owners[at]: reason for at, reason in unfit.reasons.items()}) from None
    found = pa.list_(inner)
    missing = pa.array([value is None for value in values], pa.bool_())
    starts = pa.array(offsets, pa.int32())
    return field.with_type(found), pa.ListArray.from_arrays(starts, array, type=found, mask=missing)


def _is_name(key: Any) -> bool:
    if not isinstance(key, str):
        return False
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _article(value: Json) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
