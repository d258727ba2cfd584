"""The data and documentation files of a project: spec, catalog, option table."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from rivven_generator.manifest import Manifest
from rivven_generator.schema.tree import resolve
from rivven_generator.schema.vocabulary import is_nullable
from rivven_generator.shapes import types_of, values_of

Schema = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """One row of the option table."""

    path: str
    type_text: str
    required: bool
    default: str
    description: str
    limits: str


def spec_values(manifest: Manifest, config_schema: Schema) -> dict[str, Any]:
    """Return the connector's spec as plain JSON, every field named as in `ConnectorSpec`."""
    modes = ["full_refresh", *(["incremental"] if manifest.incremental else [])]
    values: dict[str, Any] = {
        "connector_type": manifest.name,
        "version": manifest.version,
        "kind": manifest.kind,
    }
    for key in ("title", "description", "author", "license", "documentation_url", "category"):
        if getattr(manifest, key) is not None:
            values[key] = getattr(manifest, key)
    if manifest.tags:
        values["tags"] = list(manifest.tags)
    if manifest.aliases:
        values["aliases"] = list(manifest.aliases)
    if manifest.kind == "source":
        values |= {
            "supported_sync_modes": modes,
            "supports_incremental": bool(manifest.incremental),
            "replayable": manifest.replayable,
            "position": manifest.position,
            "partitioned": manifest.partitioned,
        }
    elif manifest.kind == "sink":
        values |= {
            "delivery": list(manifest.delivery),
            "batching": manifest.batching,
            "order_safe": manifest.order_safe,
        }
    else:
        values["deterministic"] = manifest.deterministic
    runtime = manifest.runtime.model_dump(exclude_none=True, exclude_defaults=True)
    if runtime:
        values["runtime"] = runtime
    values["config_schema"] = config_schema
    return values


def catalog_values(manifest: Manifest) -> dict[str, Any]:
    """Return the record schema of each stream, by full name."""
    return {
        f"{stream.namespace}.{stream.name}" if stream.namespace else stream.name: stream.schema_
        for stream in manifest.streams
    }


def options(config_schema: Schema) -> list[Option]:
    """Return one row per config property, nested ones under their dotted path."""
    return list(_options(config_schema, config_schema, "", set()))


def _options(root: Schema, schema: Schema, prefix: str, above: set[str]) -> Iterator[Option]:
    required = schema.get("required", ())
    declarations = dict(schema.get("properties", {}))
    if values_of(schema):
        declarations["*"] = values_of(schema)
    for name, declared in declarations.items():
        found = resolve(root, declared)
        path = f"{prefix}{name}"
        yield _option(root, found, path, required=name in required)
        reference = str(declared.get("$ref", ""))
        if reference not in above:
            yield from _inside(root, found, path, above | {reference} - {""})


def _option(root: Schema, found: Schema, path: str, *, required: bool) -> Option:
    return Option(
        path=path,
        type_text=_type_text(root, found),
        required=required,
        default=json.dumps(found["default"]) if "default" in found else "",
        description=str(found.get("description") or found.get("title") or ""),
        limits=_limits(found),
    )


def _inside(root: Schema, found: Schema, path: str, above: set[str]) -> Iterator[Option]:
    for branch in found.get("oneOf", ()):
        target = resolve(root, branch)
        tag = found.get("discriminator", {}).get("propertyName", "")
        value = target.get("properties", {}).get(tag, {}).get("const")
        yield from _options(root, target, f"{path}[{value}].", above)
    if "items" in found:
        items = resolve(root, found["items"])
        if items.get("writeOnly"):
            yield _option(root, items, f"{path}[]", required=False)
        yield from _inside(root, items, f"{path}[]", above)
    else:
        yield from _options(root, found, f"{path}.", above)


def _type_text(root: Schema, schema: Schema) -> str:
    if schema.get("writeOnly"):
        return "secret"
    if "oneOf" in schema:
        return "object, one of several"
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(value) for value in schema["enum"])
    kinds = types_of(schema) or ["any"]
    text = " or ".join(kinds)
    if kinds == ["array"]:
        text = f"list of {_type_text(root, resolve(root, schema.get('items', {})))}"
    return f"{text} or null" if is_nullable(schema) else text


_LIMITS = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
    ("multipleOf", "a multiple of {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("pattern", "pattern {}"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("minProperties", "at least {} entries"),
    ("maxProperties", "at most {} entries"),
    ("format", "format {}"),
    ("x-rivven-validator", "checked by {}"),
)


def _counted(text: str, count: Any) -> str:
    """Say "1 item", not "1 items"."""
    return text.replace("entries", "entry").removesuffix("s") if count == 1 else text


def _limits(schema: Schema) -> str:
    found = [
        _counted(text, schema[keyword]).format(
            schema[keyword] if isinstance(schema[keyword], str) else json.dumps(schema[keyword])
        )
        for keyword, text in _LIMITS
        if keyword in schema and not (keyword == "format" and schema.get("writeOnly"))
    ]
    if schema.get("uniqueItems"):
        found.append("no item twice")
    return "; ".join(found)
