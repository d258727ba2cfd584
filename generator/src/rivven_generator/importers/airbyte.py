"""Airbyte: a connector's spec, alone, in a SPEC message, or in a low-code manifest.

Source: Airbyte Protocol, `ConnectorSpecification`.
"""

from __future__ import annotations

from typing import Any, Final

from rivven_connect.documents import Document, InputError
from rivven_generator.importers.config_schema import ConfigSchema
from rivven_generator.importers.finishing import finished
from rivven_generator.importers.metadata import connector_name, head, path_stem, web_address
from rivven_generator.importers.notes import Imported, Notes, Path
from rivven_generator.manifest import Kind

_SCHEMA_KEYS: Final = ("connectionSpecification", "connection_specification")
_WITHOUT_MEANING: Final = frozenset(
    {"changelogUrl", "protocol_version", "supportsNormalization", "supportsDBT", "type"}
)
_LOST: Final = frozenset({"advanced_auth", "authSpecification", "auth_specification"})


def import_airbyte(
    document: Document, *, kind: Kind | None = None, name: str | None = None, closed: bool = False
) -> Imported:
    """Return the manifest of an Airbyte connector.

    Raises:
        InputError: the file holds no `connectionSpecification`, or nothing that can be declared.
    """
    notes = Notes(document)
    spec, at = _specification(document)
    key = next(key for key in _SCHEMA_KEYS if key in spec)
    schema = ConfigSchema(document, (*at, key), notes, closed=closed)
    config = schema.convert()
    address = _address(spec)
    found_kind: Kind = kind or _kind(spec, address, str(document.path))
    title = spec[key].get("title")
    candidates = [name, address.rstrip("/").rpartition("/")[2], title, path_stem(document.path)]
    draft = head(
        found_kind,
        name or connector_name(candidates, (*at, key), notes),
        about={"description": config.get("description"), "documentation_url": address},
        notes=notes,
        at=(*at, key),
    )
    if spec.get("supportsIncremental") is True and found_kind == "source":
        draft["incremental"] = True
    _note_the_rest(spec, at, notes)
    draft["config"] = config
    if schema.rules:
        draft["rules"] = schema.rules
    return finished(draft, document, notes, schema.origins)


def _specification(document: Document) -> tuple[dict[str, Any], Path]:
    value = document.value
    for at in ((), ("spec",), ("spec", "spec")):
        found: Any = value
        for step in at:
            found = found.get(step) if isinstance(found, dict) else None
        if isinstance(found, dict) and any(isinstance(found.get(k), dict) for k in _SCHEMA_KEYS):
            return found, at
    hint = "this should be what `spec` of an Airbyte connector prints, or the file it comes from"
    raise InputError(
        [document.problem("RVN890", "there is no `connectionSpecification`", (), hint=hint)]
    )


def _address(spec: dict[str, Any]) -> str:
    return web_address(spec.get("documentationUrl") or spec.get("documentation_url"))


def _kind(spec: dict[str, Any], address: str, path: str) -> Kind:
    sinks = spec.keys() & {"supported_destination_sync_modes", "supportsNormalization"}
    named = any("destination" in text for text in (address, path.rpartition("/")[2]))
    return "sink" if sinks or named else "source"


def _note_the_rest(spec: dict[str, Any], at: Path, notes: Notes) -> None:
    for key in spec:
        if key in _WITHOUT_MEANING:
            notes.add("RVN804", f"`{key}` speaks to the platform only", (*at, key), key=True)
        elif key in _LOST:
            notes.add(
                "RVN830", f"the login flow in `{key}` is left to the author", (*at, key), key=True
            )
        elif key in ("supported_destination_sync_modes", "supported_sync_modes"):
            notes.add(
                "RVN804", "sync modes follow from streams and `delivery`", (*at, key), key=True
            )
