"""The only renderer of config errors: where and which rule, never the input."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

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
    details = error.errors(include_url=False)
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
        hint=_near_choice(detail) if rule == "enum" else _hint(rule, path, model),
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
    if rule != "additionalProperties":
        return ""
    known = [
        field.alias or name
        for one in _models_at(model, path[:-1])
        for name, field in one.model_fields.items()
    ]
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known properties: {', '.join(known)}" if len(path) == 1 else ""


def _near_choice(detail: Any) -> str:
    """Return the choice that may have been meant; the input itself may be a secret and is not shown."""
    choices = re.findall(r"'([^']*)'", str(detail["msg"]))
    close = difflib.get_close_matches(str(detail["input"]), choices, n=1)
    return f"did you mean {close[0]}?" if close else ""


def _models_at(model: type[BaseModel], path: Sequence[str | int]) -> list[type[BaseModel]]:
    """Return what may stand at a path; keys of maps and indexes of lists lead nowhere else."""
    found = [model]
    for part in path:
        below = [
            nested
            for one in found
            for name, field in one.model_fields.items()
            if part == (field.alias or name)
            for nested in _models_in(field.annotation)
        ]
        found = below or found
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) is None and isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [nested for part in get_args(annotation) for nested in _models_in(part)]
