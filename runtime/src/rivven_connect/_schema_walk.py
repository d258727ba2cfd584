"""What a JSON Schema says about one place of a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:  # at run time it would load the encoder
    from rivven_connect._json import Json, JsonObject
    from rivven_connect._problems import Problem

Step: TypeAlias = str | int
_DEEPEST = 64


def schemas_at(schema: JsonObject, value: Json, path: Sequence[Step]) -> list[JsonObject]:
    """Return the subschemas that apply at `path` of `value`, references and unions resolved.

    Of a tagged union only the branch that the value's tag picks counts; with an unknown tag, all.
    """
    found = list(_expand(schema, schema, value, 0))
    for step in path:
        value = _child(value, step)
        found = [
            inner
            for one in found
            for child in _children(one, step)
            for inner in _expand(child, schema, value, 0)
        ]
    return found


def hint_of(problem: Problem, keys: Sequence[str], schema: JsonObject, value: Json) -> str:
    """Return what helps with a problem of a config, at the place that the keys of a pointer name.

    Of a pattern, which says it to machines alone, that is the description of the place.
    """
    if problem.rule != "pattern":
        return problem.hint
    path: list[Step] = []
    here = value
    for key in keys:
        path.append(int(key) if isinstance(here, list) else key)
        here = _child(here, path[-1])
    texts = [one["description"] for one in schemas_at(schema, value, path) if "description" in one]
    return f"what it takes: {texts[0]}" if texts else ""


def resolve_reference(root: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return `schema` with its references followed; keywords beside a `$ref` win."""
    merged = dict(schema)
    for _ in range(_DEEPEST):
        target = _target(root, merged)
        if target is None:
            break
        del merged["$ref"]
        merged = {**target, **merged}
    return merged


def _target(root: Mapping[str, Any], schema: Mapping[str, Any]) -> JsonObject | None:
    """Return what the `$ref` of a schema names; None without one, or where it leads nowhere."""
    reference = schema.get("$ref")
    if not (isinstance(reference, str) and reference.startswith("#/")):
        return None
    target: Any = root
    for key in reference[2:].split("/"):
        name = key.replace("~1", "/").replace("~0", "~")
        target = target.get(name) if isinstance(target, Mapping) else None
    return target if isinstance(target, dict) else None


def _child(value: Json, step: Step) -> Json:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _children(schema: JsonObject, step: Step) -> Iterator[JsonObject]:
    if isinstance(step, int):
        candidates = [schema.get("items")]
    else:
        properties = schema.get("properties", {})
        candidates = [properties.get(step, schema.get("additionalProperties"))]
    yield from (one for one in candidates if isinstance(one, dict))


def _expand(schema: JsonObject, root: JsonObject, value: Json, depth: int) -> Iterator[JsonObject]:
    if depth > _DEEPEST:
        return
    yield schema
    target = _target(root, schema)
    if target is not None:
        yield from _expand(target, root, value, depth + 1)
    for part in schema.get("allOf", ()):
        yield from _expand(part, root, value, depth + 1)
    branches = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    expanded = [list(_expand(branch, root, value, depth + 1)) for branch in branches]
    chosen = [one for one in expanded if _matches_tag(one, value)]
    for branch in chosen or expanded:
        yield from branch


def _matches_tag(branch: Sequence[JsonObject], value: Json) -> bool:
    """Whether no constant property of the branch contradicts the value."""
    if not isinstance(value, dict):
        return True
    constants = [
        (name, prop["const"])
        for schema in branch
        for name, prop in schema.get("properties", {}).items()
        if isinstance(prop, dict) and "const" in prop
    ]
    return all(value.get(name, constant) == constant for name, constant in constants)


def types_of(schemas: Sequence[JsonObject]) -> frozenset[str]:
    """Return every JSON type that the schemas name."""
    found: set[str] = set()
    for schema in schemas:
        named: Any = schema.get("type", ())
        found.update([named] if isinstance(named, str) else named)
        if "const" in schema and "type" not in schema:
            found.add(_type_of(schema["const"]))
        if "enum" in schema and "type" not in schema:
            found.update(_type_of(one) for one in schema["enum"])
    return frozenset(found)


def _type_of(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    names: tuple[tuple[type, str], ...] = ((int, "integer"), (float, "number"), (str, "string"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def is_write_only(schemas: Sequence[JsonObject]) -> bool:
    """Whether one of the schemas marks a secret."""
    return any(schema.get("writeOnly") is True for schema in schemas)
