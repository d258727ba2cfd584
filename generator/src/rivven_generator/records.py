"""The record types of the streams: TypedDicts, because records are data and stay plain dicts.

Record schemas may use all of JSON Schema; what a type cannot say becomes `Json`.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from rivven_generator import models, naming
from rivven_generator.layout import flat, literal, union_members
from rivven_generator.reserved import AMBIGUOUS_NAMES

_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_ROOT = "AllRecords"
_DEEPEST = 64
_LONGEST_TYPE = 2_000
"""What is deeper, or longer, is `Json`: references can multiply a short schema without end."""

Schema = Mapping[str, Any]


class RecordField(msgspec.Struct, frozen=True):
    """One key of a record."""

    key: str
    type_text: str
    required: bool
    description: str = ""


class RecordClass(msgspec.Struct, frozen=True):
    """One record type, or an object inside of one."""

    name: str
    description: str
    fields: tuple[RecordField, ...]
    is_open: bool = False
    """Whether nothing is said of its keys: any object is such a record."""

    @property
    def looks_like_class(self) -> bool:
        """Whether every key is a legal attribute: ruff then asks for class syntax (UP013)."""
        return all(
            f.key.isidentifier() and not f.key.startswith("__") and not keyword.iskeyword(f.key)
            for f in self.fields
        )

    @property
    def has_class_syntax(self) -> bool:
        """Whether every key, as an attribute, stays the same key and reads as one.

        Python folds what is not ASCII, and linters refuse `l`, `O` and `I`.
        """
        return self.looks_like_class and all(
            f.key.isascii() and f.key not in AMBIGUOUS_NAMES for f in self.fields
        )


def record_classes(roots: Sequence[tuple[str, str, Schema]]) -> list[RecordClass]:
    """Return the record types of all streams, in an order that datamodel-code-generator decided.

    Args:
        roots: class name, description and record schema of each stream.
    """
    if not roots:
        return []
    taken = {name for name, _, _ in roots}
    walks = [_Records(name, text, schema, taken) for name, text, schema in roots]
    found = {record.name: record for walk in walks for record in walk.records.values()}
    shapes = {name: shape for walk in walks for name, shape in walk.shapes.items()}
    everything = {f"p{i}": models.reference(name) for i, name in enumerate(found)}
    order = models.class_shapes(_ROOT, {**shapes, _ROOT: everything})
    return [found[name] for name in order if name != _ROOT]


def type_of_field(schema: Schema, name: str) -> str:
    """Return the Python type of one scalar field of a record; `Json` where it is none."""
    found = schema.get("properties", {}).get(name, {})
    kind = found.get("type") if isinstance(found, Mapping) else None
    kinds = [k for k in ([kind] if isinstance(kind, str) else kind or ()) if k != "null"]
    return _SCALARS.get(kinds[0], "Json") if len(kinds) == 1 else "Json"


class _Records:
    """Walks one record schema and names every object in it after its path."""

    def __init__(self, root: str, description: str, schema: Schema, taken: set[str]) -> None:
        self._root = root
        self._taken = taken
        self._definitions: Mapping[str, Schema] = schema.get("$defs", {})
        self._defined: dict[str, tuple[str, dict[str, Any]]] = {}
        self._depth = 0
        self.records: dict[str, RecordClass] = {}
        self.shapes: dict[str, dict[str, Any]] = {}
        self._add(root, description, self._described(schema))

    def _described(self, schema: Schema) -> Schema:
        """Return the root's own schema, or the definition that it only refers to."""
        while "properties" not in schema:
            key = str(schema.get("$ref", "")).removeprefix("#/$defs/")
            target = self._definitions.get(key)
            if not isinstance(target, Mapping) or key in self._defined:
                break
            self._defined[key] = self._root, models.reference(self._root)
            schema = target
        return schema

    def _add(self, name: str, description: str, schema: Schema) -> None:
        self.records[name] = RecordClass(name, description, ())  # holds the name while we recurse
        required = schema.get("required", ())
        fields, shapes = [], {}
        for index, (key, declared) in enumerate(schema.get("properties", {}).items()):
            text, shapes[f"p{index}"] = self._type(declared, name + naming.pascal_case(key))
            about = declared.get("description", "") if isinstance(declared, Mapping) else ""
            fields.append(RecordField(key, text, key in required, about))
        is_open = not fields and schema.get("additionalProperties") is not False
        self.records[name] = RecordClass(name, description, tuple(fields), is_open)
        self.shapes[name] = shapes

    def _type(self, schema: object, path: str) -> tuple[str, dict[str, Any]]:
        """Return a schema's type text, and its shape for datamodel-code-generator.

        A schema may be `true` or `false`, which say nothing about a type.
        """
        if not isinstance(schema, Mapping) or self._depth > _DEEPEST:
            return "Json", models.LEAF
        self._depth += 1
        text, shape = self._spelt(schema, path)
        self._depth -= 1
        return (text, shape) if len(text) <= _LONGEST_TYPE else ("Json", models.LEAF)

    def _spelt(self, schema: Schema, path: str) -> tuple[str, dict[str, Any]]:
        if "$ref" in schema:
            return self._reference(str(schema["$ref"]))
        if "enum" in schema or "const" in schema:
            return _choice(schema.get("enum") or [schema.get("const")]), models.LEAF
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            parts = [self._type(b, f"{path}{i + 1}")[0] for i, b in enumerate(branches)]
            return _union(parts), models.LEAF
        kind = schema.get("type")
        kinds = [kind] if isinstance(kind, str) else list(kind or ())
        if not kinds and "properties" in schema:
            kinds = ["object"]
        found = [self._typed(k, schema, path) for k in kinds]
        if len(found) == 1:
            return found[0]
        return _union([text for text, _ in found]), models.LEAF

    def _typed(self, kind: str, schema: Schema, path: str) -> tuple[str, dict[str, Any]]:
        if kind == "array":
            text, shape = self._type(schema.get("items"), f"{path}Item")
            return f"list[{text}]", {"type": "array", "items": shape}
        if kind != "object":
            return _SCALARS.get(kind, "Json"), models.LEAF
        if schema.get("properties"):
            return self._object(path, schema)
        text, shape = self._type(schema.get("additionalProperties"), f"{path}Value")
        return f"dict[str, {text}]", {"type": "object", "additionalProperties": shape}

    def _object(self, path: str, schema: Schema) -> tuple[str, dict[str, Any]]:
        name = self._free_name(path)
        self._add(name, str(schema.get("description", "")), schema)
        return name, models.reference(name)

    def _free_name(self, path: str) -> str:
        name, suffix = path, 2
        while name in self._taken:
            name, suffix = f"{path}{suffix}", suffix + 1
        self._taken.add(name)
        return name

    def _reference(self, pointer: str) -> tuple[str, dict[str, Any]]:
        """A `$ref`; one that is followed already is a recursion, and ends at its class."""
        if pointer == "#":
            return self._root, models.reference(self._root)
        key = pointer.removeprefix("#/$defs/")
        if key in self._defined:
            return self._defined[key]
        schema = self._definitions.get(key)
        if not isinstance(schema, Mapping):
            return "Json", models.LEAF
        path = self._root + naming.pascal_case(key)
        if schema.get("properties") and schema.get("type", "object") == "object":
            name = self._free_name(path)
            self._defined[key] = name, models.reference(name)
            self._add(name, str(schema.get("description", "")), schema)
        else:
            self._defined[key] = "Json", models.LEAF
            self._defined[key] = self._type(schema, path)
        return self._defined[key]


def _choice(values: Sequence[Any]) -> str:
    if all(value is None or isinstance(value, bool | int | str) for value in values):
        return f"Literal[{', '.join(map(literal, values))}]"
    return "Json"


def _union(parts: Sequence[str]) -> str:
    """Return the union of types; `None` last, `Json` swallows the rest."""
    trees = [ast.parse(part, mode="eval").body for part in parts]
    members = dict.fromkeys(flat(member) for tree in trees for member in union_members(tree))
    if not members or "Json" in members:
        return "Json"
    return " | ".join(sorted(members, key=lambda member: member == "None"))
