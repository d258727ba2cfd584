"""Unions of a foreign schema: written plainly where they can be, else told apart by a tag."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator.importers.combined import combined
from rivven_generator.importers.flattening import Flat, Flattening
from rivven_generator.importers.notes import Notes, Path
from rivven_generator.importers.untagged import is_object, required_names, settle_untagged

_ANNOTATIONS: Final = frozenset(
    {"title", "description", "examples", "deprecated", "order", "group", "default"}
)
_IMPLIED_BY_TAG: Final = frozenset(
    {"const", "enum", "default", "type", "pattern", "minLength", "maxLength", "examples", "secret"}
)
_COMMON_TAGS: Final = ("type", "auth_type", "auth_method", "method", "mode", "kind")
_TAG_ENDINGS: Final = ("type", "method", "mode", "kind")
"""A default of a property whose name ends so tells branches apart; of another, it is only a default."""

Node = dict[str, Any]


@dataclasses.dataclass(slots=True)
class Branches:
    """What became of a union: branches with a tag, rules, or neither."""

    tag: str = ""
    found: list[Flat] = dataclasses.field(default_factory=list)
    rules: list[Node] = dataclasses.field(default_factory=list)
    null: bool = False
    """Whether one of the branches was for null."""


def settle_union(
    flat: Flat, flattening: Flattening, notes: Notes, *, tags: bool = True
) -> Branches:
    """Take `oneOf` and `anyOf` out of a schema, and return what cannot be said without them.

    Without `tags`, objects become one even if a tag tells them apart: a config itself is no union.
    What is copied into the schema is added to what `flattening` is inside of.
    """
    result = Branches()
    wanted = _tag_named(flat.node.pop("discriminator", None))
    # A branch that becomes the schema itself may bring a union of its own.
    while words := [word for word in ("oneOf", "anyOf") if word in flat.node]:
        word = words[0]
        raw = flat.node.pop(word)
        if not isinstance(raw, list) or not raw:
            continue
        at = (*flat.at, word)
        branches = [flattening.flat(one, (*at, index)) for index, one in enumerate(raw)]
        if result.tag:
            notes.add("RVN831", "a second union in one schema was left out", at, key=True)
            continue
        found = _settled(
            flat,
            branches,
            word,
            wanted=wanted if tags else None,
            notes=notes,
            inside=flattening.inside,
        )
        rules, null = [*result.rules, *found.rules], result.null or found.null
        result = Branches(found.tag, found.found, rules, null)
        wanted = wanted or _tag_named(flat.node.pop("discriminator", None))
    if result.null:
        _enumerate_null(flat.node)
    return result


def _tag_named(discriminator: object) -> str:
    named = discriminator.get("propertyName") if isinstance(discriminator, dict) else discriminator
    return named if isinstance(named, str) else ""


def _settled(
    flat: Flat,
    branches: list[Flat],
    word: str,
    *,
    wanted: str | None,
    notes: Notes,
    inside: list[Path],
) -> Branches:
    at = (*flat.at, word)
    rules = _rules(flat.node, branches, word)
    if rules is not None:
        return Branches(rules=rules)
    rest = [branch for branch in branches if not _is_null(branch.node)]
    null = len(rest) < len(branches) and _accepts_null(flat.node)
    if len(rest) < len(branches) and not null:
        notes.add("RVN802", "a branch for null where null is refused was left out", at, key=True)
    if null:
        flat.node["nullable"] = True
        twice = word == "oneOf" and any(_is_nullable(branch.node) for branch in rest)
        code = "RVN824" if twice else "RVN802"
        notes.add(code, "a branch for null became a nullable type", at, key=True)
    values = _constants([branch.node for branch in rest])
    if values is not None and len(rest) > 1:
        flat.node = combined({"enum": values}, flat.node, at, notes)
        notes.add("RVN802", "a union of constants became `enum`", at, key=True)
    elif len(rest) == 1:
        _take(flat, rest[0], notes)
        inside += rest[0].inlined
        notes.add("RVN802", "a union with one branch became that branch", at, key=True)
    elif rest:
        found = _tagged(flat, rest, at, wanted, notes)
        inside += [] if found.tag else [path for one in rest for path in one.inlined]
        return found
    return Branches(null=null)


def _accepts_null(node: Node) -> bool:
    """Whether the type that stands around a union, if any does, is null's as well."""
    return node.get("type") is None or _is_nullable(node)


def _enumerate_null(node: Node) -> None:
    """Where the values are listed, null has to be one of them."""
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if isinstance(node.get("enum"), list) and None not in node["enum"]:
        node["enum"] = [*node["enum"], None]


def _take(flat: Flat, branch: Flat, notes: Notes) -> None:
    """Make the only branch the schema itself; what stood around it says more to people."""
    own = {w: v for w, v in flat.node.items() if w in _ANNOTATIONS}
    nullable = flat.node.get("nullable")
    flat.node = {**combined(branch.node, flat.node, flat.at, notes), **own}
    if nullable:
        flat.node["nullable"] = True
    flat.at = branch.at if len(flat.node) > len(own) else flat.at


def _is_null(node: Node) -> bool:
    return (
        node.get("type") in ("null", ["null"])
        or node.get("enum") == [None]
        or ("const" in node and node["const"] is None)
    )


def _is_nullable(node: Node) -> bool:
    kind = node.get("type")
    if node.get("nullable") is True or (isinstance(kind, list) and "null" in kind):
        return True
    parts = [part for word in ("oneOf", "anyOf") for part in node.get(word) or ()]
    return any(isinstance(part, dict) and (_is_null(part) or _is_nullable(part)) for part in parts)


def _constants(nodes: Sequence[Node]) -> list[Any] | None:
    """Return all values of branches that are nothing but constants; None where one is more."""
    values: list[Any] = []
    for node in nodes:
        rest = node.keys() - _ANNOTATIONS - {"type"}
        if rest == {"const"}:
            values.append(node["const"])
        elif rest == {"enum"} and isinstance(node["enum"], list):
            values += node["enum"]
        else:
            return None
    return values


def _rules(node: Node, branches: Sequence[Flat], word: str) -> list[Node] | None:
    """Return branches that only require properties as a rule; None where they say more."""
    if not isinstance(node.get("properties"), dict) or len(branches) < 2:
        return None
    names: list[str] = []
    for branch in branches:
        listed = branch.node.get("required")
        alone = branch.node.keys() - _ANNOTATIONS - {"type"} == {"required"}
        if not alone or not isinstance(listed, list) or len(listed) != 1:
            return None
        names.append(str(listed[0]))
    if len(set(names)) < len(names) or not all(name in node["properties"] for name in names):
        return None
    return [{"require_one" if word == "oneOf" else "require_any": names}]


def _tagged(
    flat: Flat, branches: list[Flat], at: Path, wanted: str | None, notes: Notes
) -> Branches:
    shared = {w: v for w, v in flat.node.items() if w in ("properties", "required")}
    if shared:
        for branch in branches:
            branch.node = combined(branch.node, shared, branch.at, notes)
    nodes = [branch.node for branch in branches]
    tag = "" if wanted is None else find_tag(nodes, wanted)
    if not tag:
        settle_untagged(flat, branches, at, notes)
        return Branches()
    if flat.node.pop("nullable", None):
        notes.add("RVN831", "a tagged union cannot be null; leave it out instead", at, key=True)
    for branch in branches:
        _require_tag(branch, tag, notes)
    return Branches(tag, branches)


def find_tag(nodes: Sequence[Node], wanted: str = "") -> str:
    """Return the property whose constant differs in every branch; nothing where there is none.

    `wanted` is what a discriminator names. A constant may be written as `const`, as an `enum` of
    one value, or, where that is all there is to tell branches apart, as a default.
    """
    if not all(is_object(node) for node in nodes):
        return ""
    names: list[str] = sorted(
        nodes[0]["properties"], key=lambda name: (name != wanted, name not in _COMMON_TAGS)
    )
    for loosely in (False, True):
        for name in names:
            values = [_constant(node, name, loosely=loosely) for node in nodes]
            if all(isinstance(v, str) for v in values) and len(set(values)) == len(values):
                return name
    return ""


def _constant(node: Node, name: str, *, loosely: bool) -> Any:
    declared = node["properties"].get(name)
    if not isinstance(declared, Mapping):
        return None
    if isinstance(declared.get("allOf"), list):
        return _common_constant(declared["allOf"])
    if "const" in declared:
        return declared["const"]
    values = declared.get("enum")
    if isinstance(values, list) and len(values) == 1:
        return values[0]
    told = name.casefold().endswith(_TAG_ENDINGS)
    return declared.get("default") if loosely and told and "enum" not in declared else None


def _common_constant(parts: list[Any]) -> Any:
    """Return the constant of a tag that is declared in a branch and around the union."""
    said = [part for part in parts if isinstance(part, Mapping)]
    constants = [
        value
        for part in said
        for value in [_constant({"properties": {"": part}}, "", loosely=False)]
        if value is not None
    ]
    listed = [part["enum"] for part in said if isinstance(part.get("enum"), list)]
    if not constants or any(value != constants[0] for value in constants):
        return None
    return constants[0] if all(constants[0] in values for values in listed) else None


def _require_tag(branch: Flat, tag: str, notes: Notes) -> None:
    """Make the tag of a branch a required constant."""
    declared = branch.node["properties"][tag]
    at = (*branch.at, "properties", tag)
    constant = _constant(branch.node, tag, loosely=True)
    if "allOf" in declared:
        notes.add("RVN802", "what two parts say of the tag became `const`", at, key=True)
    elif declared.get("const") != constant:
        notes.add("RVN816", "the tag's only value became `const`", at, key=True)
    kept = {w: v for w, v in declared.items() if w not in _IMPLIED_BY_TAG | {"allOf"}}
    properties = {**branch.node["properties"], tag: {**kept, "const": constant}}
    required = required_names(branch.node)
    names = [name for name in required if name != tag]
    if tag not in required:
        shown = escape_text(tag, limit=60)
        notes.add("RVN816", f"the tag `{shown}` is required in every branch", at, key=True)
    branch.node = {
        **branch.node,
        "type": "object",
        "required": [tag, *names],
        "properties": properties,
    }
