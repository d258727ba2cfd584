"""What one entry of a catalog says about its stream: Airbyte's form, and Singer's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator.importers.notes import Path
from rivven_generator.importers.records import RecordNotes

_AIRBYTE: Final = frozenset(
    [
        "name",
        "namespace",
        "json_schema",
        "supported_sync_modes",
        "source_defined_cursor",
        "default_cursor_field",
        "source_defined_primary_key",
    ]
)
_CONFIGURED: Final = frozenset({"stream", "cursor_field", "primary_key"})
_SINGER: Final = frozenset(
    [
        "stream",
        "tap_stream_id",
        "schema",
        "metadata",
        "key_properties",
        "replication_key",
        "replication_method",
        "bookmark_properties",
    ]
)
_SINGER_METADATA: Final = frozenset(
    [
        "table-key-properties",
        "view-key-properties",
        "valid-replication-keys",
        "replication-key",
        "forced-replication-method",
        "replication-method",
        "schema-name",
    ]
)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One stream of a catalog."""

    at: Path
    names: list[str]
    """The name that is meant first, one that is unique last."""
    namespace: str
    schema_at: Path | None
    keys: list[list[str]]
    keys_at: Path
    cursors: list[list[str]]
    cursors_at: Path
    is_incremental: bool = True
    only_incremental: bool = False
    needs_cursor: bool = False


def airbyte_entry(listed: Mapping[str, Any], at: Path, notes: RecordNotes) -> Entry:
    """Return what an AirbyteStream says, or a ConfiguredAirbyteStream with the choices made in it."""
    is_configured = isinstance(listed.get("stream"), dict)
    stream = listed["stream"] if is_configured else listed
    inner: Path = (*at, "stream") if is_configured else at
    if is_configured:
        _note_others(listed, _CONFIGURED, at, notes)
    _note_others(stream, _AIRBYTE, inner, notes)
    keys, keys_at = _paths(stream.get("source_defined_primary_key")), "source_defined_primary_key"
    cursor, cursor_at = _path(stream.get("default_cursor_field")), "default_cursor_field"
    places: dict[str, Path] = {"keys": (*inner, keys_at), "cursor": (*inner, cursor_at)}
    if is_configured and _paths(listed.get("primary_key")):
        keys, places["keys"] = _paths(listed.get("primary_key")), (*at, "primary_key")
    if is_configured and _path(listed.get("cursor_field")):
        cursor, places["cursor"] = _path(listed.get("cursor_field")), (*at, "cursor_field")
    modes = stream.get("supported_sync_modes")
    known = modes if isinstance(modes, list) and modes else ["full_refresh", "incremental"]
    return Entry(
        at=at,
        names=_texts([stream.get("name")]),
        namespace=_text(stream.get("namespace")),
        schema_at=(*inner, "json_schema") if "json_schema" in stream else None,
        keys=keys,
        keys_at=places["keys"],
        cursors=[cursor] if cursor else [],
        cursors_at=places["cursor"],
        is_incremental="incremental" in known,
        only_incremental=known == ["incremental"],
        needs_cursor=isinstance(modes, list) and "incremental" in modes,
    )


def singer_entry(listed: Mapping[str, Any], at: Path, notes: RecordNotes) -> Entry:
    """Return what a Singer stream and its metadata say."""
    _note_others(listed, _SINGER, at, notes)
    root, root_at = _root_metadata(listed, at, notes)
    _note_others(root, _SINGER_METADATA, root_at, notes)
    keys, keys_at = _first(
        (root, root_at, "table-key-properties"),
        (listed, at, "key_properties"),
        (root, root_at, "view-key-properties"),
    )
    cursors, cursors_at = _first(
        (root, root_at, "replication-key"),
        (listed, at, "replication_key"),
        (root, root_at, "valid-replication-keys"),
        (listed, at, "bookmark_properties"),
    )
    forced = root.get("forced-replication-method")
    method = forced.get("replication-method") if isinstance(forced, dict) else forced
    method = method or root.get("replication-method") or listed.get("replication_method")
    if method == "LOG_BASED":
        notes.count("RVN874", "reading a database's log is decided by the connector's code", at)
    return Entry(
        at=at,
        names=_texts([listed.get("stream"), listed.get("tap_stream_id")]),
        namespace=_text(root.get("schema-name")),
        schema_at=(*at, "schema") if "schema" in listed else None,
        keys=[[key] for key in keys],
        keys_at=keys_at,
        cursors=[[cursor] for cursor in cursors],
        cursors_at=cursors_at,
        is_incremental=method != "FULL_TABLE" or not forced,
        needs_cursor=method == "INCREMENTAL",
    )


def _first(*places: tuple[Mapping[str, Any], Path, str]) -> tuple[list[str], Path]:
    """Return the first names that stand at one of the places, and which it was."""
    for holder, at, key in places:
        value = holder.get(key)
        found = _texts(value if isinstance(value, list) else [value])
        if found:
            return found, (*at, key)
    return [], places[0][1]


def _root_metadata(
    listed: Mapping[str, Any], at: Path, notes: RecordNotes
) -> tuple[Mapping[str, Any], Path]:
    """Return the metadata of the stream itself; that of its fields has no place in a manifest."""
    found: Mapping[str, Any] = {}
    found_at = at
    metadata = listed.get("metadata")
    for index, item in enumerate(metadata if isinstance(metadata, list) else ()):
        inner = item.get("metadata") if isinstance(item, dict) else None
        if not isinstance(inner, dict):
            continue
        if item.get("breadcrumb") in ([], None):
            found, found_at = inner, (*at, "metadata", index, "metadata")
        else:
            place = (*at, "metadata", index)
            notes.count("RVN874", "which fields are selected is decided by a pipeline", place)
    return found, found_at


def _note_others(
    holder: Mapping[str, Any], known: frozenset[str], at: Path, notes: RecordNotes
) -> None:
    for key in (key for key in holder if key not in known):
        shown = escape_text(key, limit=60)
        notes.count("RVN874", f"`{shown}` has no place in a manifest", (*at, key))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(values: list[Any]) -> list[str]:
    return list(dict.fromkeys(value for value in values if isinstance(value, str) and value))


def _path(value: Any) -> list[str]:
    return _texts(value) if isinstance(value, list) else []


def _paths(value: Any) -> list[list[str]]:
    return [path for path in map(_path, value if isinstance(value, list) else []) if path]
