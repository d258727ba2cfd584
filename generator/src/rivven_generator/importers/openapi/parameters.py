"""Parameters of operations: which belong into the config, which page, which filter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator.importers.notes import Path
from rivven_generator.importers.openapi.api import Api
from rivven_generator.importers.openapi.properties import Properties
from rivven_generator.lint.records import follow
from rivven_generator.lint.secrets import is_secret_name
from rivven_generator.schema.vocabulary import FORMATS

_PAGING: Final = re.compile(
    r"(.*[_.\[-])?(page|pages|per_?page|page_?size|page_?number|page_?no|page_?index|page_?token|limit|offset|skip"
    r"|cursor|top|count|size|start|start_?index|max_?results|max_?items|rows|first|last|after|before|next"
    r"|next_?token|continuation_?token|starting_?after|ending_?before|marker|max_?keys)\]?",
    re.IGNORECASE,
)
_OF_THE_CLIENT: Final = frozenset({"accept", "content-type", "authorization", "user-agent"})
_LITERALS: Final = ("default", "enum", "examples")
_KEPT: Final = frozenset({"type", "enum", "format", "minimum", "maximum", "default"})

Found = tuple[str, Path]


def parameters_of(api: Api, operation: Path) -> dict[tuple[str, str], Path]:
    """Return the place of each parameter of an operation, by where it is sent and its name."""
    found: dict[tuple[str, str], Path] = {}
    for holder in ((*operation[:-1], "parameters"), (*operation, "parameters")):
        for index in range(len(api.items(holder))):
            at = api.followed((*holder, index))
            name = "" if at is None else api.text(at, "name")
            if at is not None and name:
                found[api.text(at, "in"), name] = at
    return found


def add_parameters(
    api: Api, properties: Properties, streams: Sequence[tuple[str, Path]], sent: frozenset[str]
) -> None:
    """Declare the parameters that streams require; `sent` has those that credentials fill in."""
    needed: dict[tuple[str, str], list[str]] = {}
    places: dict[tuple[str, str], Path] = {}
    for stream, operation in streams:
        for (where, name), at in parameters_of(api, operation).items():
            if where == "path" or name in sent or name.lower() in _OF_THE_CLIENT:
                continue
            if where == "query" and _PAGING.fullmatch(name):
                api.notes.count("RVN877", "turning pages is left to the code that reads", at)
            elif api.mapping(at).get("required") is True and where in {"query", "header"}:
                needed.setdefault((where, name), []).append(stream)
                places.setdefault((where, name), at)
            else:
                reason = "optional parameters are left to the code that reads"
                api.notes.count("RVN856", reason, at)
    for (where, name), users in needed.items():
        schema = _schema(api, name, where, places[where, name])
        everywhere = len(users) == len(streams)
        if schema is not None and not everywhere:
            shown = ", ".join(f"`{user}`" for user in users[:10])
            schema["description"] += f" Needed by {shown}{' and others' if users[10:] else ''}."
        if schema is not None:
            properties.add(name, schema, places[where, name], required=everywhere)


def filters_by(api: Api, operation: Path, field: str) -> bool:
    """Return whether a query parameter lets through only what changed since some time."""
    queries = [name for where, name in parameters_of(api, operation) if where == "query"]
    word = re.sub(r"(_?at|_?on|_?date|_?time|date_|last_?)", "", field, flags=re.IGNORECASE)
    since = r"(since|after|from|min|gte?|start|begin|greater)"
    return any(
        re.fullmatch(r"since|modified_?since|if_?modified_?since", name, re.IGNORECASE)
        or (word.lower() in name.lower() and re.search(since, name, re.IGNORECASE))
        for name in queries
    )


def _schema(api: Api, name: str, where: str, at: Path) -> dict[str, Any] | None:
    """Return a scalar, or list of scalars, as a config property; None, noted, for anything else."""
    found = api.mapping(at) if api.is_swagger else _modern(api, (*at, "schema"))
    shown = escape_text(name, limit=60)
    if not _is_simple(found) and not _is_simple(found.get("items")):
        api.notes.add("RVN856", f"`{shown}` has no schema that a config property can have", at)
        return None
    text = " ".join(api.text(at, "description").split())
    schema: dict[str, Any] = {
        "description": text or f"Sent as `{shown}` in the {where} of requests."
    }
    if not text.endswith((".", "!", "?")) and text:
        schema["description"] += "."
    if _is_simple(found):
        schema |= _simple(found)
    else:
        schema |= {"type": "array", "items": _simple(found["items"])}
    if is_secret_name(name) and schema["type"] == "string":
        schema = {word: value for word, value in schema.items() if word not in _LITERALS}
        schema["secret"] = True
    return schema


def _modern(api: Api, at: Path) -> dict[str, Any]:
    """Return the schema with references followed."""
    if not isinstance(api.value(at), dict):
        return {}
    found = api.schemas.record(at)
    return dict(follow(found, found))


def _is_simple(schema: Any) -> bool:
    kinds = schema.get("type") if isinstance(schema, dict) else None
    return kinds in ("string", "integer", "number", "boolean")


def _simple(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {word: value for word, value in schema.items() if word in _KEPT}
    if kept.get("format") not in FORMATS or kept["type"] != "string":
        kept.pop("format", None)
    return kept
