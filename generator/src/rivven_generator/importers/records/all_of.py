"""Schemas under `allOf` as one schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

Schema = dict[str, Any]

ANNOTATIONS: Final = frozenset(
    "title description default examples deprecated readOnly writeOnly $comment".split()  # noqa: SIM905
)
_FIRST: Final = ("title", "description", "type", "required", "properties", "additionalProperties")
_TOGETHER: Final = (
    ("if", "then", "else"),
    ("contains", "minContains", "maxContains"),
    ("prefixItems", "items", "unevaluatedItems"),
)
"""Keywords that mean something only together."""


def is_object(schema: Any) -> bool:
    """Return whether a schema evidently describes an object."""
    return isinstance(schema, dict) and (
        schema.get("type") == "object" or ("properties" in schema and "type" not in schema)
    )


def merged(parts: Sequence[Schema | bool]) -> Schema:
    """Return one schema that accepts every value that all `parts` accept.

    It accepts nothing else, unless a part was closed: then properties of the other parts are
    accepted as well. What cannot stand side by side stays under `allOf`. Annotations of the last
    part win, which is the one that the others are added to.
    """
    whole = _Merger()
    for part in parts:
        whole.take(part)
    return whole.result(parts)


class _Merger:
    def __init__(self) -> None:
        self._found: Schema = {}
        self._rest: list[Schema | bool] = []

    def take(self, part: Schema | bool) -> None:
        if isinstance(part, bool):
            if not part:
                self._rest.append(part)
            return
        grouped = {word for group in _TOGETHER for word in group}
        for group in _TOGETHER:
            self._take_group({word: part[word] for word in group if word in part}, group)
        for word, value in part.items():
            if word == "allOf":
                self._rest += value
            elif word not in grouped and word != "additionalProperties":
                self._take_keyword(word, value)

    def _take_group(self, own: Schema, group: Sequence[str]) -> None:
        if own and any(word in self._found for word in group):
            self._rest.append(own)
        else:
            self._found |= own

    def _take_keyword(self, word: str, value: Any) -> None:
        if word in ANNOTATIONS or word not in self._found:
            self._found[word] = value
            return
        before = self._found[word]
        if word == "properties":
            self._found[word] = _merged_properties(before, value)
        elif word == "required":
            self._found[word] = list(dict.fromkeys([*before, *value]))
        elif word == "type" and (kinds := _common_types(before, value)):
            self._found[word] = kinds[0] if len(kinds) == 1 else kinds
        elif not _same(before, value):
            self._rest.append({word: value})

    def result(self, parts: Sequence[Schema | bool]) -> Schema:
        mappings = [part for part in parts if isinstance(part, dict)]
        closed = [part for part in mappings if "additionalProperties" in part]
        others = [part for part in mappings if part.get("properties")]
        if len(closed) == 1 and all(part is closed[0] for part in others):
            self._found["additionalProperties"] = closed[0]["additionalProperties"]
        if self._rest:
            self._found["allOf"] = self._rest
        first = [word for word in _FIRST if word in self._found]
        return {word: self._found[word] for word in dict.fromkeys([*first, *self._found])}


def _merged_properties(before: Mapping[str, Any], after: Mapping[str, Any]) -> Schema:
    whole = dict(before)
    for name, schema in after.items():
        whole[name] = _both(whole[name], schema) if name in whole else schema
    return whole


def _both(one: Any, other: Any) -> Any:
    if _same(one, other) or other is True or other == {}:
        return one
    if one is True or one == {}:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        common = (one.keys() & other.keys()) - ANNOTATIONS
        apart = "$ref" not in one and "$ref" not in other and not (one.keys() & {"allOf"})
        if apart and all(_same(one[word], other[word]) for word in common):
            return {**one, **other} if _no_interplay(one, other) else {"allOf": [one, other]}
    return {"allOf": [one, other]}


def _no_interplay(one: Schema, other: Schema) -> bool:
    """Whether keywords of the one do not change what those of the other mean."""
    apart = one.keys() ^ other.keys()
    interplay = {word for group in _TOGETHER for word in group} | {
        "properties",
        "patternProperties",
        "additionalProperties",
        "unevaluatedProperties",
    }
    return apart.isdisjoint(interplay)


def _common_types(before: Any, after: Any) -> list[str]:
    one, other = _types(before), _types(after)
    narrow = {"integer"} if "number" in one and "integer" in other else set()
    narrow |= {"integer"} if "integer" in one and "number" in other else set()
    both = (set(one) & set(other)) | narrow
    return [kind for kind in dict.fromkeys([*one, *other]) if kind in both]


def _types(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; `true` and `1` are not."""
    waiting = [(one, other)]
    while waiting:
        left, right = waiting.pop()
        if isinstance(left, dict) and isinstance(right, dict):
            if left.keys() != right.keys():
                return False
            waiting += [(left[key], right[key]) for key in left]
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            waiting += zip(left, right, strict=True)
        elif isinstance(left, bool) is not isinstance(right, bool) or left != right:
            return False
    return True
