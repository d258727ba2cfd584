"""Unions that no tag tells apart, as one schema that accepts what any of their branches does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rivven_generator.importers.flattening import Flat
from rivven_generator.importers.notes import Notes, Path

Node = dict[str, Any]


def settle_untagged(flat: Flat, branches: Sequence[Flat], at: Path, notes: Notes) -> None:
    """Accept what any branch accepts, and more, since nothing tells them apart."""
    kinds = {str(branch.node.get("type")) for branch in branches}
    if all(is_object(branch.node) for branch in branches):
        notes.add("RVN831", "branches without a common tag became one object", at, key=True)
        required = [set(required_names(branch.node)) for branch in branches]
        common = set.intersection(*required)
        properties: Node = {}
        for branch in branches:
            for name, child in branch.node["properties"].items():
                known = properties.setdefault(name, child)
                if known != child:
                    properties[name] = _either(known, child)
        flat.node["type"] = "object"
        flat.node["properties"] = properties
        flat.node["required"] = [name for name in properties if name in common]
    elif any(_is_secret(branch.node) for branch in branches):
        notes.add("RVN831", "branches, one of them secret, became a secret text", at, key=True)
        flat.node |= {"type": "string", "secret": True}
    elif len(kinds) == 1 and (kind := branches[0].node.get("type")) is not None:
        notes.add("RVN831", "branches of one type became that type", at, key=True)
        flat.node["type"] = kind
    else:
        notes.add("RVN831", "branches of several types became any value", at, key=True)
        flat.node["type"] = "any"
        if any(_may_hold_secret(branch.node) for branch in branches):
            for word in ("default", "examples"):
                if flat.node.pop(word, None) is not None:
                    message = f"a secret may stand in this `{word}`, so it was left out"
                    notes.add("RVN834", message, flat.at)


def _either(known: Any, child: Any) -> Node:
    """Return a schema that accepts what two branches say of one property."""
    both = set(known) == {"anyOf"} if isinstance(known, dict) else False
    return {"anyOf": [*(known["anyOf"] if both else [known]), child]}


def _may_hold_secret(node: Node) -> bool:
    """Return whether a secret is marked anywhere below, or behind a reference."""
    waiting: list[Any] = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            words = {str(word).casefold() for word in found}
            if "$ref" in found or _is_secret(found) or any("secret" in word for word in words):
                return True
            if "writeonly" in words:
                return True
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
    return False


def _is_secret(node: Node) -> bool:
    return node.get("secret") is True or node.get("format") == "password"


def is_object(node: Node) -> bool:
    """Return whether a schema is one of objects, with properties."""
    kind = node.get("type", "object")
    return kind in ("object", ["object"]) and isinstance(node.get("properties"), dict)


def required_names(node: Node) -> list[str]:
    """Return the names under `required`, whatever else stands there."""
    names = node.get("required")
    return [n for n in names if isinstance(n, str)] if isinstance(names, list) else []
