"""The only renderer of config errors: where and which rule, never the input."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from rivven_connect._problems import Problem

CODES: Mapping[str, str] = {
    "RVN601": "a config value does not fit its schema",
    "RVN602": "a required config property is missing",
    "RVN603": "an unknown config property",
    "RVN604": "a rule across config properties is broken",
    "RVN605": "a named validator refuses a config value",
}

_RULES = {
    "missing": "required",
    "extra_forbidden": "additionalProperties",
    "greater_than": "exclusiveMinimum",
    "greater_than_equal": "minimum",
    "less_than": "exclusiveMaximum",
    "less_than_equal": "maximum",
    "multiple_of": "multipleOf",
    "string_too_short": "minLength",
    "string_too_long": "maxLength",
    "string_pattern_mismatch": "pattern",
    "literal_error": "enum",
}
_SIZES = {
    ("too_short", False): "minItems",
    ("too_long", False): "maxItems",
    ("too_short", True): "minProperties",
    ("too_long", True): "maxProperties",
}
_OWN_RULES = frozenset({"require_any", "require_one", "require_together", "when"})
_KEYWORDS = frozenset(
    {"type", "format", "pattern", "multipleOf", "uniqueItems", "enum", "oneOf", "validator"}
) | {"minProperties", "maxProperties"}


def config_problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return the problems of a failed validation, each with JSON pointer and rule."""
    details = error.errors(include_input=False, include_url=False)
    return [_problem(detail, model) for detail in details]


def json_pointer(path: Sequence[str | int]) -> str:
    """Return a path of keys and indexes as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _problem(detail: Any, model: type[BaseModel]) -> Problem:
    context: dict[str, Any] = detail.get("ctx") or {}
    rule = _rule(detail["type"], context)
    path = [part for part in detail["loc"] if not str(part).startswith("\0")]
    path += context.get("at", []) if rule in _OWN_RULES else []
    message = str(detail["msg"])
    if rule == "required":
        message = f"the required property {path[-1]!r} is missing"
    elif rule == "additionalProperties":
        message = f"the property {path[-1]!r} is not known"
    return Problem(
        code=_code(rule),
        message=message,
        hint=_hint(rule, path, model),
        pointer=json_pointer(path),
        rule=rule,
    )


def _rule(kind: str, context: Mapping[str, Any]) -> str:
    if kind in _RULES:
        return _RULES[kind]
    if kind in _KEYWORDS or kind in _OWN_RULES:
        return kind
    return _SIZES.get((kind, context.get("field_type") == "Dictionary"), "type")


def _code(rule: str) -> str:
    if rule in _OWN_RULES:
        return "RVN604"
    by_rule = {"required": "RVN602", "additionalProperties": "RVN603", "validator": "RVN605"}
    return by_rule.get(rule, "RVN601")


def _hint(rule: str, path: Sequence[str | int], model: type[BaseModel]) -> str:
    if rule == "required":
        return f"add {path[-1]}"
    if rule != "additionalProperties" or len(path) != 1:
        return ""
    known = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(str(path[0]), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known properties: {', '.join(known)}"
