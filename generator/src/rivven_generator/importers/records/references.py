"""References inside one document: where they lead, and schemas that contain themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from rivven_connect.documents import Document, split_pointer
from rivven_generator.importers.notes import Path
from rivven_generator.importers.records.all_of import ANNOTATIONS
from rivven_generator.importers.records.vocabulary import KEYWORDS

_LONGEST_CHAIN: Final = 32
_IN_PLACE: Final = ("allOf", "anyOf", "oneOf")
_IN_PLACE_ONE: Final = ("not", "if", "then", "else")


class References:
    """Follows references of the form `#/...`; all others lead nowhere, and nothing is fetched."""

    def __init__(self, document: Document, base: Path = (), *, siblings: bool = False) -> None:
        """Take `base` as the place that `#` stands for; `siblings` of a `$ref` may have an effect."""
        self._siblings = siblings
        self._root = document.value
        self._base = base

    def value(self, at: Path) -> Any:
        """Return the value at an existing place."""
        node = self._root
        for step in at:
            node = node[step]
        return node

    def target(self, reference: object) -> Path | None:
        """Return the place that a reference names, or None."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        try:
            keys = split_pointer(unquote(reference[1:]))
        except ValueError:
            return None
        path, node = self._base, self.value(self._base)
        for key in keys:
            step = _step(node, key)
            if step is None:
                return None
            path, node = (*path, step), node[step]
        return path

    def end(self, at: Path) -> Path | None:
        """Return the place that `at` finally stands for; None if that is nowhere, or a circle.

        A chain of references ends early where something beside a reference has an effect.
        """
        stop: Path | None = None
        for _ in range(_LONGEST_CHAIN):
            node = self.value(at)
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return at if stop is None else stop
            if stop is None and self._siblings and node.keys() - ANNOTATIONS != {"$ref"}:
                stop = at
            following = self.target(node["$ref"])
            if following is None:
                return stop
            at = following
        return None


def _step(node: Any, key: str) -> str | int | None:
    if isinstance(node, dict):
        return key if key in node else None
    if isinstance(node, list) and key.isascii() and key.isdecimal() and int(key[:9]) < len(node):
        return int(key[:9])
    return None


def definitions_of(schema: Any) -> list[str]:
    """Return the definitions that a converted schema refers to."""
    names: list[str] = []
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        if "$ref" in node:
            names.append(node["$ref"].removeprefix("#/$defs/"))
        for word, value in node.items():
            form = KEYWORDS.get(word)
            if form == "named schemas":
                waiting += reversed(value.values())
            elif form == "schemas":
                waiting += reversed(value)
            elif form == "schema":
                waiting.append(value)
    return names


def break_circles(schema: dict[str, Any]) -> list[str]:
    """Take out of a record schema what makes a definition contain itself, in the same place.

    No validator ends on such a schema. Returns the pointers of the definitions that lost something;
    each accepts more values than before.
    """
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    nodes: dict[str, Any] = {"#": schema}
    nodes |= {f"#/$defs/{name}": definition for name, definition in definitions.items()}
    broken: dict[str, None] = {}
    done: set[str] = set()
    for start in nodes:
        if start in done:
            continue
        trail, active = [(start, iter(_references(nodes[start])))], {start}
        while trail:
            current, rest = trail[-1]
            keyword, target = next(rest, ("", ""))
            if not keyword:
                done.add(current)
                active.discard(current)
                trail.pop()
            elif target in active and keyword in nodes[current]:
                del nodes[current][keyword]
                broken[current] = None
            elif keyword in nodes[current] and target in nodes and target not in done:
                active.add(target)
                trail.append((target, iter(_references(nodes[target]))))
    return list(broken)


def _references(node: Any) -> list[tuple[str, str]]:
    """Return the references that apply to the same value as `node`, with the keyword they are in."""
    if not isinstance(node, dict):
        return []
    return [(keyword, target) for keyword in node for target in _targets(keyword, node[keyword])]


def _targets(keyword: str, value: Any) -> Iterator[str]:
    waiting: list[tuple[str, Any]] = [(keyword, value)]
    while waiting:
        word, inner = waiting.pop()
        if word == "$ref" and isinstance(inner, str):
            yield inner
            continue
        if word in _IN_PLACE and isinstance(inner, list):
            parts = inner
        elif word == "dependentSchemas" and isinstance(inner, dict):
            parts = list(inner.values())
        else:
            parts = [inner] if word in _IN_PLACE_ONE else []
        waiting += [pair for part in parts if isinstance(part, dict) for pair in part.items()]
