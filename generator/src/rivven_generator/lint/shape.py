"""Is `config` made of known keywords with values of the right form, where they apply?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from rivven_connect.documents import Problem, escape_text
from rivven_generator.lint.subject import Path, Subject
from rivven_generator.manifest import JsonObject
from rivven_generator.schema.tree import children
from rivven_generator.schema.verdict import validator_of
from rivven_generator.schema.vocabulary import FORMATS, KEYWORDS, REF_SIBLINGS, TYPES, types_of
from rivven_generator.structure import EMPTY_HINT, describe, quote_hint, suggestion

_HINTS = {
    "anyOf": "write a tagged union: `oneOf` with a `discriminator`",
    "allOf": "write one object with all the properties",
    "not": "write what is accepted instead",
    "if": "write a rule under `rules`",
    "definitions": "did you mean `$defs`?",
    "nullable": 'write `type: [T, "null"]`',
    "patternProperties": "use `additionalProperties` with a schema",
    "airbyte_secret": "write `secret: true`",
    "writeOnly": "write `secret: true`",
    "min": "did you mean `minimum`?",
    "max": "did you mean `maximum`?",
}
_TYPE_HINTS = {
    "int": "integer", "long": "integer", "float": "number", "double": "number", "str": "string",
    "bool": "boolean", "dict": "object", "map": "object", "list": "array",
}  # fmt: skip
_UNION_SIBLINGS = frozenset(
    "oneOf discriminator type title description default examples deprecated identity order group $defs".split()  # noqa: SIM905
)


def root_is_object(config: Subject) -> Iterator[Problem]:
    """The root describes an object."""
    if config.root.get("type") != "object" or "oneOf" in config.root or "$ref" in config.root:
        yield config.problem(
            "RVN300", "the config must be of `type: object`", hint="add `type: object`"
        )


def nodes(config: Subject) -> Iterator[Problem]:
    """Every schema is a mapping of known keywords with values of the right form."""
    waiting: list[tuple[Path, Any]] = [((), config.root)]
    while waiting:
        path, node = waiting.pop()
        if not isinstance(node, Mapping):
            yield config.problem(
                "RVN302", f"a schema must be a mapping, not {describe(node)}", path,
                hint=_schema_hint(path, node),
            )  # fmt: skip
            continue
        sound = True
        for problem in _keywords(config, path, node):
            sound = False
            yield problem
        if sound:
            yield from _applicable(config, path, node)
        waiting.extend(reversed(list(children(node, path))))


def _keywords(config: Subject, path: Path, node: Mapping[str, Any]) -> Iterator[Problem]:
    for word, value in node.items():
        at = (*path, word)
        if word not in KEYWORDS:
            hint = _HINTS.get(word) or suggestion(word, KEYWORDS) or _place_hint(value)
            shown = escape_text(word, limit=60)
            yield config.problem("RVN301", f"unknown keyword `{shown}`", at, key=True, hint=hint)
        elif word == "type" and not _form_of("type").is_valid(value):
            yield _unknown_type(config, at, value)
        elif word == "format" and isinstance(value, str) and value not in FORMATS:
            hint = suggestion(value, FORMATS) or f"one of {', '.join(FORMATS)}"
            yield config.problem("RVN319", f"unknown format {value[:60]!r}", at, hint=hint)
        elif not _form_of(word).is_valid(value):
            yield _wrong_form(config, at, word, value)


def _schema_hint(path: Path, node: object) -> str:
    """Return what to write where something else than a schema stands."""
    if node is None:
        return f"{EMPTY_HINT}; `{{}}` says that any value will do"
    if path[-1] in KEYWORDS:  # `type: string` beside the property that it is meant for
        return f"if `{path[-1]}` is about the property above it, indent it further than that"
    return f"write `{{type: {node}}}`" if isinstance(node, str) and node in TYPES else ""


def _place_hint(value: object) -> str:
    """Return where a property that stands among keywords belongs."""
    if not isinstance(value, Mapping) or not (value.keys() & KEYWORDS.keys()):
        return ""
    return "if it is a property, move it below `properties`; check the indentation"


def _unknown_type(config: Subject, at: Path, value: object) -> Problem:
    named = value if isinstance(value, str) else ""
    near = _TYPE_HINTS.get(named.lower())
    hint = f"did you mean `{near}`?" if near else suggestion(named, TYPES)
    fallback = 'one of array, boolean, integer, number, object, string, or a pair with "null"'
    return config.problem("RVN303", "this is not a type", at, hint=hint or fallback)


def _wrong_form(config: Subject, at: Path, word: str, value: object) -> Problem:
    wanted = KEYWORDS[word].value.get("type")
    hint = quote_hint(config.document, (*config.prefix, *at), value) if wanted == "string" else ""
    if word == "required" and value == []:
        hint = "remove the empty list"
    elif word == "required" and isinstance(value, bool):
        hint = "list the property's name in `required` of the object that it belongs to"
    elif isinstance(value, str) and wanted in {"number", "integer"} and _is_number(value):
        hint = f"write {value} without quotes"
    return config.problem("RVN302", f"`{word}` {_wanted(word)}", at, hint=hint)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", text) is not None


def _wanted(word: str) -> str:
    forms = {
        "required": "must be a list of names, none of them twice",
        "additionalProperties": "must be true, false or a schema",
        "multipleOf": "must be a number above 0",
        "discriminator": "must be `{propertyName: NAME}`",
    }
    by_type = {
        "string": "must be text",
        "integer": "must be a whole number, not below 0 where it counts something",
        "number": "must be a number",
        "boolean": "must be true or false",
        "array": "must be a list",
        "object": "must be a mapping",
    }
    return forms.get(word) or by_type[KEYWORDS[word].value["type"]]


def _applicable(config: Subject, path: Path, node: Mapping[str, Any]) -> Iterator[Problem]:
    """Keywords that would be ignored by JSON Schema are mistakes."""
    if "$ref" in node:
        for word in node.keys() - REF_SIBLINGS - {"$defs"}:
            yield config.problem(
                "RVN314", f"`{word}` cannot stand beside `$ref`", (*path, word), key=True
            )
        return
    types = types_of(node)
    for word in node:
        applies_to = KEYWORDS[word].types
        if word == "$defs" and path:
            yield config.problem(
                "RVN304", "`$defs` belongs into the root of `config`", (*path, word), key=True
            )
        elif "oneOf" in node and word not in _UNION_SIBLINGS:
            yield config.problem(
                "RVN304", f"`{word}` cannot stand beside `oneOf`", (*path, word), key=True
            )
        elif applies_to is not None and types.isdisjoint(applies_to):
            known = f"`type: {next(iter(types))}`" if types else "a schema without `type`"
            yield config.problem(
                "RVN304",
                f"`{word}` does not apply to {known}",
                (*path, word),
                key=True,
                hint="" if types else f"add `type: {min(applies_to)}`",
            )


@cache
def _form_of(word: str) -> Any:
    """Return the validator of a keyword's value, not looking into schemas inside it."""
    shallow: dict[str, JsonObject] = {"ConfigSchema": {}}
    return validator_of({**KEYWORDS[word].value, "$defs": shallow})
