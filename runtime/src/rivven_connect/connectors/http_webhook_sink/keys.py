"""Which records are of the same thing: those must not overtake each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self, TypeAlias

import msgspec

from rivven_connect import ConfiguredCatalog, EventBatch, Json, SourceEvent

Keys: TypeAlias = tuple[bytes, ...]
"""What a record is about: nothing known, one key, or two where an update has changed it."""

_encoder = msgspec.json.Encoder()
_MISSING = b"null"
"""Instead of a value that is not there; such records of a stream keep their order as well."""


class KeyReader:
    """Reads the primary keys of records, of the streams that have one."""

    def __init__(self, catalog: ConfiguredCatalog) -> None:
        self._paths: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._decoders: dict[str, msgspec.json.Decoder[msgspec.Struct]] = {}
        for chosen in catalog.streams:
            found = chosen.primary_key or chosen.stream.source_defined_primary_key
            if not found:
                continue
            name = chosen.stream.full_name()
            self._paths[name] = tuple(map(tuple, found))
            if all(len(path) == 1 for path in found):
                self._decoders[name] = _key_decoder([path[0] for path in found])

    @classmethod
    def of(cls, catalog: ConfiguredCatalog) -> Self | None:
        """Return a reader, or None where no stream has a primary key."""
        reader = cls(catalog)
        return reader if reader._paths else None

    def of_events(self, events: Sequence[SourceEvent]) -> list[Keys]:
        """Return the keys of each event."""
        return [self._of_event(event) for event in events]

    def of_batch(self, batch: EventBatch) -> Sequence[Keys] | None:
        """Return the keys of each record, read from its JSON; None where only its events say them."""
        name = batch.full_name()
        if name not in self._paths:
            return ((),) * len(batch)
        decoder = self._decoders.get(name)
        if decoder is None or batch.event_types is not None:
            return None
        try:
            found = decoder.decode_lines(batch.lines())
        except msgspec.ValidationError:
            return None  # not all of them are objects
        prefix = name.encode("utf-8", "surrogatepass") + b"\0"
        return [(prefix + b",".join(map(bytes, msgspec.structs.astuple(one))),) for one in found]

    def _of_event(self, event: SourceEvent) -> Keys:
        name = event.full_name()
        paths = self._paths.get(name)
        if paths is None:
            return ()
        after = _key(name, paths, event.before() if event.after() is None else event.after())
        before = event.before()
        if before is None or event.after() is None:
            return (after,)
        return (after, _key(name, paths, before))


def _key_decoder(fields: Sequence[str]) -> msgspec.json.Decoder[msgspec.Struct]:
    """Return what reads nothing but these fields of a line, as they stand there."""
    shape = msgspec.defstruct(
        "Key",
        [
            (f"field{place}", msgspec.Raw, msgspec.field(name=name, default=msgspec.Raw(_MISSING)))
            for place, name in enumerate(fields)
        ],
    )
    return msgspec.json.Decoder(shape)


def _key(name: str, paths: tuple[tuple[str, ...], ...], record: Json) -> bytes:
    values = [_encoder.encode(_value(record, path)) for path in paths]
    return name.encode("utf-8", "surrogatepass") + b"\0" + b",".join(values)


def _value(record: Json, path: tuple[str, ...]) -> Json:
    found = record
    for part in path:
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found
