"""Text -> manifest: reads `connector.yaml` and the record schemas beside it, and lints them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import msgspec.structs

from rivven_connect.documents import Document, InputError, Problem, load_document
from rivven_generator.fixes import with_fix
from rivven_generator.lint import MOST_PER_RULE, limits, lint
from rivven_generator.lint.subject import Subject
from rivven_generator.manifest import Manifest
from rivven_generator.structure import check_structure

MANIFEST_FILE = "connector.yaml"

_MOST_PROBLEMS = 100
_SCHEMA_SUFFIXES = (".json", ".yaml", ".yml")


class LoadedManifest(msgspec.Struct, frozen=True):
    """A manifest that passed every rule, and where each part of it was written."""

    manifest: Manifest
    document: Document
    record_schemas: Mapping[str, Document]
    """The files that streams name as their schema, by stream."""
    warnings: Sequence[Problem]


def load_manifest(path: Path | str) -> LoadedManifest:
    """Return the manifest at `path`, a file or the folder of `connector.yaml`.

    Imports nothing of the connector and opens no connection. Raises `InputError` with all errors,
    sorted by place.
    """
    path = Path(path)
    document = load_document(
        path / MANIFEST_FILE if path.is_dir() else path, limits=limits.FILE_LIMITS
    )
    return check_manifest(document)


def check_manifest(document: Document, *, most_per_rule: int = MOST_PER_RULE) -> LoadedManifest:
    """Return the manifest that `document` holds.

    Record schemas that it names are read from beside the document's path. Raises `InputError` with
    the errors, the first `most_per_rule` of each rule, sorted by place.
    """
    _require(limits.of_manifest(document))
    value, files, problems = _with_record_schemas(document)
    _require(limits.of_records(document, value))
    manifest, found = check_structure(document, value)
    problems += found
    problems += lint(
        document,
        value,
        manifest,
        _record_subjects(document, value, files),
        most_per_rule=most_per_rule,
    )
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors or manifest is None:
        raise InputError(_sorted(errors, document))
    by_name = {manifest.streams[index].name: file for index, file in files.items()}
    warnings = _sorted([p for p in problems if p.severity == "warning"], document)
    return LoadedManifest(manifest, document, by_name, warnings)


def _require(problems: Iterable[Problem]) -> None:
    """Return if there are none; what is too large is not looked at further."""
    found = [with_fix(problem) for problem in islice(problems, _MOST_PROBLEMS)]
    if found:
        raise InputError(found)


def _sorted(problems: Sequence[Problem], document: Document) -> list[Problem]:
    """By place, the manifest's own problems before those of other files; each only once."""
    unique = dict.fromkeys(map(with_fix, problems))
    return sorted(
        unique, key=lambda p: (p.path != document.path, str(p.path), p.line, p.column, p.code)
    )


def _with_record_schemas(document: Document) -> tuple[Any, dict[int, Document], list[Problem]]:
    """Return the manifest's value with schema files in place of their names; files by stream."""
    streams = document.value.get("streams")
    if not isinstance(streams, list):
        return document.value, {}, []
    files: dict[int, Document] = {}
    problems: list[Problem] = []
    loaded: list[Any] = []
    room = limits.MOST_RECORD_CHARACTERS
    for index, stream in enumerate(streams):
        name = stream.get("schema") if isinstance(stream, dict) else None
        if not isinstance(name, str):
            loaded.append(stream)
            continue
        try:
            files[index] = _load_record_schema(document, index, name)
            loaded.append({**stream, "schema": files[index].value})
        except InputError as error:
            problems += error.problems
            loaded.append({**stream, "schema": {}})
        room -= len(files[index].text) if index in files else 0
        if room < 0:
            _refuse_more(document, index)
    return {**document.value, "streams": loaded}, files, problems


def _load_record_schema(document: Document, index: int, name: str) -> Document:
    """Return the schema file, which lies below the manifest's folder after links are followed."""
    folder = os.path.realpath(Path(document.path).parent)
    reason = ""
    if not name or "\x00" in name or "\\" in name or "%" in name or ":" in name:
        reason = "must be a plain relative path, with `/` between folders"
    elif name.startswith(("/", "~")) or ".." in name.split("/"):
        reason = "must lie below the manifest's folder"
    elif not name.endswith(_SCHEMA_SUFFIXES) or any(p.startswith(".") for p in name.split("/")):
        # `rivven new` copies it: it must become no code, no workflow and no settings of a tool.
        reason = "must be called .json, .yaml or .yml, and neither it nor its folder be hidden"
    else:
        target = os.path.realpath(os.path.join(folder, name))
        if os.path.commonpath([folder, target]) != folder:
            reason = "leads out of the manifest's folder"
        elif not os.path.isfile(target):
            reason = "does not exist" if not os.path.exists(target) else "is not a regular file"
    if reason:
        raise InputError(
            [document.problem("RVN404", f"the schema file {reason}", ("streams", index, "schema"))]
        )
    loaded = load_document(target, limits=limits.FILE_LIMITS)
    loaded = msgspec.structs.replace(loaded, path=Path(document.path).parent / name)
    _require(limits.of_record_schema(loaded))
    return loaded


def _refuse_more(document: Document, index: int) -> NoReturn:
    message = f"the schema files have more than {limits.MOST_RECORD_CHARACTERS} characters together"
    raise InputError([with_fix(document.problem("RVN218", message, ("streams", index, "schema")))])


def _record_subjects(
    document: Document, value: Any, files: Mapping[int, Document]
) -> dict[int, Subject]:
    """Return, by stream, the record schema and where its parts are written."""
    streams = value.get("streams")
    subjects: dict[int, Subject] = {}
    for index, stream in enumerate(streams if isinstance(streams, list) else ()):
        schema = stream.get("schema") if isinstance(stream, dict) else None
        if index in files:
            subjects[index] = Subject(files[index], (), files[index].value)
        elif isinstance(schema, dict) and isinstance(
            document.value["streams"][index].get("schema"), dict
        ):
            subjects[index] = Subject(document, ("streams", index, "schema"), schema)
    return subjects
