"""Security schemes as credentials in the config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator import naming
from rivven_generator.importers.notes import Path
from rivven_generator.importers.openapi.api import Api
from rivven_generator.importers.openapi.properties import Properties
from rivven_generator.importers.openapi.schemes import OPTIONAL, Fields, scheme_fields

_MOST_ALTERNATIVES: Final = 20

Alternative = tuple[str, ...]


def add_security(api: Api, properties: Properties, operations: Sequence[Path]) -> list[Any]:
    """Declare what the given operations need to be let in; return the rules that belong to it.

    One way in gives plain properties; several give the tagged union `credentials`.
    """
    alternatives, is_optional = _alternatives(api, operations)
    found = [(names, fields) for names in alternatives if (fields := _fields(api, names))]
    if len(found) == 1:
        return _add_plain(properties, found[0][1], is_optional=is_optional)
    if found:
        _add_union(api, properties, found[:_MOST_ALTERNATIVES], is_optional=is_optional)
    return []


def schemes_at(api: Api) -> Path:
    """Return the place of the security schemes."""
    return ("securityDefinitions",) if api.is_swagger else ("components", "securitySchemes")


def _alternatives(api: Api, operations: Sequence[Path]) -> tuple[list[Alternative], bool]:
    """Return the sets of schemes that let in, and whether none is needed."""
    own = [at for at in operations if isinstance(api.mapping(at).get("security"), list)]
    places: list[Path] = [(*at, "security") for at in own]
    if len(own) < len(operations) or not operations:
        places.append(("security",))
    listed = [one for at in places for one in api.items(at) if isinstance(one, dict)]
    if not any(isinstance(api.value(at), list) for at in places):
        # Schemes that no operation asks for: each of them may do.
        return [(name,) for name in api.mapping(schemes_at(api))], True
    is_optional = any(not one for one in listed) or any(not api.items(at) for at in places)
    return list(dict.fromkeys(tuple(sorted(one)) for one in listed if one)), is_optional


def _fields(api: Api, names: Alternative) -> Fields:
    """Return the fields of all schemes of one alternative; none if one of them cannot be said."""
    whole: Fields = {}
    for name in names:
        fields = scheme_fields(api, name, (*schemes_at(api), name))
        if not fields:
            return {}
        prefix = naming.identifier(name)
        for field, schema in fields.items():
            whole[f"{prefix}_{field}" if field in whole else field] = schema
    return whole


def _add_plain(properties: Properties, fields: Fields, *, is_optional: bool) -> list[Any]:
    names = [
        properties.add(name, schema, at, required=not is_optional and name not in OPTIONAL)
        for name, (schema, at) in fields.items()
    ]
    needed = [name for name in names if _is_needed(name, properties.declared[name])]
    return [{"require_together": needed}] if is_optional and len(needed) > 1 else []


def _add_union(
    api: Api,
    properties: Properties,
    found: Sequence[tuple[Alternative, Fields]],
    *,
    is_optional: bool,
) -> None:
    tags: list[str] = []
    branches = []
    for names, fields in found:
        wanted = "_and_".join(naming.identifier(name) for name in names)
        tag = wanted if wanted not in tags else f"{wanted}_{len(tags) + 1}"
        tags.append(tag)
        branches.append(_branch(tag, " and ".join(names), fields))
    schema = {
        "description": "How the API lets the connector in.",
        "type": "object",
        "discriminator": {"propertyName": "type"},
        "oneOf": branches,
    }
    properties.add("credentials", schema, schemes_at(api), required=not is_optional)


def _branch(tag: str, title: str, fields: Fields) -> dict[str, Any]:
    own = {name: schema for name, (schema, _) in fields.items() if name != "type"}
    needed = [name for name, schema in own.items() if _is_needed(name, schema)]
    return {
        "title": escape_text(title, limit=100),
        "type": "object",
        "required": ["type", *needed],
        "properties": {"type": {"const": tag}, **own},
    }


def _is_needed(name: str, schema: dict[str, Any]) -> bool:
    return "default" not in schema and name not in OPTIONAL


def key_names(api: Api) -> frozenset[str]:
    """Return the parameters that keys are sent as."""
    at = schemes_at(api)
    return frozenset(api.text((*at, name), "name") for name in api.mapping(at)) - {""}
