"""What differs between two schemas of one stream, and whether old and new records fit together."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import msgspec

from rivven_connect._json import JsonObject

_ANY = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


class ChangeKind(enum.StrEnum):
    """What happened to a field; a rename is a drop and an addition."""

    ADDED = "added"
    DROPPED = "dropped"
    WIDENED = "widened"
    NARROWED = "narrowed"
    CHANGED = "changed"


class FieldChange(msgspec.Struct, frozen=True):
    """One field that is not as it was; `path` is dotted."""

    path: str
    kind: ChangeKind

    @property
    def fits(self) -> bool:
        """Whether a place that took the old records takes the new ones, at most with a new column."""
        return self.kind in {ChangeKind.ADDED, ChangeKind.DROPPED, ChangeKind.WIDENED}

    def __str__(self) -> str:
        return f"{self.path} {self.kind}"


def compare(old: JsonObject, new: JsonObject) -> list[FieldChange]:
    """Return how the fields of `new` differ from those of `old`."""
    return list(_fields(old, new, ""))


def _fields(old: JsonObject, new: JsonObject, prefix: str) -> Iterator[FieldChange]:
    before, after = _properties(old), _properties(new)
    for name in before.keys() - after.keys():
        yield FieldChange(f"{prefix}{name}", ChangeKind.DROPPED)
    for name, schema in after.items():
        path = f"{prefix}{name}"
        if name not in before:
            yield FieldChange(path, ChangeKind.ADDED)
            continue
        kind = _types_changed(_types(before[name]), _types(schema))
        if kind is not None:
            yield FieldChange(path, kind)
        yield from _fields(before[name], schema, f"{path}.")


def _types_changed(old: frozenset[str], new: frozenset[str]) -> ChangeKind | None:
    if old == new:
        return None
    if old <= new:
        return ChangeKind.WIDENED
    return ChangeKind.NARROWED if new <= old else ChangeKind.CHANGED


def _properties(schema: Any) -> dict[str, Any]:
    found = schema.get("properties") if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else {}


def _types(schema: Any) -> frozenset[str]:
    """Return the types that a schema allows; a number may be an integer."""
    given = schema.get("type") if isinstance(schema, dict) else None
    if given is None:
        return _ANY
    types = frozenset([given] if isinstance(given, str) else map(str, given))
    return types | {"integer"} if "number" in types else types
