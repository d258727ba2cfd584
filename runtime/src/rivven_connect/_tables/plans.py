"""What a sink learns of a stream before its first record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from rivven_connect._catalog import ConfiguredStream, DestinationSyncMode
from rivven_connect._errors import ConnectorError
from rivven_connect._json import Json, JsonObject


class StreamPlan(msgspec.Struct, frozen=True):
    """What a sink knows of a stream."""

    name: str
    bare_name: str
    namespace: str | None
    upserts: bool = False
    primary_key: tuple[tuple[str, ...], ...] = ()
    fields: Mapping[str, Json] = msgspec.field(default_factory=dict)
    """Declared field -> its JSON Schema."""

    @classmethod
    def of(cls, chosen: ConfiguredStream) -> StreamPlan:
        """Return the plan of a stream of the catalog.

        Raises:
            ConnectorError: it is to be overwritten.
        """
        stream, name = chosen.stream, chosen.stream.full_name()
        if chosen.destination_sync_mode is DestinationSyncMode.OVERWRITE:
            raise ConnectorError.configuration(
                f"this sink does not overwrite (stream {name!r}): a restart in the middle of a "
                "sync could lose rows; use mode append or upsert"
            )
        return cls(
            name,
            stream.name,
            stream.namespace,
            upserts=chosen.destination_sync_mode is DestinationSyncMode.APPEND_DEDUP,
            primary_key=tuple(map(tuple, chosen.primary_key or stream.source_defined_primary_key)),
            fields=_properties(stream.json_schema, chosen.fields),
        )

    def filled(self, template: str) -> str:
        """Return a template with what stands for the stream: `{stream}`, `{name}` and `{namespace}`."""
        return (
            template.replace("{stream}", "{0}")
            .replace("{name}", "{1}")
            .replace("{namespace}", "{2}")
            .format(self.name, self.bare_name, self.namespace or "")
        )


def _properties(schema: JsonObject, chosen: Sequence[str] | None) -> dict[str, Json]:
    """Return the declared properties of a record; `chosen` None means all."""
    declared = schema.get("properties")
    if not isinstance(declared, Mapping):
        return {}
    return {field: one for field, one in declared.items() if chosen is None or field in chosen}
