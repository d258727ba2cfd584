"""The formats that `rivven import` reads."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from rivven_connect.documents import Document, InputError, Limits, Problem, load_document
from rivven_generator.importers.notes import Imported, Note
from rivven_generator.manifest import Kind

FOREIGN_LIMITS: Final = Limits(max_bytes=8 * 1024 * 1024, max_values=1_000_000, max_entries=10_000)
_IMPORTERS: Final = {
    "airbyte-spec": "airbyte:import_airbyte",
    "singer-settings": "singer:import_singer",
    "conduit": "conduit:import_conduit",
    "json-schema": "json_schema:import_json_schema",
    "openapi": "openapi:import_openapi",
}
_SMALLER: Final = {
    "openapi": "keep the `paths` that are to be read, and the schemas that they name, in a copy",
    "json-schema": "keep the properties that are needed, and the definitions that they name, in a copy",
}
"""Format -> how a file that is too large becomes a smaller one."""
_WRONG_FORMAT: Final = frozenset({"RVN840", "RVN890"})
FORMATS: Final = tuple(_IMPORTERS)
"""Names of the formats, as the command line takes them."""


class Importer(Protocol):
    """Makes a manifest of a document."""

    def __call__(
        self, document: Document, *, kind: Kind | None, name: str | None, closed: bool
    ) -> Imported:
        """Return the manifest; raise `InputError` where there can be none."""
        ...


def load_foreign(path: Path | str, format_name: str = "") -> Document:
    """Return a file that was not written for us, of at most 8 MiB.

    Raises:
        InputError: it cannot be read, or is too large; then with what to keep of such a file.
    """
    try:
        return load_document(path, limits=FOREIGN_LIMITS, foreign=True)
    except InputError as error:
        hint = _SMALLER.get(format_name, "keep the part of the file that is needed, in a copy")
        raise InputError(
            [
                dataclasses.replace(problem, hint=hint) if problem.code == "RVN102" else problem
                for problem in error.problems
            ]
        ) from error


def import_file(
    format_name: str,
    path: Path | str,
    *,
    kind: Kind | None = None,
    name: str | None = None,
    closed: bool = False,
) -> Imported:
    """Return the manifest that the file at `path` describes.

    Args:
        format_name: one of `FORMATS`.
        path: the file; it is read once, and nothing that it refers to is.
        kind: source, sink or transform; else what the file says, or source.
        name: name of the connector; else made from what the file says.
        closed: refuse undeclared properties where the file does not say.

    Raises:
        InputError: located problems; nothing can be imported.
    """
    module, _, function = _IMPORTERS[format_name].partition(":")
    importer: Importer = getattr(
        importlib.import_module(f"rivven_generator.importers.{module}"), function
    )
    document = load_foreign(path, format_name)
    try:
        return importer(document, kind=kind, name=name, closed=closed)
    except InputError as error:
        raise InputError(
            [_with_other_format(p, document, format_name) for p in error.problems]
        ) from error


def _with_other_format(problem: Problem, document: Document, format_name: str) -> Problem:
    """Return the problem; where the file looks like another format, with that as the fix."""
    likely = _likely_format(document.value)
    if problem.code not in _WRONG_FORMAT or likely in ("", format_name):
        return problem
    return dataclasses.replace(problem, hint=f"this looks like {likely}; import it as that")


def _likely_format(value: Mapping[str, Any]) -> str:
    keys = value.keys()
    if keys & {"openapi", "swagger"}:
        return "openapi"
    if keys & {"connectionSpecification", "connection_specification"}:
        return "airbyte-spec"
    if keys & {"settings", "plugins"}:
        return "singer-settings"
    if "specification" in keys:
        return "conduit"
    if "properties" in keys or "$schema" in keys:
        return "json-schema"
    spec = value.get("spec")
    return _likely_format(spec) if isinstance(spec, dict) else ""


def add_catalog(imported: Imported, path: Path | str) -> tuple[Imported, Sequence[Note]]:
    """Return the manifest with the streams of the catalog at `path`, and the notes about it.

    Raises:
        InputError: located problems; the file is no catalog.
    """
    from rivven_generator.importers.catalogs import import_streams  # noqa: PLC0415  # as above
    from rivven_generator.importers.manifest_streams import with_streams  # noqa: PLC0415

    streams, notes = import_streams(load_foreign(path), connector=imported.manifest["name"])
    return dataclasses.replace(imported, manifest=with_streams(imported.manifest, streams)), notes
