"""The closed vocabulary of `config`: every keyword, the form of its value, the types it applies to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")
FORMATS: Final = (
    "uri", "email", "hostname", "ipv4", "ipv6", "uuid", "date", "time", "date-time", "duration",
    "regex", "password",
)  # fmt: skip
BUILT_IN_VALIDATORS: Final[Mapping[str, frozenset[str]]] = {
    "cron": frozenset({"string"}),
    "host": frozenset({"string"}),
    "port": frozenset({"integer", "string"}),
}
"""Reserved validator names and the types that they apply to."""

REF_SIBLINGS: Final = frozenset(
    {"$ref", "title", "description", "default", "deprecated", "order", "group"}
)

_NUMBERS: Final = frozenset({"integer", "number"})
_STRING: Final = frozenset({"string"})
_ARRAY: Final = frozenset({"array"})
_OBJECT: Final = frozenset({"object"})

_NUMBER: Final[dict[str, Any]] = {"type": "number"}
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_TEXT: Final[dict[str, Any]] = {"type": "string"}
_FLAG: Final[dict[str, Any]] = {"type": "boolean"}
_NODE: Final[dict[str, Any]] = {"$ref": "#/$defs/ConfigSchema"}
_NODES: Final[dict[str, Any]] = {"type": "object", "additionalProperties": _NODE}


class Keyword(msgspec.Struct, frozen=True):
    """One keyword: JSON Schema of its value, and the types it applies to (None: all)."""

    value: Mapping[str, Any]
    types: frozenset[str] | None = None
    description: str = ""


KEYWORDS: Final[Mapping[str, Keyword]] = {
    "type": Keyword(
        {
            "anyOf": [
                {"enum": [name for name in TYPES if name != "null"]},
                {
                    "type": "array",
                    "items": {"enum": list(TYPES)},
                    "minItems": 2,
                    "maxItems": 2,
                    "uniqueItems": True,
                    "contains": {"const": "null"},
                },
            ]
        },
        description="JSON type, or a pair of one with `null`.",
    ),
    "properties": Keyword(_NODES, _OBJECT, "Declared properties by wire name."),
    "required": Keyword(
        {"type": "array", "items": _TEXT, "uniqueItems": True, "minItems": 1},
        _OBJECT,
        "Properties without which it is refused.",
    ),
    "additionalProperties": Keyword(
        {"anyOf": [_FLAG, _NODE]}, _OBJECT, "Whether, or which, undeclared properties are accepted."
    ),
    "minProperties": Keyword(_COUNT, _OBJECT, "Fewest properties."),
    "maxProperties": Keyword(_COUNT, _OBJECT, "Most properties."),
    "items": Keyword(_NODE, _ARRAY, "Schema of each item."),
    "minItems": Keyword(_COUNT, _ARRAY, "Fewest items."),
    "maxItems": Keyword(_COUNT, _ARRAY, "Most items."),
    "uniqueItems": Keyword(_FLAG, _ARRAY, "No item twice."),
    "enum": Keyword({"type": "array"}, description="The accepted values."),
    "const": Keyword({}, description="The one accepted value."),
    "default": Keyword({}, description="Value of an absent property."),
    "title": Keyword(_TEXT, description="Name for people."),
    "description": Keyword(_TEXT, description="Explanation for people."),
    "examples": Keyword({"type": "array"}, description="Example values."),
    "deprecated": Keyword(_FLAG, description="Still accepted, no longer recommended."),
    "minimum": Keyword(_NUMBER, _NUMBERS, "Smallest value."),
    "maximum": Keyword(_NUMBER, _NUMBERS, "Largest value."),
    "exclusiveMinimum": Keyword(_NUMBER, _NUMBERS, "Every value is larger."),
    "exclusiveMaximum": Keyword(_NUMBER, _NUMBERS, "Every value is smaller."),
    "multipleOf": Keyword(
        {"type": "number", "exclusiveMinimum": 0}, _NUMBERS, "Step between values."
    ),
    "minLength": Keyword(_COUNT, _STRING, "Fewest characters."),
    "maxLength": Keyword(_COUNT, _STRING, "Most characters."),
    "pattern": Keyword(
        _TEXT, _STRING, "Portable regular expression, matched anywhere unless anchored."
    ),
    "format": Keyword(_TEXT, _STRING, "Asserted format."),
    "oneOf": Keyword(
        {"type": "array", "items": _NODE, "minItems": 1}, description="Branches of a tagged union."
    ),
    "discriminator": Keyword(
        {
            "type": "object",
            "required": ["propertyName"],
            "additionalProperties": False,
            "properties": {"propertyName": _TEXT},
        },
        description="The tag of the union.",
    ),
    "$ref": Keyword(_TEXT, description="A definition, `#/$defs/NAME`."),
    "$defs": Keyword(_NODES, description="Definitions, in the root only."),
    "secret": Keyword(_FLAG, description="Redacted everywhere; on strings only."),
    "validator": Keyword(
        _TEXT, description="Function in validators.py, or `cron`, `port`, `host`."
    ),
    "identity": Keyword(
        _FLAG, description="Names what is read or written; changing it is refused."
    ),
    "order": Keyword({"type": "integer"}, description="Place in forms and docs."),
    "group": Keyword(_TEXT, description="Group in forms and docs."),
}

COUNTS: Final = frozenset(word for word, keyword in KEYWORDS.items() if keyword.value is _COUNT)
"""Keywords whose value is a number of things; it may be written `2.0`."""


def types_of(node: Mapping[str, Any]) -> frozenset[str]:
    """Return the types that a well-formed schema names, without `null`; empty for any value."""
    named = node.get("type", ())
    return frozenset({named} if isinstance(named, str) else named) - {"null"}


def is_nullable(node: Mapping[str, Any]) -> bool:
    """Return whether a well-formed schema accepts null by its type."""
    named = node.get("type")
    return named == "null" or (isinstance(named, list) and "null" in named)
