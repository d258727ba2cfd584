"""Manifests with much of one thing: how much is the only parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Manifest = dict[str, Any]
Schema = dict[str, Any]


def manifest(kind: str = "sink", config: Schema | None = None, **keys: Any) -> Manifest:
    """Return a manifest, complete but for what the test is about."""
    return {"manifest": "1", "kind": kind, "name": "big", "config": config or {}, **keys}


def fields(schema: Callable[[int], Schema], count: int, *, required: bool = False) -> Schema:
    """Return a config of so many properties."""
    properties = {f"f{number}": schema(number) for number in range(count)}
    config: Schema = {"type": "object", "properties": properties}
    return {**config, "required": list(properties)} if required else config


def streams(count: int, schema: Schema | None = None) -> Manifest:
    """Return a source of so many streams."""
    record = schema or {"type": "object", "properties": {"id": {"type": "integer"}}}
    return manifest(
        "source", streams=[{"name": f"s{number}", "schema": record} for number in range(count)]
    )


def union(branches: int, tag: str = "b") -> Schema:
    """Return a tagged union of so many branches."""
    tags = [{"t": {"const": f"{tag}{number}"}} for number in range(branches)]
    return {
        "oneOf": [{"type": "object", "required": ["t"], "properties": one} for one in tags],
        "discriminator": {"propertyName": "t"},
    }


def _definitions(count: int) -> Manifest:
    part = {"type": "object", "properties": {"x": {"type": "integer"}}}
    config = fields(lambda number: {"$ref": f"#/$defs/D{number}"}, count)
    return manifest(config={**config, "$defs": {f"D{number}": part for number in range(count)}})


INTEGER: Schema = {"type": "integer", "minimum": 1, "maximum": 9}

GROWING: Mapping[str, Callable[[int], Manifest]] = {
    "integers": lambda n: manifest(config=fields(lambda _: {**INTEGER, "default": 5}, n)),
    "texts": lambda n: manifest(
        config=fields(lambda i: {"type": "string", "pattern": f"^[a-z]{{{i % 30 + 1}}}$"}, n)
    ),
    "choices": lambda n: manifest(config=fields(lambda _: {"enum": ["a", "b", "c"]}, n)),
    "one choice": lambda n: manifest(
        config=fields(lambda _: {"enum": [f"v{i}" for i in range(n)]}, 1)
    ),
    "lists": lambda n: manifest(
        config=fields(lambda _: {"type": "array", "items": INTEGER, "default": [1, 2]}, n)
    ),
    "objects": lambda n: manifest(
        config=fields(lambda _: {"type": "object", "properties": {"x": INTEGER}}, n)
    ),
    "secrets": lambda n: manifest(config=fields(lambda _: {"type": "string", "secret": True}, n)),
    "definitions": _definitions,
    "unions": lambda n: manifest(config=fields(lambda _: union(2), n)),
    "branches": lambda n: manifest(config=fields(lambda _: union(n), 1)),
    "streams": streams,
    "record fields": lambda n: streams(1, fields(lambda _: fields(lambda _: INTEGER, 1), n)),
    "valid configs": lambda n: manifest(
        config=fields(lambda _: INTEGER, 3),
        tests={"valid": {f"v{i}": {"f1": i % 9 + 1} for i in range(n)}},
    ),
}
"""What may be large, by what it is large in."""
