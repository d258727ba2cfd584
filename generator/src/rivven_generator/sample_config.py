"""The sample config of a project, and the environment variables that its secrets come from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import yaml

from rivven_connect.documents import escape_text
from rivven_generator.documents import Option, Schema
from rivven_generator.load import LoadedManifest
from rivven_generator.manifest import Manifest
from rivven_generator.schema.tree import resolve
from rivven_generator.shapes import values_of
from rivven_generator.views import example_config


@dataclasses.dataclass(frozen=True, slots=True)
class SecretVariable:
    """One secret of the config, and the environment variable that the samples take it from."""

    pointer: str
    variable: str


def secret_variables(manifest: Manifest, rows: list[Option]) -> list[SecretVariable]:
    """Return a variable for each secret property."""
    prefix = manifest.name.upper().replace("-", "_")
    found: list[SecretVariable] = []
    taken: list[str] = []
    for row in rows:
        if row.type_text == "secret":
            words = "".join(c if c.isascii() and c.isalnum() else "_" for c in row.path)
            name = "_".join(part for part in f"{prefix}_{words}".upper().split("_") if part)
            same = sum(other.startswith(name) for other in taken)
            taken.append(f"{name}_{same + 1}" if name in taken else name)
            found.append(SecretVariable(row.path, taken[-1]))
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
    schema = resolve(root, declared)
    if schema.get("writeOnly"):
        return f"${{env:{variables[path]}}}"
    if "oneOf" in schema and isinstance(value, dict):
        tag = schema["discriminator"]["propertyName"]
        for branch in schema["oneOf"]:
            target = resolve(root, branch)
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
