"""What the manifest declares about each stream, for the default `read` and for type checkers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from rivven_connect._batch import ArrowBatch, Page, Poison
from rivven_connect._catalog import ConfiguredStream, Stream, SyncMode
from rivven_connect._errors import ConnectorError
from rivven_connect._events import full_name
from rivven_connect._json import Json, JsonObject

R = TypeVar("R")

Rows: TypeAlias = R | list[R] | Page[R] | ArrowBatch | Poison
"""What one step of a hook may yield: a record, a list of them, a page, or one unreadable record."""

Records: TypeAlias = AsyncIterator[Rows[R]] | Iterator[Rows[R]]
"""What a `read_<stream>` hook returns."""


class StreamSpec(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """One declared stream; `R` is its record type.

    `primary_key` is a tuple of paths. `cursor_order` is `ascending` or `unordered`; only ascending
    streams have resume points inside a sync. `hook` is the method that reads it.
    """

    name: str
    hook: str
    namespace: str | None = None
    primary_key: tuple[tuple[str, ...], ...] = ()
    cursor: str | None = None
    cursor_order: str = "unordered"
    sync_modes: tuple[SyncMode, ...] = (SyncMode.FULL_REFRESH,)

    def rows(self, value: Any) -> list[R]:
        """Return untyped JSON as records of this stream: a list of them, or one.

        Nothing is copied or checked: it tells the type checker what the author knows.

        Raises:
            ConnectorError: the value is neither an object nor a list of objects.
        """
        found = value if isinstance(value, list) else [value]
        if not all(isinstance(row, dict) for row in found):
            raise ConnectorError.data(
                f"stream {self.name!r} expects an object or a list of objects"
            )
        return found

    def decode(self, raw: bytes | str) -> list[R]:
        """Return the records that a JSON text holds.

        Raises:
            ConnectorError: the text is not JSON, or neither an object nor a list of objects.
        """
        try:
            return self.rows(msgspec.json.decode(raw))
        except msgspec.DecodeError as error:
            raise ConnectorError.serialization(
                f"stream {self.name!r} got a text that is not JSON: {error}"
            ) from error

    def full_name(self) -> str:
        """Return `namespace.name`, or the name alone."""
        return full_name(self.name, self.namespace)

    @classmethod
    def of(cls, configured: ConfiguredStream) -> StreamSpec[JsonObject]:
        """Return what a catalog says of a stream that was found and not declared."""
        stream = configured.stream
        key = configured.primary_key or stream.source_defined_primary_key
        return StreamSpec(
            name=stream.name,
            hook="read_discovered",
            namespace=stream.namespace,
            primary_key=tuple(map(tuple, key)),
            cursor=configured.cursor_field or stream.default_cursor_field,
            cursor_order=stream.cursor_order,
            sync_modes=tuple(stream.supported_sync_modes),
        )

    def stream(self, schema: JsonObject) -> Stream:
        """Return the catalog entry, with its record schema."""
        return Stream(
            name=self.name,
            namespace=self.namespace,
            json_schema=schema,
            supported_sync_modes=list(self.sync_modes),
            default_cursor_field=self.cursor,
            cursor_order=self.cursor_order,
            source_defined_primary_key=[list(path) for path in self.primary_key],
        )


class StreamSet:
    """The declared streams of a source, one attribute each, in the manifest's order."""

    def __iter__(self) -> Iterator[StreamSpec[Any]]:
        return (value for value in vars(type(self)).values() if isinstance(value, StreamSpec))

    def find(self, name: str, namespace: str | None = None) -> StreamSpec[Any] | None:
        """Return the stream of that name, or None."""
        for spec in self:
            if (spec.name, spec.namespace) == (name, namespace):
                return spec
        return None


def value_at(record: Mapping[str, Json], path: tuple[str, ...]) -> Json:
    """Return the value at a path of keys, or None where there is none."""
    found: Json = record
    for key in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found
