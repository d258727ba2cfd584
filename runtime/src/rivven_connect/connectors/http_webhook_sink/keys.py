"""Which records are of the same thing: those must not overtake each other."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Self, TypeAlias

import msgspec

from rivven_connect import ConfiguredCatalog, EventBatch, Json, SourceEvent

Path: TypeAlias = tuple[str, ...]

_encoder = msgspec.json.Encoder()
_PLAIN = frozenset({int, str, bool, type(None)})
"""Types of values that are equal where their JSON is: a NaN is null, and a date is a text."""


class KeyReader:
    """Reads the primary keys of records, of the streams that have one.

    What has none, or is not known, shares its key with nothing. A field that is missing counts as
    null, so that such records of a stream keep their order as well.
    """

    def __init__(self, catalog: ConfiguredCatalog) -> None:
        self._paths: dict[str, tuple[Path, ...]] = {}
        self.fields: dict[str, list[str]] = {}
        """The fields of each key that is made of fields of the record itself, by stream."""
        for chosen in catalog.streams:
            found = chosen.primary_key or chosen.stream.source_defined_primary_key
            if not found:
                continue
            name = chosen.stream.full_name()
            self._paths[name] = tuple(map(tuple, found))
            if all(len(path) == 1 for path in found):
                self.fields[name] = [path[0] for path in found]

    @classmethod
    def of(cls, catalog: ConfiguredCatalog) -> Self | None:
        """Return a reader, or None where no stream has a primary key."""
        reader = cls(catalog)
        return reader if reader._paths else None

    def of_events(self, events: Sequence[SourceEvent]) -> list[Hashable]:
        """Return the key of each event, or a `Both` where an update may have changed it."""
        return [self._of_event(event) for event in events]

    def of_batches(self, batches: Sequence[EventBatch]) -> list[Hashable] | None:
        """Return the key of each record, as its batch tells it; None where only its event does."""
        names = [batch.full_name() for batch in batches]
        is_one_stream = len(set(names)) == 1
        keys: list[Hashable] = []
        for name, batch in zip(names, batches, strict=True):
            if name not in self._paths:
                keys += (object() for _ in range(len(batch)))
                continue
            fields = self.fields.get(name)
            if fields is None or batch.event_types is not None:
                return None
            columns = [batch.values(field) for field in fields]
            if not _PLAIN.issuperset(kind for column in columns for kind in set(map(type, column))):
                return None
            found = columns[0] if len(columns) == 1 else zip(*columns, strict=True)
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


def are_distinct(keys: Sequence[Hashable]) -> bool:
    """Whether no key is there twice."""
    return len(set(keys)) == len(keys)


def _key(name: str, paths: tuple[Path, ...], record: Json) -> Hashable:
    return (name, *(_encoder.encode(_value(record, path)) for path in paths))


def _value(record: Json, path: Path) -> Json:
    found = record
    for part in path:
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found
