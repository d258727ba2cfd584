"""What a source offers, and what of it a pipeline chose."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Self

import msgspec

from rivven_connect._errors import ConnectorError
from rivven_connect._events import full_name
from rivven_connect._json import Json, JsonObject


class SyncMode(enum.StrEnum):
    """How a stream is read."""

    FULL_REFRESH = "full_refresh"
    INCREMENTAL = "incremental"


class DestinationSyncMode(enum.StrEnum):
    """How a stream is written."""

    APPEND = "append"
    OVERWRITE = "overwrite"
    APPEND_DEDUP = "append_dedup"


class Stream(msgspec.Struct, kw_only=True):
    """One stream that a source offers.

    `source_defined_primary_key` is a list of paths, each a list of keys.
    """

    name: str
    namespace: str | None = None
    json_schema: JsonObject = {}
    supported_sync_modes: list[SyncMode] = msgspec.field(
        default_factory=lambda: [SyncMode.FULL_REFRESH]
    )
    default_cursor_field: str | None = None
    cursor_order: str = "unordered"
    source_defined_primary_key: list[list[str]] = []
    metadata: JsonObject = {}

    def full_name(self) -> str:
        """Return `namespace.name`, or the name alone."""
        return full_name(self.name, self.namespace)


class Catalog(msgspec.Struct):
    """Everything that a source offers."""

    streams: list[Stream] = []

    @classmethod
    def new(cls) -> Self:
        """Return an empty catalog."""
        return cls()

    @classmethod
    def default(cls) -> Self:
        """Return an empty catalog, under the guide's name."""
        return cls()

    @classmethod
    def single_stream(cls, stream: Stream) -> Self:
        """Return a catalog of one stream."""
        return cls([stream])

    def add_stream(self, stream: Stream) -> Self:
        """Add a stream and return the catalog."""
        self.streams.append(stream)
        return self

    def find_stream(self, name: str, namespace: str | None = None) -> Stream | None:
        """Return the stream of that name, or None; without a namespace, the first of the name."""
        for stream in self.streams:
            if stream.name == name and namespace in (None, stream.namespace):
                return stream
        return None


class ConfiguredStream(msgspec.Struct, kw_only=True):
    """One stream as a pipeline wants it read; `fields` None means all of them."""

    stream: Stream
    sync_mode: SyncMode = SyncMode.FULL_REFRESH
    destination_sync_mode: DestinationSyncMode = DestinationSyncMode.APPEND
    cursor_field: str | None = None
    primary_key: list[list[str]] = []
    fields: list[str] | None = None

    @classmethod
    def from_stream(cls, stream: Stream, *, mode: SyncMode | str | None = None) -> Self:
        """Return the stream in `mode`, by default the first mode that it supports.

        Raises:
            ConnectorError: the stream does not support the mode.
        """
        chosen = SyncMode(mode) if mode else stream.supported_sync_modes[0]
        if chosen not in stream.supported_sync_modes:
            offered = ", ".join(stream.supported_sync_modes)
            raise ConnectorError.configuration(
                f"stream {stream.full_name()!r} cannot be read as {chosen}; it offers {offered}"
            )
        return cls(
            stream=stream,
            sync_mode=chosen,
            cursor_field=stream.default_cursor_field,
            primary_key=stream.source_defined_primary_key,
        )


class ConfiguredCatalog(msgspec.Struct):
    """The streams that a pipeline chose."""

    streams: list[ConfiguredStream] = []

    @classmethod
    def from_catalog(cls, catalog: Catalog, modes: Mapping[str, SyncMode] | None = None) -> Self:
        """Return all streams of `catalog`, each in its named mode or its first one."""
        chosen = modes or {}
        return cls(
            [
                ConfiguredStream.from_stream(stream, mode=chosen.get(stream.name))
                for stream in catalog.streams
            ]
        )

    def find_stream(self, name: str, namespace: str | None = None) -> ConfiguredStream | None:
        """Return the chosen stream of that name, or None."""
        for chosen in self.streams:
            if chosen.stream.name == name and namespace in (None, chosen.stream.namespace):
                return chosen
        return None


def catalog_from_json(value: Json) -> Catalog:
    """Return the catalog that plain JSON describes.

    Raises:
        msgspec.ValidationError: the JSON is not a catalog.
    """
    return msgspec.convert(value, Catalog)
