"""Records made from a stream's record schema: the same ones in every run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from rivven_connect._catalog import Stream
from rivven_connect._json import Json, JsonObject
from rivven_connect._streams import value_at
from rivven_connect.testing.assertions import assert_matches_schema, canonical
from rivven_connect.testing.simulator._messages import CannotSimulate
from rivven_connect.testing.simulator._values import NoValue, SchemaValues

_VARIETY = 5
"""One record in so many has null where that is allowed, another leaves out what is optional."""


def make_records(stream: Stream, count: int) -> list[JsonObject]:
    """Return `count` records that fit the stream's schema.

    Primary keys are distinct. The cursor ascends, and two neighbours share a value unless it is
    part of the key.

    Raises:
        CannotSimulate: the schema asks for more than can be made up.
    """
    maker = _Maker(stream)
    try:
        records = [maker.record(number) for number in range(count)]
        assert_matches_schema(records, stream.json_schema)
    except (NoValue, AssertionError) as error:
        raise _refusal(stream, str(error)) from None
    keys = [tuple(path) for path in stream.source_defined_primary_key or []]
    if keys and len({canonical(key_of(one, keys)) for one in records}) < count:
        raise _refusal(stream, f"there are no {count} different primary keys")
    if (field := stream.default_cursor_field) and not _ascends([one.get(field) for one in records]):
        raise _refusal(stream, f"there are no ascending values of {field!r}")
    return records


def _refusal(stream: Stream, reason: str) -> CannotSimulate:
    name = stream.full_name()
    return CannotSimulate(
        f"no records can be made up for stream {name!r}: {reason}; add to tests/conftest.py: a "
        f'fixture `simulator(simulator)` that calls simulator.records("{name}", [...]) and returns '
        "simulator"
    )


def key_of(record: Mapping[str, Json], paths: Sequence[tuple[str, ...]]) -> list[Json]:
    """Return the values of the primary key."""
    return [value_at(record, path) for path in paths]


class _Maker:
    def __init__(self, stream: Stream) -> None:
        self._values = SchemaValues(stream.json_schema)
        self._keys = {path[0] for path in stream.source_defined_primary_key or [] if path}
        self._cursor = stream.default_cursor_field

    def record(self, number: int) -> JsonObject:
        """Return the record of a number from 0."""
        node = self._values.merged(self._values.root)
        properties: Mapping[str, Any] = node.get("properties", {})
        required = set(node.get("required", ()))
        named = {*self._keys, *([self._cursor] if self._cursor else [])}
        found: JsonObject = {}
        for name in dict.fromkeys([*properties, *sorted(required | named)]):
            raw = properties.get(name, {})
            if name in named:
                found[name] = self._values.value(raw, self._seed(name, number), name)
            elif name in required or number % _VARIETY != _VARIETY - 2:
                empty = number % _VARIETY == _VARIETY - 1
                found[name] = self._values.value(raw, number, name, prefers_null=empty)
        return found

    def _seed(self, name: str, number: int) -> int:
        """Two records share a cursor: that a source resumes at it, and not behind, shows only so."""
        return number // 2 if name == self._cursor and name not in self._keys else number


def _ascends(values: Sequence[Any]) -> bool:
    try:
        return all(first <= second for first, second in itertools.pairwise(values))
    except TypeError:
        return False
