"""Record schemas: real JSON Schema of an object, with references inside the document only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from rivven_connect.documents import Problem, escape_text, split_pointer
from rivven_generator.lint.subject import Path, Subject
from rivven_generator.structure import suggestion

_LONGEST_CHAIN = 64
_NEAR = 0.85
"""How alike two words are that differ by a slip: `requird`, not `precision` and `description`."""
_KEYWORDS = frozenset({
    "$anchor", "$comment", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$ref", "$schema",
    "$vocabulary", "additionalProperties", "allOf", "anyOf", "const", "contains",
    "contentEncoding", "contentMediaType", "contentSchema", "default", "definitions",
    "dependencies", "dependentRequired", "dependentSchemas", "deprecated", "description",
    "discriminator", "else", "enum", "example", "examples", "exclusiveMaximum",
    "exclusiveMinimum", "format", "id", "if", "items", "maxContains", "maxItems", "maxLength",
    "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties",
    "minimum", "multipleOf", "not", "nullable", "oneOf", "pattern", "patternProperties",
    "prefixItems", "properties", "propertyNames", "readOnly", "required", "then", "title",
    "type", "unevaluatedItems", "unevaluatedProperties", "uniqueItems", "writeOnly",
})  # fmt: skip
"""JSON Schema 2020-12, and what older drafts and OpenAPI call theirs."""


def valid(record: Subject) -> Iterator[Problem]:
    """The schema is well-formed and describes an object."""
    for error in _meta_schema().iter_errors(record.root):
        yield record.problem(
            "RVN405",
            f"this is not JSON Schema: `{error.schema_path[-1]}` of the meta-schema is broken",
            tuple(error.instance_path),
        )
    described = follow(record.root, record.root)
    named = described.get("type", "object") if isinstance(described, Mapping) else None
    if named != "object" and not (isinstance(named, list) and "object" in named):
        yield record.problem(
            "RVN405", "a record is an object", ("type",), hint="write `type: object`"
        )


@cache
def _meta_schema() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        {"$ref": "https://json-schema.org/draft/2020-12/schema"}
    )


def references(record: Subject) -> Iterator[Problem]:
    """References stay inside the document, lead somewhere, and not only to one another."""
    for path, node in _mappings(record.root):
        reference = node.get("$ref")
        if isinstance(reference, (Mapping, bool)) or reference is None:
            continue  # a field called `$ref`
        reason = _reason_against(record.root, reference)
        if reason:
            shown = escape_text(str(reference), limit=80)
            yield record.problem("RVN405", f"`$ref: {shown}` {reason}", (*path, "$ref"))


def _reason_against(root: Any, reference: object) -> str:
    seen: set[str] = set()
    while True:
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            return "leads out of the document; files and URLs are never followed"
        if reference in seen or len(seen) > _LONGEST_CHAIN:
            return "leads in circles, or along too many references"
        seen.add(reference)
        target = _target(root, reference)
        if target is _NOTHING:
            return "leads nowhere"
        if not isinstance(target, Mapping) or "$ref" not in target:
            return ""
        reference = target["$ref"]


def spelling(record: Subject) -> Iterator[Problem]:
    """What looks like a misspelt keyword, or a misspelt name in `required`, is worth a warning.

    JSON Schema ignores unknown keywords, and may require what it does not declare.
    """
    for path, node in _mappings(record.root):
        if _is_naming(path):
            continue
        for keyword in node:
            if keyword not in _KEYWORDS and (hint := suggestion(keyword, _KEYWORDS, cutoff=_NEAR)):
                shown = escape_text(keyword, limit=60)
                yield record.problem(
                    "RVN416", f"`{shown}` is no keyword", (*path, keyword), hint=hint, key=True
                )
        declared, required = node.get("properties"), node.get("required")
        if isinstance(declared, Mapping) and isinstance(required, list):
            for index, name in enumerate(required):
                known = not isinstance(name, str) or name in declared
                if not known and (hint := suggestion(name, declared, cutoff=_NEAR)):
                    shown = escape_text(name, limit=60)
                    place = (*path, "required", index)
                    yield record.problem("RVN416", f"`{shown}` is not declared", place, hint=hint)


def follow(root: Any, node: Any) -> Any:
    """Return `node`, or what its chain of local references ends in."""
    for _ in range(_LONGEST_CHAIN):
        reference = node.get("$ref") if isinstance(node, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            return node
        target = _target(root, reference)
        if target is _NOTHING:
            return node
        node = target
    return node


_NOTHING = object()


def _target(root: Any, reference: str) -> Any:
    try:
        keys = split_pointer(reference[1:])
    except ValueError:
        return _NOTHING
    node = root
    for key in keys:
        if isinstance(node, Mapping) and key in node:
            node = node[key]
        elif (
            isinstance(node, list)
            and key.isascii()
            and key.isdecimal()
            and int(key[:9]) < len(node)
        ):
            node = node[int(key[:9])]
        else:
            return _NOTHING
    return node


def _mappings(root: Any) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield every mapping that may be a schema; values under `const` and the like are data."""
    waiting: list[tuple[Path, Any]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, Mapping):
            yield path, node
            data = {"const", "enum", "default", "examples"} - (
                {*node} if _is_naming(path) else set()
            )
            waiting.extend(((*path, key), value) for key, value in node.items() if key not in data)
        elif isinstance(node, list):
            waiting.extend(((*path, index), value) for index, value in enumerate(node))


def _is_naming(path: Path) -> bool:
    """Whether the mapping at `path` has names as keys, not keywords."""
    return bool(path) and path[-1] in {
        "properties",
        "$defs",
        "patternProperties",
        "dependentSchemas",
    }
