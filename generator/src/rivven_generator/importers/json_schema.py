"""A config schema alone: JSON Schema, draft 4 to 2020-12, as most tools write it.

Estuary's connectors print theirs as `configSchema`; the Singer SDK as `settings`; ours as
`config_schema`. A file that wraps it in one of these words is taken as well.
"""

from __future__ import annotations

from typing import Any, Final

from rivven_connect.documents import Document, InputError, escape_text
from rivven_generator.importers.config_schema import ConfigSchema
from rivven_generator.importers.finishing import finished
from rivven_generator.importers.metadata import connector_name, head, path_stem
from rivven_generator.importers.notes import Imported, Notes, Path
from rivven_generator.manifest import Kind

_WRAPPERS: Final = ("config_schema", "configSchema", "config_schema_json", "schema", "settings")
_ABOUT: Final = (
    "documentation_url",
    "documentationUrl",
    "description",
    "version",
    "name",
    "connector_type",
)
_SCHEMA_WORDS: Final = frozenset(
    {"properties", "oneOf", "anyOf", "allOf", "$ref", "type", "$schema"}
)


def import_json_schema(
    document: Document, *, kind: Kind | None = None, name: str | None = None, closed: bool = False
) -> Imported:
    """Return a manifest whose config is what the schema describes.

    Raises:
        InputError: the file is no JSON Schema of an object, or nothing in it can be declared.
    """
    notes = Notes(document)
    at = _schema_at(document)
    schema = ConfigSchema(document, at, notes, closed=closed)
    config = schema.convert()
    wrapper = document.value if at else {}
    for key in wrapper.keys() - {*at, *_ABOUT}:
        notes.add("RVN830", f"`{escape_text(key, limit=60)}` was left out", (key,), key=True)
    candidates = [
        wrapper.get("connector_type"),
        wrapper.get("name"),
        config.get("title"),
        path_stem(document.path),
    ]
    draft = head(
        kind or "source",
        name or connector_name(candidates, at, notes),
        about={"description": config.get("description"), **_about(wrapper)},
        notes=notes,
        at=at,
    )
    draft["config"] = config
    if schema.rules:
        draft["rules"] = schema.rules
    return finished(draft, document, notes, schema.origins)


def _about(wrapper: dict[str, Any]) -> dict[str, Any]:
    found = {key: wrapper[key] for key in ("description", "version") if wrapper.get(key)}
    address = wrapper.get("documentation_url") or wrapper.get("documentationUrl")
    return {**found, "documentation_url": address}


def _schema_at(document: Document) -> Path:
    """Return where the schema stands: at the top, or below a word that wraps it."""
    value: dict[str, Any] = document.value
    if not value.keys().isdisjoint(_SCHEMA_WORDS):
        return ()
    for word in _WRAPPERS:
        inner = value.get(word)
        if isinstance(inner, dict) and not inner.keys().isdisjoint(_SCHEMA_WORDS):
            return (word,)
    hint = "a schema has `type: object` and `properties` at its top"
    raise InputError([document.problem("RVN890", "this is no JSON Schema", (), hint=hint)])
