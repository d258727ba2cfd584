"""Catalogs of Airbyte and Singer connectors as the streams of a manifest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from rivven_connect.documents import Document, InputError, escape_text
from rivven_generator.importers.catalog_entries import Entry, airbyte_entry, singer_entry
from rivven_generator.importers.manifest_streams import fitting
from rivven_generator.importers.notes import Note, Notes, Path
from rivven_generator.importers.record_fields import field_at, is_record
from rivven_generator.importers.records import Dialect, RecordNotes, RecordSchemas
from rivven_generator.importers.stream_names import StreamNames

_MOST_STREAMS: Final = 1_000


def import_streams(
    document: Document, *, connector: str = "imported"
) -> tuple[list[dict[str, Any]], list[Note]]:
    """Return the streams that a catalog lists, as a manifest writes them, and notes.

    Takes an AirbyteCatalog, a ConfiguredAirbyteCatalog, either of them in a CATALOG message, and
    the catalog of a Singer tap.

    Args:
        document: the catalog.
        connector: name of the connector; a stream's record type is not called like its classes.

    Raises:
        InputError: the file is no catalog.
    """
    notes = Notes(document)
    catalog = _Catalog(document, notes, StreamNames(connector))
    streams = catalog.streams(_list_at(document))
    return streams, notes.sorted()


def _list_at(document: Document) -> Path:
    """Return the place of the list of streams."""
    at: Path = ()
    value = document.value
    if value.get("type") == "CATALOG" and isinstance(value.get("catalog"), dict):
        at, value = ("catalog",), value["catalog"]
    if not isinstance(value.get("streams"), list):
        hint = "name what `tap --discover`, or the `discover` of an Airbyte connector, prints"
        problem = document.problem(
            "RVN870", "this is no catalog: no list of `streams`", at, hint=hint
        )
        raise InputError([problem])
    return (*at, "streams")


class _Catalog:
    def __init__(self, document: Document, notes: Notes, names: StreamNames) -> None:
        self._document = document
        self._notes = RecordNotes(notes)
        self._names = names
        self._seen: dict[tuple[str, str], Path] = {}

    def streams(self, at: Path) -> list[dict[str, Any]]:
        entries = [
            entry
            for index, listed in enumerate(_value(self._document, at))
            if (entry := self._entry(listed, (*at, index))) is not None
        ]
        made = [(entry, self._stream(entry)) for entry in entries[:_MOST_STREAMS]]
        fits = fitting([stream for _, stream in made])
        kept = []
        for (entry, stream), has_room in zip(made, fits, strict=True):
            if has_room:
                kept.append(stream)
            else:
                self._notes.add("RVN875", "the manifest would be too large with it", entry.at)
        for entry in entries[_MOST_STREAMS:]:
            self._notes.count("RVN875", f"more than {_MOST_STREAMS} streams", entry.at)
        self._notes.flush()
        return kept

    def _entry(self, listed: Any, at: Path) -> Entry | None:
        is_airbyte = isinstance(listed, dict) and (
            "json_schema" in listed or isinstance(listed.get("stream"), dict)
        )
        if not isinstance(listed, dict):
            self._notes.add("RVN875", "this entry is no stream", at)
            return None
        entry = (airbyte_entry if is_airbyte else singer_entry)(listed, at, self._notes)
        if not entry.names:
            self._notes.add("RVN875", "the stream has no name", at)
            return None
        identity = (entry.namespace, entry.names[-1])
        if identity in self._seen:
            line, _ = self._document.position(self._seen[identity])
            self._notes.add("RVN875", f"the stream stands in line {line} as well", at)
            return None
        self._seen[identity] = at
        return entry

    def _stream(self, entry: Entry) -> dict[str, Any]:
        name = self._names.take(entry.names)
        if name != entry.names[0]:
            shown = escape_text(entry.names[0], limit=60)
            self._notes.add("RVN871", f"the stream `{shown}` is called `{name}`", entry.at)
        schema = self._schema(entry)
        stream: dict[str, Any] = {"name": name}
        if entry.namespace:
            stream["namespace"] = entry.namespace
        keys = self._keys(entry, schema)
        cursor = self._cursor(entry, schema)
        if keys:
            stream["primary_key"] = [key[0] if len(key) == 1 else key for key in keys]
        if cursor:
            stream["cursor"] = cursor
            if entry.only_incremental:
                stream["sync_modes"] = ["incremental"]
        stream["schema"] = schema
        return stream

    def _schema(self, entry: Entry) -> dict[str, Any]:
        raw = None if entry.schema_at is None else _value(self._document, entry.schema_at)
        if entry.schema_at is not None and isinstance(raw, dict) and raw:
            draft = str(raw.get("$schema", ""))
            dialect = Dialect(ref_siblings=re.search("2019|2020", draft) is not None)
            schemas = RecordSchemas(
                self._document, self._notes, base=entry.schema_at, dialect=dialect
            )
            schema = schemas.record(entry.schema_at)
            if schema and is_record(schema):
                return schema
        reason = "the record schema is not that of an object; records may have any field"
        self._notes.add("RVN872", reason, entry.schema_at or entry.at)
        return {"type": "object"}

    def _keys(self, entry: Entry, schema: dict[str, Any]) -> list[list[str]]:
        """Return the primary key if the schema has all of its fields."""
        missing = [key for key in entry.keys if field_at(schema, key) is None and _lists(schema)]
        if missing:
            shown = escape_text(".".join(missing[0]), limit=60)
            reason = f"the primary key names `{shown}`, which the record schema does not have"
            self._notes.add("RVN873", reason, entry.keys_at)
            return []
        return [list(key) for key in dict.fromkeys(map(tuple, entry.keys))]

    def _cursor(self, entry: Entry, schema: dict[str, Any]) -> str:
        reason = ""
        if not entry.cursors:
            reason = (
                "read incrementally, by a cursor that is not named" if entry.needs_cursor else ""
            )
        elif len(entry.cursors) > 1:
            reason = "several fields could be the cursor"
        elif len(entry.cursors[0]) > 1:
            reason = "the cursor is a field inside of another"
        elif field_at(schema, entry.cursors[0]) is None and _lists(schema):
            shown = escape_text(entry.cursors[0][0], limit=60)
            reason = f"the cursor names `{shown}`, which the record schema does not have"
        elif not entry.is_incremental:
            reason = "the stream is never read incrementally; its cursor is left out"
        if reason:
            self._notes.add("RVN873", reason, entry.cursors_at)
            return ""
        return entry.cursors[0][0] if entry.cursors else ""


def _lists(schema: dict[str, Any]) -> bool:
    """Return whether the schema says which fields there are."""
    return "properties" in schema or "$ref" in schema


def _value(document: Document, at: Sequence[str | int]) -> Any:
    node: Any = document.value
    for step in at:
        node = node[step]
    return node
