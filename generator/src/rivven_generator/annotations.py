"""Turns a config property into its Python annotation and default."""

from __future__ import annotations

import ast
import decimal
from typing import Any

import msgspec

from rivven_generator.layout import flat, literal
from rivven_generator.schema.vocabulary import BUILT_IN_VALIDATORS, is_nullable
from rivven_generator.shapes import (
    ConfigShapes,
    Property,
    Schema,
    form_of,
    tag_of,
    types_of,
    values_of,
)

_SCALARS = {"string": "Text", "integer": "Integer", "number": "Number", "boolean": "Boolean"}
_FIELD_KEYWORDS = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
    "minProperties": "min_length",
    "maxProperties": "max_length",
}
_COUNTS = frozenset(_FIELD_KEYWORDS) - {
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
}


class Annotation(msgspec.Struct):
    """An annotation in parts: the type, what picks its schema, and what constrains it."""

    core: str
    picks: list[str] = msgspec.field(default_factory=list)
    constraints: dict[str, Any] = msgspec.field(default_factory=dict)
    markers: list[str] = msgspec.field(default_factory=list)
    nullable: bool = False

    def text(self, *, alias: str | None = None, optional: bool = False) -> str:
        """Return the annotation as source text.

        `optional` says that the property may be left out while an explicit null is an error.
        """
        named = {"alias": alias} if alias is not None else {}
        if self.nullable:
            inner = _annotated(self.core, [*self.picks, *_field(self.constraints), *self.markers])
            return _annotated(f"{inner} | None", _field(named))
        core = f"{self.core} | None" if optional and not self._has_none() else self.core
        absent = ["NotNull()"] if optional and not self._judges_none() else []
        rest = [*_field(named | self.constraints), *self.markers]
        return _annotated(core, [*self.picks, *absent, *rest])

    def _has_none(self) -> bool:
        return self.core == "Json" or self.core.endswith((", None]", "[None]"))

    def _judges_none(self) -> bool:
        """Whether null is refused or accepted without `NotNull`."""
        return self.core == "Json" or any(pick.startswith("OneOf(") for pick in self.picks)


class Annotator:
    """Spells the annotations and defaults of one config."""

    def __init__(self, shapes: ConfigShapes) -> None:
        self._shapes = shapes

    def annotate(self, schema: Schema, shape: ast.expr) -> Annotation:
        """Return the annotation of a schema, whose containers datamodel-code-generator spelt."""
        found = self._shapes.resolve(schema)
        if "oneOf" in found:
            tag = f"Tagged({literal(tag_of(found))})"
            return Annotation(flat(shape), picks=[tag], nullable=is_nullable(found))
        form = form_of(found)
        if form == "scalar":
            return _scalar(found)
        result = Annotation(flat(shape), nullable=is_nullable(found))
        if form == "map":
            value = self._inner(values_of(found), shape, 1)
            result.core = f"dict[str, {value}]"
        elif form == "array":
            result.core = f"list[{self._inner(found.get('items', {}), shape, 0)}]"
        if form != "class":
            result.constraints = _field_constraints(found)
        if found.get("uniqueItems"):
            result.markers.append("UniqueItems()")
        result.markers += _validator(found)
        return result

    def resolve(self, schema: Schema) -> Schema:
        """Return a schema with any `$ref` followed."""
        return self._shapes.resolve(schema)

    def default(self, schema: Schema, value: Any) -> str:
        """Return a default as source text; containers are made afresh for each config."""
        found = self._shapes.resolve(schema)
        if value is None:  # `None` alone is a field without a default
            return "Default(lambda: None)"
        if not isinstance(value, list | dict):
            return literal(_whole(found, value))
        if value in ([], {}) and "oneOf" not in found:
            made = type(value).__name__
            if form_of(found) == "class":
                made = self._shapes.class_name(schema)
            return f"Default({made})"
        return f"Default(lambda: {self._value(schema, value)})"

    def _value(self, schema: Schema, value: Any) -> str:
        found = self._shapes.resolve(schema)
        if "oneOf" in found and isinstance(value, dict):
            tag = tag_of(found)
            for branch in found["oneOf"]:
                if self._shapes.target(branch)["properties"][tag]["const"] == value.get(tag):
                    return self._value(branch, value)
        form = form_of(found)
        if form == "class" and isinstance(value, dict):
            return f"{self._shapes.class_name(schema)}.parse({literal(value)})"
        if form == "map" and isinstance(value, dict):
            pairs = (f"{literal(k)}: {self._value(values_of(found), v)}" for k, v in value.items())
            return "{" + ", ".join(pairs) + "}"
        if form == "array" and isinstance(value, list):
            return "[" + ", ".join(self._value(found.get("items", {}), v) for v in value) + "]"
        return literal(_whole(found, value))

    def _inner(self, schema: Schema, shape: ast.expr, index: int) -> str:
        items = shape.slice if isinstance(shape, ast.Subscript) else shape
        if isinstance(items, ast.Tuple):
            items = items.elts[index]
        return self.annotate(schema, items).text()


def field_texts(annotator: Annotator, found: Property, shape: ast.expr) -> tuple[str, str | None]:
    """Return a field's annotation and default as source text; None means that it is required."""
    note = annotator.annotate(found.schema, shape)
    alias = found.wire_name if found.wire_name != found.name else None
    schema = annotator.resolve(found.schema)
    if found.required:
        return note.text(alias=alias), None
    if "default" in schema:
        return note.text(alias=alias), annotator.default(found.schema, schema["default"])
    return note.text(alias=alias, optional=True), "None"


def _scalar(schema: Schema) -> Annotation:
    if schema.get("secret"):
        return _secret(schema)
    if "enum" in schema or "const" in schema:
        return _choice(schema)
    kinds = types_of(schema)
    result = Annotation(_SCALARS[kinds[0]] if kinds else "Json", nullable=is_nullable(schema))
    result.constraints = _field_constraints(schema)
    if "pattern" in schema:
        result.markers.append(f"Pattern({literal(schema['pattern'])})")
    if "multipleOf" in schema:
        result.markers.append(f"MultipleOf({literal(schema['multipleOf'])})")
    if schema.get("format", "password") != "password":
        result.markers.append(f"Format({literal(schema['format'])})")
    result.markers += _validator(schema)
    return result


def _secret(schema: Schema) -> Annotation:
    texts = [f"{k}={literal(v)}" for k, v in _field_constraints(schema).items()]
    if "pattern" in schema:
        texts.append(f"pattern={literal(schema['pattern'])}")
    if schema.get("format", "password") != "password":
        texts.append(f"format=Format({literal(schema['format'])})")
    texts += [f"validator={validator}" for validator in _validator(schema)]
    picks = [f"SecretText({', '.join(texts)})"] if texts else []
    return Annotation("Secret", picks=picks, nullable=is_nullable(schema))


def _choice(schema: Schema) -> Annotation:
    """An `enum` or `const`; texts are plain literals, anything else compares as JSON does."""
    values = list(schema["enum"]) if "enum" in schema else [schema["const"]]
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, str) for value in present):
        core = f"Literal[{', '.join(map(literal, present))}]"
        return Annotation(core, markers=_validator(schema), nullable=None in values)
    core = f"Literal[{', '.join(map(literal, values))}]" if all(map(_is_plain, values)) else "Json"
    pick = f"OneOf({', '.join(map(literal, values))})"
    return Annotation(core, picks=[pick], markers=_validator(schema))


def _is_plain(value: Any) -> bool:
    """Whether type checkers take the value in a `Literal`."""
    if isinstance(value, int):
        return abs(value) < 2**63
    return value is None or isinstance(value, str)


def _whole(schema: Schema, value: Any) -> Any:
    """Return a default as Python's type for it: `3.0` is the integer 3 where one is declared."""
    is_float = isinstance(value, float) and types_of(schema) == ["integer"]
    return int(value) if is_float else value


def _field_constraints(schema: Schema) -> dict[str, Any]:
    return {
        name: int(schema[keyword]) if keyword in _COUNTS else _bound(name, schema[keyword])
        for keyword, name in _FIELD_KEYWORDS.items()
        if keyword in schema
    }


def _bound(name: str, number: float) -> float:
    """Return a bound as Python has to compare it: `1e24` is a little less than ten to the 24th.

    Of the number as written and as a float, both of which are the bound to JSON, one is taken that
    treats them alike: the wider one where the bound itself is accepted, else the narrower one.
    """
    if isinstance(number, int) or abs(number) <= 2**53:
        return number
    both = (int(number), int(decimal.Decimal(repr(number))))
    return max(both) if name in {"le", "gt"} else min(both)


def _validator(schema: Schema) -> list[str]:
    name = schema.get("validator")
    if name is None:
        return []
    function = f"check_{name}" if name in BUILT_IN_VALIDATORS else f"validators.{name}"
    return [f"Validator({function})"]


def _field(constraints: dict[str, Any]) -> list[str]:
    if not constraints:
        return []
    return [f"Field({', '.join(f'{name}={literal(v)}' for name, v in constraints.items())})"]


def _annotated(core: str, metadata: list[str]) -> str:
    return f"Annotated[{', '.join([core, *metadata])}]" if metadata else core
