"""The data and documentation files of a project: spec, catalog, option table, sample config."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from rivven_connect.documents import escape_text
from rivven_generator.load import LoadedManifest
from rivven_generator.manifest import Manifest
from rivven_generator.shapes import is_nullable, types_of, values_of
from rivven_generator.views import example_config

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
        found = _resolve(root, declared)
        path = f"{prefix}{name}"
        yield Option(
            path=path,
            type_text=_type_text(root, found),
            required=name in required,
            default=json.dumps(found["default"]) if "default" in found else "",
            description=str(found.get("description") or found.get("title") or ""),
            limits=_limits(found),
        )
        reference = str(declared.get("$ref", ""))
        if reference not in above:
            yield from _inside(root, found, path, above | {reference} - {""})


def _inside(root: Schema, found: Schema, path: str, above: set[str]) -> Iterator[Option]:
    for branch in found.get("oneOf", ()):
        target = _resolve(root, branch)
        tag = found.get("discriminator", {}).get("propertyName", "")
        value = target.get("properties", {}).get(tag, {}).get("const")
        yield from _options(root, target, f"{path}[{value}].", above)
    if "items" in found:
        yield from _inside(root, _resolve(root, found["items"]), f"{path}[]", above)
    else:
        yield from _options(root, found, f"{path}.", above)


def _resolve(root: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        name = str(schema["$ref"]).removeprefix("#/$defs/")
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**root["$defs"][name], **beside}
    return schema


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
        text = f"list of {_type_text(root, _resolve(root, schema.get('items', {})))}"
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


@dataclasses.dataclass(frozen=True, slots=True)
class SecretVariable:
    """One secret of the config, and the environment variable that the samples take it from."""

    pointer: str
    variable: str


def secret_variables(manifest: Manifest, rows: list[Option]) -> list[SecretVariable]:
    """Return a variable for each secret property."""
    prefix = manifest.name.upper().replace("-", "_")
    found = []
    for row in rows:
        if row.type_text == "secret":
            words = "".join(c if c.isascii() and c.isalnum() else "_" for c in row.path)
            name = "_".join(part for part in f"{prefix}_{words}".upper().split("_") if part)
            found.append(SecretVariable(row.path, name))
    return found


def config_example(loaded: LoadedManifest, config_schema: Schema, rows: list[Option]) -> str:
    """Return a sample config as YAML: the example with comments, then what else can be set."""
    example = example_config(loaded)
    secrets = {s.pointer: s.variable for s in secret_variables(loaded.manifest, rows)}
    top = [row for row in rows if row.path in config_schema.get("properties", {})]
    lines = []
    for row in top:
        lines += [f"# {escape_text(row.description)}"] if row.description else []
        if row.path in example:
            declared = config_schema["properties"][row.path]
            value = _masked(example[row.path], declared, row.path, secrets, config_schema)
            lines.append(_yaml({row.path: value}))
        elif row.default:
            text = _yaml({row.path: json.loads(row.default)})
            lines.append("\n".join(f"# {line}" for line in text.split("\n")))
        else:
            lines.append(f"# {_yaml({row.path: None}).removesuffix('null')}<{row.type_text}>")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n" if lines else "{}\n"


def _masked(
    value: Any, declared: Schema, path: str, variables: Mapping[str, str], root: Schema
) -> Any:
    """Return a value with every secret replaced by a reference to its environment variable."""
    schema = _resolve(root, declared)
    if schema.get("writeOnly"):
        return f"${{env:{variables[path]}}}"
    if "oneOf" in schema and isinstance(value, dict):
        tag = schema["discriminator"]["propertyName"]
        for branch in schema["oneOf"]:
            target = _resolve(root, branch)
            if target["properties"][tag]["const"] == value.get(tag):
                schema, path = target, f"{path}[{value[tag]}]"
                break
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return {
            key: _masked(item, known[key], f"{path}.{key}", variables, root)
            if key in known
            else _masked(item, values_of(schema), f"{path}.*", variables, root)
            for key, item in value.items()
        }
    if isinstance(value, list):
        items = schema.get("items", {})
        return [_masked(item, items, f"{path}[]", variables, root) for item in value]
    return value


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=False, width=4096)
    return text.rstrip("\n")
