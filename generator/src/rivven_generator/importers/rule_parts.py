"""Parts of a foreign schema that are rules across properties, as `rules` of a manifest.

What a manifest's own rules compile to is read back here; other tools write the same forms by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rivven_connect.documents import to_pointer

_FOR_PEOPLE: Final = frozenset({"title", "description", "$comment"})
_MISSING: Final = object()
_FEWEST: Final = 2
"""Names in a rule about several."""

Schema = Mapping[str, Any]
Rule = dict[str, Any]


def split_rules(raw: Schema) -> tuple[list[Rule], dict[str, Any]]:
    """Return the rules that stand in a schema of an object, and the schema without them."""
    properties = raw.get("properties")
    if not isinstance(properties, dict):
        return [], dict(raw)
    rules: list[Rule] = []
    rest = dict(raw)
    if isinstance(raw.get("allOf"), list):
        read = [(part, _rule(part, properties)) for part in raw["allOf"]]
        rules += [rule for _, rule in read if rule is not None]
        rest["allOf"] = [part for part, rule in read if rule is None]
        if not rest["allOf"]:
            del rest["allOf"]
    for words in ({"dependentRequired"}, {"dependencies"}, {"if", "then"}):
        own = _rule({word: raw[word] for word in words if word in raw}, properties)
        if own is not None:
            rules.append(own)
            rest = {word: value for word, value in rest.items() if word not in words}
    return rules, rest


def _rule(part: Any, properties: Schema) -> Rule | None:
    """Return the rule that a part of a schema is; None where it is something else."""
    if not isinstance(part, dict):
        return None
    words = part.keys() - _FOR_PEOPLE
    if words in ({"anyOf"}, {"oneOf"}):
        word = min(words)
        names = _alternatives(part[word], properties)
        return {"require_any" if word == "anyOf" else "require_one": names} if names else None
    if words in ({"dependentRequired"}, {"dependencies"}):
        names = _together(part[min(words)], properties)
        return {"require_together": names} if names else None
    if words == {"if", "then"}:
        if part["if"] == {"type": "object"}:
            return _rule(part["then"], properties)
        return _condition(part["if"], part["then"], properties)
    return _inside(part, properties) if words == {"properties"} else None


def _alternatives(branches: Any, properties: Schema) -> list[str]:
    """Return the names of branches that require one property each."""
    names: list[str] = []
    for branch in branches if isinstance(branches, list) else ():
        listed = branch.get("required") if isinstance(branch, dict) else None
        if not isinstance(listed, list) or len(listed) != 1 or branch.keys() - {"required", "type"}:
            return []
        names += listed
    return names if _are_declared(names, properties) else []


def _together(needed: Any, properties: Schema) -> list[str]:
    """Return the names that all need each other."""
    if not isinstance(needed, dict) or not _are_declared(list(needed), properties):
        return []
    whole = set(needed)
    if any(
        not isinstance(more, list) or {name, *map(str, more)} != whole
        for name, more in needed.items()
    ):
        return []
    return list(needed)


def _condition(given: Any, then: Any, properties: Schema) -> Rule | None:
    """Return `when` and `require`; a condition about an absent property must say so as we do."""
    when = _values_given(given, properties)
    if not when or not isinstance(then, dict) or then.keys() != {"required"}:
        return None
    names = then["required"]
    if not isinstance(names, list) or not names:
        return None
    absent_counts = {name for name in when if name not in given.get("required", ())}
    by_default = {name for name in when if _default(properties[name]) == when[name]}
    return {"when": when, "require": list(names)} if absent_counts == by_default else None


def _values_given(given: Any, properties: Schema) -> Rule:
    """Return the values that a condition asks for; none where it asks for anything else as well."""
    if not isinstance(given, dict) or given.keys() - {"properties", "required", "type"}:
        return {}
    values = given.get("properties")
    if not isinstance(values, dict) or not _is_part(given.get("required", []), values):
        return {}
    if given.get("type", "object") != "object" or not _is_part(list(values), properties):
        return {}
    constants = all(isinstance(one, dict) and one.keys() == {"const"} for one in values.values())
    # Behind a reference stands a default that is not seen from here.
    seen = not any("$ref" in properties[n] for n in values if isinstance(properties[n], dict))
    return {name: one["const"] for name, one in values.items()} if constants and seen else {}


def _is_part(names: Any, whole: Schema) -> bool:
    return isinstance(names, list) and all(isinstance(n, str) and n in whole for n in names)


def _default(schema: Any) -> Any:
    return schema.get("default", _MISSING) if isinstance(schema, dict) else _MISSING


def _inside(part: Schema, properties: Schema) -> Rule | None:
    """Return a rule about an object inside, with its place."""
    inner = part["properties"]
    if not isinstance(inner, dict) or len(inner) != 1:
        return None
    [(name, schema)] = inner.items()
    declared = properties.get(name)
    below = declared.get("properties") if isinstance(declared, dict) else None
    found = _rule(schema, below) if isinstance(below, dict) else None
    return found and {**found, "at": to_pointer((name,)) + found.get("at", "")}


def _are_declared(names: list[Any], properties: Schema) -> bool:
    unique = {name for name in names if isinstance(name, str) and name in properties}
    return len(unique) == len(names) >= _FEWEST
