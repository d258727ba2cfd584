"""An API's description as the manifest of a connector."""

from __future__ import annotations

from typing import Any

from rivven_connect.documents import Document
from rivven_generator.importers.finishing import finished
from rivven_generator.importers.manifest_streams import fitting, with_streams
from rivven_generator.importers.metadata import connector_name, head, path_stem
from rivven_generator.importers.notes import Imported, Notes
from rivven_generator.importers.openapi.about import about
from rivven_generator.importers.openapi.api import Api
from rivven_generator.importers.openapi.parameters import add_parameters
from rivven_generator.importers.openapi.properties import Properties
from rivven_generator.importers.openapi.security import add_security, key_names
from rivven_generator.importers.openapi.servers import add_servers
from rivven_generator.importers.openapi.streams import ListOperation, list_operations, stream_of
from rivven_generator.manifest import Kind


def import_openapi(
    document: Document, *, kind: Kind | None = None, name: str | None = None, closed: bool = False
) -> Imported:
    """Return the manifest of a connector to the API: its address, credentials and, of a source, lists.

    `closed` changes nothing: the config is closed in any case, and records stay open.

    Raises:
        InputError: the file is no OpenAPI document.
    """
    notes = Notes(document)
    api = Api(document, notes)
    candidates: list[object] = [api.text(("info",), "title"), path_stem(document.path)]
    name = name or connector_name(candidates, ("info", "title"), notes)
    kind = kind or "source"
    draft = head(kind, name, about=about(api), notes=notes, at=("info",))
    operations = list_operations(api, name) if kind == "source" else []
    properties, rules = _config(api, notes, operations)
    draft["config"] = properties.config()
    if rules:
        draft["rules"] = rules
    streams = _streams(api, operations)
    api.notes.flush()
    return finished(with_streams(draft, streams), document, notes, properties.origins)


def _config(
    api: Api, notes: Notes, operations: list[ListOperation]
) -> tuple[Properties, list[Any]]:
    properties = Properties(notes)
    places = [operation.at for operation in operations]
    add_servers(api, properties)
    rules = add_security(api, properties, places)
    listed = [(operation.name, operation.at) for operation in operations]
    add_parameters(api, properties, listed, key_names(api))
    return properties, rules


def _streams(api: Api, operations: list[ListOperation]) -> list[dict[str, Any]]:
    """Return the streams that fit into a manifest."""
    made = [(operation, stream_of(api, operation)) for operation in operations]
    streams = [(operation, stream) for operation, stream in made if stream is not None]
    kept = []
    fits = fitting([stream for _, stream in streams])
    for (operation, stream), has_room in zip(streams, fits, strict=True):
        if has_room:
            kept.append(stream)
        else:
            reason = f"the manifest would be too large; the stream `{operation.name}` is left out"
            api.notes.add("RVN859", reason, operation.at, key=True)
    return kept
