"""What documents say about one field of a config: its type, its limits, the rules it is part of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rivven_connect.documents import split_pointer
from rivven_generator.manifest import Rule
from rivven_generator.schema.tree import resolve, tag_of
from rivven_generator.schema.vocabulary import is_nullable
from rivven_generator.shapes import types_of, values_of

Schema = Mapping[str, Any]

_LIMITS: Final = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
    ("multipleOf", "a multiple of {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("minProperties", "at least {} entries"),
    ("maxProperties", "at most {} entries"),
    ("format", "format {}"),
    ("x-rivven-validator", "checked by {}"),
)


def text_of(schema: Schema) -> str:
    """Return the description of a field, or its title."""
    return str(schema.get("description") or schema.get("title") or "")


def type_text(root: Schema, schema: Schema) -> str:
    """Return the type of a resolved schema in words; of a union and an enum, the choices."""
    if schema.get("writeOnly"):
        return "secret"
    if "oneOf" in schema:
        tag = schema["discriminator"]["propertyName"]
        tags = [tag_of(resolve(root, branch), tag) for branch in schema["oneOf"]]
        return f"object, by `{tag}`: {' or '.join(map(json_text, tags))}"
    if "const" in schema:
        return json_text(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(map(json_text, schema["enum"]))
    text = " or ".join(_kind_text(root, schema, kind) for kind in types_of(schema) or ["any"])
    comma = "," if " of " in text else ""
    return f"{text}{comma} or null" if is_nullable(schema) else text


def _kind_text(root: Schema, schema: Schema, kind: str) -> str:
    if kind == "array":
        return f"list of {type_text(root, resolve(root, schema.get('items', {})))}"
    if kind == "object" and values_of(schema) and not schema.get("properties"):
        return f"map of {type_text(root, resolve(root, values_of(schema)))}"
    return kind


def limits(schema: Schema) -> list[str]:
    """Return what limits the values of a resolved schema, but for its pattern."""
    found = [
        _counted(text, schema[keyword]).format(
            schema[keyword] if isinstance(schema[keyword], str) else json_text(schema[keyword])
        )
        for keyword, text in _LIMITS
        if keyword in schema and not (keyword == "format" and schema.get("writeOnly"))
    ]
    if schema.get("uniqueItems"):
        found.append("no item twice")
    if schema.get("x-rivven-identity"):
        found.append("not to be changed between runs")
    return found


def _counted(text: str, count: Any) -> str:
    """Say "1 item", not "1 items"."""
    return text.replace("entries", "entry").removesuffix("s") if count == 1 else text


def rule_texts(rules: list[Rule]) -> Iterator[str]:
    """Yield what each rule asks for, as a sentence; names stand in backquotes."""
    for rule in rules:
        place = f"In `{'.'.join(split_pointer(rule.at))}`: " if rule.at else ""
        text = _rule_text(rule)
        yield f"{place}{text if place else text[0].upper() + text[1:]}."


def _rule_text(rule: Rule) -> str:
    names = ", ".join(f"`{name}`" for name in rule.names)
    match rule.form:
        case "require_any":
            return f"at least one of {names}"
        case "require_one":
            return f"exactly one of {names}"
        case "require_together":
            return f"all of {names}, or none"
        case _:
            when = (rule.when or {}).items()
            conditions = " and ".join(f"`{key}` {json_text(value)}" for key, value in when)
            return f"with {conditions}, also {names}"


def json_text(value: Any) -> str:
    """Return a value as JSON on one line, letters as they are."""
    return json.dumps(value, ensure_ascii=False)
