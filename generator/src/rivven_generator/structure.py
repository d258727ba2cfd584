"""The manifest's keys and types: pydantic's findings as located problems."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pydantic import ValidationError

from rivven_connect.documents import Document, Problem, escape_text
from rivven_generator.manifest import Check, Manifest, Rule, Stream
from rivven_generator.manifest_sections import (
    CircuitBreaker,
    InvalidCase,
    RateLimit,
    Retry,
    Runtime,
    SinkReply,
    SinkSimulation,
    SourceSimulation,
    Tests,
    TransformCase,
)
from rivven_generator.manifest_types import Part

Path = tuple[str | int, ...]

_MOST_PROBLEMS = 100

_PARTS: Mapping[tuple[str, ...], type[Part]] = {
    (): Manifest,
    ("streams", "*"): Stream,
    ("checks", "*"): Check,
    ("rules", "*"): Rule,
    ("runtime",): Runtime,
    ("runtime", "retry"): Retry,
    ("runtime", "rate_limit"): RateLimit,
    ("runtime", "circuit_breaker"): CircuitBreaker,
    ("tests",): Tests,
    ("tests", "invalid", "*"): InvalidCase,
    ("tests", "cases", "*"): TransformCase,
    ("tests", "simulate"): SourceSimulation,
    ("tests", "simulate", "*"): SinkSimulation,
    ("tests", "simulate", "*", "when"): SinkReply,
}

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
}

_FORMS = {
    "name": "lower-case letters, digits and single dashes, starting with a letter, such as `orders-api`",
    "aliases": "lower-case letters, digits and single dashes or `_`, starting with a letter",
    "package": "dotted lower-case identifiers, such as `acme.orders_api`",
    "version": "a semantic version, such as `1.2.0`",
    "at": "a JSON pointer, such as `/auth/token`",
}
_IDENTIFIER = "lower-case letters, digits and `_`, starting with a letter"
_STREAM = "ASCII letters, digits, `_`, `-` and `.`, starting with a letter"


def suggestion(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return a hint naming the known word that is nearest to `word`, if one is at least so alike."""
    lowered = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word[:64].casefold(), lowered, n=1, cutoff=cutoff)
    return f"did you mean `{lowered[near[0]]}`?" if near else ""


def check_structure(document: Document, value: Any) -> tuple[Manifest | None, list[Problem]]:
    """Return the manifest, or None and why `value` does not have a manifest's structure."""
    try:
        return Manifest.model_validate(value), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return None, list(islice(_problems(document, value, found), _MOST_PROBLEMS))


def _problems(document: Document, value: Any, found: Sequence[Any]) -> Iterator[Problem]:
    for item in found:
        if not _is_other_union_member(value, item["loc"]):
            path = _document_path(value, item["loc"], missing=item["type"] == "missing")
            yield _problem(document, path, item, _at(value, path))


def _is_other_union_member(value: Any, location: Sequence[str | int]) -> bool:
    """`simulate` is a mapping or a list; errors about the one that was not meant are noise."""
    if tuple(location[:2]) != ("tests", "simulate") or len(location) < 3:
        return False
    meant = isinstance(_at(value, ("tests", "simulate")), list)
    return meant == (location[2] == "SourceSimulation")


def _document_path(value: Any, location: Sequence[str | int], *, missing: bool) -> Path:
    """Return the part of pydantic's location that exists in the document."""
    path: list[str | int] = []
    last = len(location) - 1
    for index, step in enumerate(location):
        inside = isinstance(value, Mapping) and step in value
        if inside or (isinstance(value, list) and isinstance(step, int) and step < len(value)):
            value = value[step]
            path.append(step)
        elif missing and index == last:
            path.append(step)
    return tuple(path)


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if not isinstance(value, (dict, list)):
            return None
        value = value.get(step) if isinstance(value, dict) else value[int(step)]
    return value


def _problem(document: Document, path: Path, item: Any, value: Any) -> Problem:
    kind, context = item["type"], item.get("ctx", {})
    name = escape_text(str(path[-1]), limit=60) if path else "manifest"
    if kind == "missing":
        return document.problem("RVN202", f"the key `{name}` is missing", path)
    if kind == "extra_forbidden":
        hint = _misplaced(path) or suggestion(str(path[-1]), _keys_at(path[:-1]))
        return document.problem("RVN201", f"unknown key `{name}`", path, key=True, hint=hint)
    if kind == "literal_error":
        return _not_one_of(document, path, context["expected"], value)
    if kind in _TYPES:
        return _wrong_type(document, path, _TYPES[kind], value)
    code = "RVN401" if _is_stream_name(path) else "RVN205"
    is_key = "[key]" in item["loc"]
    return document.problem(
        code, f"`{name}` {_form(kind, context)}", path, key=is_key, hint=_form_hint(path, kind)
    )


def _misplaced(path: Path) -> str:
    """Return where a keyword of the config schema belongs that stands at the top."""
    words = ("properties", "required", "additionalProperties", "$defs", "type")
    if len(path) == 1 and path[0] in words:
        return f"move `{path[0]}` below `config`, two spaces further in"
    return ""


def _not_one_of(document: Document, path: Path, expected: str, value: Any) -> Problem:
    words = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    source = escape_text(document.source(path), limit=60)
    if not isinstance(value, str):
        hint = f'quote it: "{source}"' if source in words else f"one of {expected}"
        return document.problem("RVN203", f"must be text, one of {expected}", path, hint=hint)
    if path == ("manifest",):
        return document.problem(
            "RVN200",
            f"format version {value[:20]!r} is not known to this tool",
            path,
            hint='write `manifest: "1"`, or install a newer rivven-toolkit',
        )
    return document.problem(
        "RVN204", f"must be one of {expected}", path, hint=suggestion(value, words)
    )


def _wrong_type(document: Document, path: Path, wanted: str, value: Any) -> Problem:
    return document.problem(
        "RVN203",
        f"must be {wanted}, not {describe(value)}",
        path,
        hint=quote_hint(document, path, value) if wanted == "text" else _shape_hint(wanted, value),
    )


def _shape_hint(wanted: str, value: object) -> str:
    """Return how a lone word, or nothing, is written where a list or a mapping belongs."""
    if value is None:
        nothing = {"a list": "[]", "a mapping": "{}"}.get(wanted)
        return f"{EMPTY_HINT}; `{nothing}` says that there is none" if nothing else ""
    if not isinstance(value, str) or not value.isidentifier():
        return ""
    shown = escape_text(value, limit=60)
    return {"a list": f"write `[{shown}]`", "a mapping": f"write `name: {shown}`"}.get(wanted, "")


EMPTY_HINT = "indent what belongs to it further than its key"
"""What to do about a key whose value has slipped out."""


def describe(value: object) -> str:
    """Return what kind of JSON value this is, without showing it."""
    names = {bool: "true or false", str: "text", dict: "a mapping", list: "a list"}
    return "empty" if value is None else names.get(type(value), "a number")


def quote_hint(document: Document, path: Sequence[str | int], value: object) -> str:
    """Return the hint to quote a scalar that YAML reads as another type than text."""
    source = escape_text(document.source(path), limit=60)
    return f'quote it: "{source}"' if source and isinstance(value, (bool, int, float)) else ""


def _form(kind: str, context: Mapping[str, Any]) -> str:
    bounds = {
        "greater_than_equal": f"must be at least {context.get('ge')}",
        "greater_than": f"must be more than {context.get('gt')}",
        "less_than_equal": f"must be at most {context.get('le')}",
        "string_too_short": "must not be empty",
        "too_short": "must not be empty",
        "string_too_long": f"must have at most {context.get('max_length')} characters",
    }
    return bounds.get(kind, "has the wrong form")


def _form_hint(path: Path, kind: str) -> str:
    if kind != "string_pattern_mismatch":
        return ""
    if _is_stream_name(path):
        return f"use {_STREAM}"
    field = next((step for step in reversed(path) if isinstance(step, str)), "")
    inner = len(path) > 1 and field in {"name", "requires"}
    return "use " + (_IDENTIFIER if inner else _FORMS.get(field, _IDENTIFIER))


def _is_stream_name(path: Path) -> bool:
    return len(path) == 3 and path[0] == "streams" and path[2] == "name"


def _keys_at(path: Path) -> list[str]:
    """Return the keys that a manifest may have at `path`."""
    for pattern, part in _PARTS.items():
        if len(pattern) == len(path) and all(
            wanted in ("*", step) for wanted, step in zip(pattern, path, strict=True)
        ):
            return [field.alias or name for name, field in part.model_fields.items()]
    return []
