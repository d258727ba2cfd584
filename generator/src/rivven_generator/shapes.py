"""The classes of a config: which objects become one, how each is called, and what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from rivven_generator import models, naming
from rivven_generator.reserved import CONFIG_MODULE_NAMES, RUNTIME_CLASSES
from rivven_generator.schema.tree import resolve, walk

Schema = Mapping[str, Any]


class Property(msgspec.Struct, frozen=True):
    """One property of a config object."""

    wire_name: str
    schema: Schema
    required: bool

    @property
    def name(self) -> str:
        """The Python attribute."""
        return naming.field_name(self.wire_name)


class ObjectClass(msgspec.Struct, frozen=True):
    """One class, before datamodel-code-generator has ordered it."""

    name: str
    schema: Schema
    properties: tuple[Property, ...]


class ConfigShapes:
    """Walks a config schema once and names every object class in it."""

    def __init__(self, root: str, schema: Schema) -> None:
        self._definitions: Mapping[str, Schema] = schema.get("$defs", {})
        self._taken = {root} | RUNTIME_CLASSES | CONFIG_MODULE_NAMES
        self._names: dict[int, str] = {}
        self._tags: dict[int, set[str]] = {}
        for _, node in walk(schema):
            for branch in node.get("oneOf", ()):
                self._tags.setdefault(id(self.target(branch)), set()).add(tag_of(node))
        self.classes: dict[str, ObjectClass] = {}
        self.root = root
        self._add(root, schema)

    def resolve(self, schema: Schema) -> Schema:
        """Return the schema with any `$ref` followed; siblings of the `$ref` win."""
        return resolve({"$defs": self._definitions}, schema)

    def target(self, schema: Schema) -> Schema:
        """Return the object that the schema stands for: the same one for every `$ref` to it."""
        while "$ref" in schema:
            schema = self._definitions[str(schema["$ref"]).removeprefix("#/$defs/")]
        return schema

    def class_name(self, schema: Schema) -> str:
        """Return the class of an object schema."""
        return self._names[id(self.target(schema))]

    def shape(self, schema: Schema) -> dict[str, Any]:
        """Return what datamodel-code-generator sees of a schema."""
        found = self.resolve(schema)
        if "oneOf" in found:
            return {"oneOf": [models.reference(self.class_name(b)) for b in found["oneOf"]]}
        match form_of(found):
            case "class":
                return models.reference(self.class_name(schema))
            case "map":
                return {"type": "object", "additionalProperties": self.shape(values_of(found))}
            case "array":
                return {"type": "array", "items": self.shape(found.get("items", {}))}
            case _:
                return models.LEAF

    def shapes(self) -> dict[str, dict[str, Any]]:
        """Return all classes as datamodel-code-generator sees them.

        Fields are called by their ordinal; the values of an open object are the field `extra`.
        """
        return {name: self._fields(found) for name, found in self.classes.items()}

    def _fields(self, found: ObjectClass) -> dict[str, Any]:
        fields = {f"p{i}": self.shape(p.schema) for i, p in enumerate(found.properties)}
        if values_of(found.schema):
            fields["extra"] = self.shape(values_of(found.schema))
        return fields

    def _add(self, name: str, schema: Schema) -> None:
        # The tag of a union is required in each branch, whether the branch says so or not.
        required = {*schema.get("required", ()), *self._tags.get(id(schema), ())}
        properties = tuple(
            Property(wire_name, sub, wire_name in required)
            for wire_name, sub in schema.get("properties", {}).items()
        )
        self._names[id(schema)] = name
        self.classes[name] = ObjectClass(name, schema, properties)
        path = "" if name == self.root else name
        for found in properties:
            self._visit(found.schema, path + naming.pascal_case(found.wire_name))
        if isinstance(schema.get("additionalProperties"), Mapping):
            self._visit(schema["additionalProperties"], f"{path or 'Extra'}Value")

    def _visit(self, schema: Schema, path: str) -> None:
        if "$ref" in schema:
            path = naming.pascal_case(str(schema["$ref"]).removeprefix("#/$defs/"))
        found = self.target(schema)
        if id(found) in self._names:
            return
        if "oneOf" in found:
            for branch, tag in zip(found["oneOf"], tags_of(found, self), strict=True):
                self._visit(branch, path + naming.pascal_case(str(tag)))
            return
        match form_of(found):
            case "class":
                self._add(self._free_name(path), found)
            case "map":
                self._visit(values_of(found), f"{path}Value")
            case "array":
                self._visit(found.get("items", {}), f"{path}Item")

    def _free_name(self, wanted: str) -> str:
        name, suffix = wanted, 2
        while name in self._taken:
            name = f"{wanted}{suffix}"
            suffix += 1
        self._taken.add(name)
        return name


def types_of(schema: Schema) -> list[str]:
    """Return the types that a schema names, without `null`; none means any value."""
    found = schema.get("type", [])
    return [t for t in ([found] if isinstance(found, str) else found) if t != "null"]


def form_of(schema: Schema) -> str:
    """Return how a resolved schema is spelt: class, map, array or scalar."""
    if "enum" in schema or "const" in schema:
        return "scalar"
    kinds = types_of(schema)
    if kinds == ["array"]:
        return "array"
    if kinds != ["object"]:
        return "scalar"
    open_ended = schema.get("additionalProperties", False)
    return "class" if schema.get("properties") or open_ended is False else "map"


def values_of(schema: Schema) -> Schema:
    """Return the schema of the values of a map, or of the extra properties of an open object."""
    found = schema.get("additionalProperties", {})
    return found if isinstance(found, Mapping) else {}


def tag_of(schema: Schema) -> str:
    """Return the tag property of a union."""
    return str(schema["discriminator"]["propertyName"])


def tags_of(schema: Schema, shapes: ConfigShapes) -> Iterator[Any]:
    """Yield the tag value of each branch of a union."""
    tag = tag_of(schema)
    for branch in schema["oneOf"]:
        yield shapes.target(branch)["properties"][tag]["const"]
