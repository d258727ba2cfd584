"""Which operations return a list of objects, and where in the response it is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rivven_generator.importers.notes import Path
from rivven_generator.importers.openapi.api import Api

_JSON: Final = re.compile(r"application/(.+\+)?json(;.*)?|text/json(;.*)?|\*/\*", re.IGNORECASE)
_WRAPPERS: Final = frozenset(
    "data items results result records values value content entries elements objects list rows response".split()  # noqa: SIM905
)
_AROUND_LISTS: Final = re.compile(
    r"_?(links?|meta(data)?|pag(e|ing|ination)|cursors?|total|count|size|limit|offset|status|success|ok|code|message"
    r"|errors?|warnings?|next|prev(ious)?|first|last|has_?(more|next).*|is_?truncated|object|kind|type|url|href|self"
    r"|etag|request_?id|response.*|(next|prev|total|page|per|item|result|record|num|current|start|end|more|max).*"
    r"|.*(count|total|token|cursor|page|pages|links?|metadata|@odata.*))",
    re.IGNORECASE,
)
"""Properties of a response that is there for its list, and is no thing of its own."""
_MOST_PARTS: Final = 200


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectList:
    """The schema of the items, and the property of the response that holds them, if one does."""

    items: Path
    within: str = ""


def list_of_objects(api: Api, operation: Path) -> ObjectList | None:
    """Return the list of objects that a successful response is, or has in exactly one property."""
    schema = _response_schema(api, operation)
    if schema is None:
        return None
    items = _items(api, schema)
    if items is not None:
        return ObjectList(items) if _is_object(api, items) else None
    last = _last_word(str(operation[1]))
    properties = _properties(api, schema)
    lists: dict[str, Path] = {}
    for name, at in properties:
        found = _items(api, at)
        if found is not None and _is_object(api, found):
            lists[name] = found
    named = [name for name in lists if name.casefold() in _WRAPPERS | {last.casefold()}]
    others = [name for name, _ in properties if name not in lists]
    is_envelope = all(_AROUND_LISTS.fullmatch(name) for name in others)
    chosen = list(lists) if len(lists) == 1 and is_envelope else named
    return ObjectList(lists[chosen[0]], chosen[0]) if len(chosen) == 1 else None


def one_thing(api: Api, operation: Path) -> Path | None:
    """Return where the schema of a successful response really is, if it has one."""
    schema = _response_schema(api, operation)
    return None if schema is None else api.references.end(schema)


def _last_word(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2].partition(".")[0]


def _response_schema(api: Api, operation: Path) -> Path | None:
    responses = (*operation, "responses")
    for status in _successes(list(api.mapping(responses))):
        at = api.followed((*responses, status))
        found = None if at is None else _schema_of(api, operation, at)
        if found is not None:
            return found
    return None


def _successes(statuses: Sequence[str]) -> Iterator[str]:
    """Yield the statuses of success, the plainest first."""
    ranks = {"200": 0, "2XX": 1, "2xx": 1, "default": 3}
    ranked = [(ranks.get(s, 2), s) for s in statuses if s.startswith("2") or s == "default"]
    return (status for _, status in sorted(ranked))


def _schema_of(api: Api, operation: Path, response: Path) -> Path | None:
    if api.is_swagger:
        produces = api.items((*operation, "produces")) or api.items(("produces",))
        kinds = [kind for kind in produces if isinstance(kind, str)]
        if kinds and not any(_JSON.fullmatch(kind) for kind in kinds):
            return None
        return (*response, "schema") if "schema" in api.mapping(response) else None
    content = (*response, "content")
    for kind in api.mapping(content):
        if _JSON.fullmatch(kind) and "schema" in api.mapping((*content, kind)):
            return (*content, kind, "schema")
    return None


def _items(api: Api, at: Path) -> Path | None:
    """Return the place of the items if the schema is that of a list."""
    end = api.followed(at)
    node = {} if end is None else api.mapping(end)
    if end is None or not isinstance(node.get("items"), dict):
        return None
    kinds = node.get("type", "array")
    listed = kinds if isinstance(kinds, list) else [kinds]
    return (*end, "items") if "array" in listed else None


def _parts(api: Api, at: Path, keywords: Sequence[str] = ("allOf",)) -> Iterator[Path]:
    """Yield a schema and what it is made of, references followed."""
    seen: set[Path] = set()
    waiting = [at]
    while waiting and len(seen) < _MOST_PARTS:
        end = api.followed(waiting.pop(0))
        if end is None or end in seen:
            continue
        seen.add(end)
        yield end
        for keyword in keywords:
            waiting += [(*end, keyword, i) for i in range(len(api.items((*end, keyword))))]


def _properties(api: Api, at: Path) -> list[tuple[str, Path]]:
    found = {
        name: (*part, "properties", name)
        for part in _parts(api, at)
        for name in api.mapping((*part, "properties"))
    }
    return list(found.items())


def _is_object(api: Api, at: Path) -> bool:
    """Return whether a schema describes an object: itself, or in what it is made of."""
    parts = (api.mapping(part) for part in _parts(api, at, ("allOf", "oneOf", "anyOf")))
    return any(_says_object(part) for part in parts)


def _says_object(node: dict[str, Any]) -> bool:
    kinds = node.get("type")
    listed = kinds if isinstance(kinds, list) else [kinds]
    return "object" in listed or (kinds is None and isinstance(node.get("properties"), dict))
