"""Which records are of the same thing: those must not overtake each other."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeAlias

import msgspec

from rivven_connect import ConfiguredCatalog, EventBatch, Json, SourceEvent

Path: TypeAlias = tuple[str, ...]

_encoder = msgspec.json.Encoder()
_Scalar = int | float | str | bool | None


class KeyReader:
    """Reads the primary keys of records, of the streams that have one.

    What has none, or is not known, shares its key with nothing. A field that is missing counts as
    null, so that such records of a stream keep their order as well.
    """

    def __init__(self, catalog: ConfiguredCatalog) -> None:
        self._paths: dict[str, tuple[Path, ...]] = {}
        self._columns: dict[str, _Columns] = {}
        for chosen in catalog.streams:
            found = chosen.primary_key or chosen.stream.source_defined_primary_key
            if not found:
                continue
            name = chosen.stream.full_name()
            self._paths[name] = tuple(map(tuple, found))
            if all(len(path) == 1 for path in found):
                self._columns[name] = _Columns([path[0] for path in found])

    @classmethod
    def of(cls, catalog: ConfiguredCatalog) -> Self | None:
        """Return a reader, or None where no stream has a primary key."""
        reader = cls(catalog)
        return reader if reader._paths else None

    def of_events(self, events: Sequence[SourceEvent]) -> list[Hashable]:
        """Return the key of each event, or a `Both` where an update may have changed it."""
        return [self._of_event(event) for event in events]

    def of_batches(self, batches: Sequence[EventBatch]) -> list[Hashable] | None:
        """Return the key of each record, read from its JSON; None where only its events say it."""
        names = [batch.full_name() for batch in batches]
        is_one_stream = len(set(names)) == 1
        keys: list[Hashable] = []
        for name, batch in zip(names, batches, strict=True):
            if name not in self._paths:
                keys += (object() for _ in range(len(batch)))
                continue
            columns = self._columns.get(name)
            if columns is None or batch.event_types is not None:
                return None
            try:
                found = columns.read(batch.lines())
            except msgspec.ValidationError:
                return None  # no object, or a key that is not a scalar
            keys += found if is_one_stream else ((name, key) for key in found)
        return keys

    def _of_event(self, event: SourceEvent) -> Hashable:
        name = event.full_name()
        paths = self._paths.get(name)
        if paths is None:
            return object()
        before, after = event.before(), event.after()
        if after is None:
            return _key(name, paths, before)
        key = _key(name, paths, after)
        return key if before is None else Both((key, _key(name, paths, before)))


class Both(tuple[Hashable, ...]):
    """The keys of an update, after and before."""

    __slots__ = ()


def distinct(keys: Iterable[Hashable]) -> set[Hashable]:
    """Return all keys, those of updates one by one."""
    found = set(keys)
    for key in [one for one in found if type(one) is Both]:
        found.discard(key)
        found.update(key)
    return found


class _Columns:
    """Reads nothing but some fields of JSON Lines."""

    def __init__(self, fields: Sequence[str]) -> None:
        names = [f"field{place}" for place in range(len(fields))]
        shape = msgspec.defstruct(
            "Key",
            [
                (name, _Scalar, msgspec.field(name=field, default=None))
                for name, field in zip(names, fields, strict=True)
            ],
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(shape)
        self._values: Callable[[Any], Hashable] = operator.attrgetter(*names)

    def read(self, lines: bytes) -> list[Hashable]:
        """Return of each line the field's value, or a tuple of several.

        Raises:
            msgspec.ValidationError: a line is no object, or a value no scalar.
        """
        return list(map(self._values, self._decoder.decode_lines(lines)))


def _key(name: str, paths: tuple[Path, ...], record: Json) -> Hashable:
    return (name, *(_encoder.encode(_value(record, path)) for path in paths))


def _value(record: Json, path: Path) -> Json:
    found = record
    for part in path:
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found
