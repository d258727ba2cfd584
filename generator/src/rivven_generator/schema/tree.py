"""Walking a well-formed config schema and following its references, without recursion."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_REFERENCE = re.compile(r"#/\$defs/([A-Za-z0-9_.-]+)")


def walk(node: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield every schema in `node` with its path, parents first, in document order."""
    waiting: list[tuple[Path, Any]] = [(path, node)]
    while waiting:
        place, current = waiting.pop()
        if isinstance(current, Mapping):
            yield place, current
            waiting.extend(reversed(list(children(current, place))))


def children(node: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield what should be the schemas directly inside `node`."""
    for keyword in node:
        value = node[keyword]
        if keyword in {"properties", "$defs"} and isinstance(value, Mapping):
            yield from (((*path, keyword, name), child) for name, child in value.items())
        elif keyword == "items" or (
            keyword == "additionalProperties" and not isinstance(value, bool)
        ):
            yield (*path, keyword), value
        elif keyword == "oneOf" and isinstance(value, list):
            yield from (((*path, keyword, index), child) for index, child in enumerate(value))


def definition_name(reference: str) -> str | None:
    """Return NAME of `#/$defs/NAME`, or None where it is no such reference.

    NAME needs no escape in a URI or a JSON pointer, so that every tool reads it alike.
    """
    found = _REFERENCE.fullmatch(reference)
    return found[1] if found else None


def resolve(root: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `node` with its chain of references followed; keywords beside a `$ref` win.

    Lint has refused references that lead nowhere or in circles; one that remains ends the chain.
    """
    definitions = root.get("$defs", {})
    merged = dict(node)
    seen: set[str] = set()
    while isinstance(reference := merged.pop("$ref", None), str):
        name = definition_name(reference)
        if name is None or name in seen or not isinstance(definitions.get(name), Mapping):
            break
        seen.add(name)
        merged = {**definitions[name], **merged}
    return merged


def final_definition(root: Mapping[str, Any], node: Mapping[str, Any]) -> str | None:
    """Return the name of the definition that a chain of references ends in; None if inline."""
    name: str | None = None
    seen: set[str] = set()
    while isinstance(reference := node.get("$ref"), str):
        following = definition_name(reference)
        target = root.get("$defs", {}).get(following)
        if following is None or following in seen or not isinstance(target, Mapping):
            break
        seen.add(following)
        name, node = following, target
    return name


def object_at(root: Mapping[str, Any], keys: list[str]) -> Mapping[str, Any] | None:
    """Return the object schema of the config value at `keys`, through declared properties only."""
    node = resolve(root, root)
    for key in keys:
        child = node.get("properties", {}).get(key)
        if not isinstance(child, Mapping):
            return None
        node = resolve(root, child)
    return node if "properties" in node else None


def tag_of(branch: Mapping[str, Any], tag: str) -> Any:
    """Return the constant that a resolved union branch has as `tag`, or None."""
    declared = branch.get("properties", {}).get(tag, {})
    return declared.get("const") if isinstance(declared, Mapping) else None


def branch_index(root: Mapping[str, Any], union: Mapping[str, Any], value: object) -> int | None:
    """Return which branch of a tagged union the value means, or None."""
    tag = union["discriminator"]["propertyName"]
    given = value.get(tag) if isinstance(value, dict) else None
    if not isinstance(given, str):
        return None
    tags = [tag_of(resolve(root, branch), tag) for branch in union["oneOf"]]
    return tags.index(given) if given in tags else None
