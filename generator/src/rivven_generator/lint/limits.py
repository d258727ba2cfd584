"""How much a manifest may hold: asked first, because every other rule takes time for what there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rivven_connect.documents import Document, Limits, Problem
from rivven_generator.lint.subject import Path

FILE_LIMITS: Final = Limits(max_values=50_000, max_entries=5_000)
"""One file: the manifest, or a record schema beside it."""
MOST_RECORD_CHARACTERS: Final = 4 * 1024 * 1024
"""All record schemas in files of their own, together."""

_LONGEST_TEXT: Final = 65_536
_MOST_OBJECTS: Final = 5_000
_MOST_BRANCHES: Final = 200
_MOST_NAMES: Final = 20
"""In a rule: together, each of them is asked about each other one."""
_MOST: Final[Mapping[Path, int]] = {
    ("streams",): 1_000,
    ("tags",): 100,
    ("aliases",): 100,
    ("dependencies",): 100,
    ("checks",): 100,
    ("rules",): 100,
    ("tests", "valid"): 100,
    ("tests", "invalid"): 1_000,
    ("tests", "cases"): 1_000,
    ("tests", "simulate"): 1_000,
}
"""Where fewer are plenty."""


def of_manifest(document: Document) -> Iterator[Problem]:
    """No text is too long, and no list has more entries than its place has use for."""
    for path, value, text in _parts(document.value):
        if len(text) > _LONGEST_TEXT:
            yield _long(document, path, text)
        elif value is not None and len(value) > _most(path):
            yield _many(document, path, len(value))


def of_record_schema(document: Document) -> Iterator[Problem]:
    """No text is too long."""
    for path, _, text in _parts(document.value):
        if len(text) > _LONGEST_TEXT:
            yield _long(document, path, text)


def of_records(document: Document, value: Any) -> Iterator[Problem]:
    """The record schemas, in files or not, describe no more objects than a person would read."""
    schemas = [value for path, value, _ in _parts(value.get("streams")) if isinstance(value, dict)]
    count = sum(isinstance(schema.get("properties"), dict) for schema in schemas)
    if count > _MOST_OBJECTS:
        message = f"the record schemas describe {count} objects, more than {_MOST_OBJECTS}"
        yield document.problem("RVN218", message, ("streams",), key=True)


def _parts(root: Any) -> Iterator[tuple[Path, dict[str, Any] | list[Any] | None, str]]:
    """Yield every collection, and every text, keys included, with its path."""
    waiting: list[tuple[Path, Any]] = [((), root)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, None, value
        elif isinstance(value, dict):
            yield path, value, max(value, key=len, default="")
            waiting.extend(((*path, key), item) for key, item in value.items())
        elif isinstance(value, list):
            yield path, value, ""
            waiting.extend(((*path, index), item) for index, item in enumerate(value))


def _most(path: Path) -> int:
    if path[:1] == ("config",) and path[-1] == "oneOf":
        return _MOST_BRANCHES
    if path[:1] == ("rules",) and len(path) == 3:
        return _MOST_NAMES
    return _MOST.get(path, FILE_LIMITS.max_entries)


def _many(document: Document, path: Path, count: int) -> Problem:
    most = _most(path)
    if path == ("streams",):
        message = f"{count} streams are more than {most}"
        hint = "discover them at run time instead"
        return document.problem("RVN408", message, path, hint=hint)
    if path[-1] == "oneOf":
        message = f"a union of {count} branches has more than {most}"
        return document.problem("RVN327", message, path, key=True)
    return document.problem("RVN218", f"{count} entries are more than {most}", path)


def _long(document: Document, path: Path, text: str) -> Problem:
    message = f"a text of {len(text)} characters is longer than {_LONGEST_TEXT}"
    return document.problem("RVN218", message, path)
