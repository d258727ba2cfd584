"""Operations that list records, as streams."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator.importers.notes import Path
from rivven_generator.importers.openapi.api import Api
from rivven_generator.importers.openapi.lists import ObjectList, list_of_objects, one_thing
from rivven_generator.importers.openapi.parameters import filters_by
from rivven_generator.importers.record_fields import (
    fields_of,
    is_record,
    required_of,
    scalar_type,
)
from rivven_generator.importers.stream_names import StreamNames, legal_name

_MOST_STREAMS: Final = 1_000
_GENERIC: Final = frozenset(
    "list search all query find index get json latest feed export".split()  # noqa: SIM905
)
_VERSION: Final = re.compile(r"v[0-9]+([._][0-9]+)*|api", re.IGNORECASE)
_KEYS: Final = ("id", "uuid", "guid", "key", "code", "slug")
_CURSORS: Final = re.compile(
    r"(last_?)?(updated|modified|changed)(_?(at|on|date|time|since))?|date_?(updated|modified)"
    r"|last_?(update|modification|change)(_?(at|on|date|time))?",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class ListOperation:
    """One operation that becomes a stream."""

    name: str
    path: str
    at: Path
    found: ObjectList


def list_operations(api: Api, connector: str) -> list[ListOperation]:
    """Return the operations that become streams, each with its name; the others are noted."""
    chosen: list[tuple[str, Path, ObjectList]] = []
    others: list[Path] = []
    for path, method, at in api.operations():
        found = list_of_objects(api, at) if method == "get" else None
        if method != "get":
            api.notes.count("RVN876", "a source reads with GET, and the operation is none", at)
        elif found is None:
            others.append(at)
        elif "{" in path:
            shown = escape_text(path, limit=100)
            api.notes.add("RVN853", f"`{shown}` lists parts of one thing", at, key=True)
        elif len(chosen) == _MOST_STREAMS:
            api.notes.count("RVN859", f"more than {_MOST_STREAMS} streams", at)
        else:
            chosen.append((path, at, found))
    _note_others(api, others, [found for _, _, found in chosen])
    return _named(api, connector, chosen)


def _note_others(api: Api, operations: Sequence[Path], lists: Sequence[ObjectList]) -> None:
    """Note which operations are no streams; what a stream lists, nobody has to read one by one."""
    listed = {api.references.end(found.items) for found in lists}
    for at in operations:
        if one_thing(api, at) in listed - {None}:
            api.notes.count("RVN876", "the operation returns one thing that a stream lists", at)
        else:
            api.notes.count("RVN854", "the operation returns no list of objects", at)


def _named(
    api: Api, connector: str, chosen: Sequence[tuple[str, Path, ObjectList]]
) -> list[ListOperation]:
    names = StreamNames(connector)
    lasts = [_words(path)[-1].casefold() for path, _, _ in chosen]
    named = []
    for path, at, found in chosen:
        words, versioned = _words(path), _words(path, versions=True)
        longer = ["_".join(words[-count:]) for count in range(2, len(words) + 1)]
        is_unique = lasts.count(words[-1].casefold()) == 1
        wanted = [words[-1], *longer] if is_unique else [*longer, words[-1]]
        wanted = [*wanted, api.text(at, "operationId"), "_".join(versioned)]
        name = names.take(wanted)
        if name != wanted[0]:
            api.notes.add("RVN850", f"the stream is called `{name}`", at, key=True)
        named.append(ListOperation(name, path, at, found))
    return named


def _words(path: str, *, versions: bool = False) -> list[str]:
    """Return the words of a path that name something; its last one tells what it lists."""
    words = [re.sub(r"\.(json|xml|ya?ml|php|aspx?)$", "", word) for word in path.split("/")]
    words = [word for word in words if legal_name(word)]
    words = words if versions else [word for word in words if not _VERSION.fullmatch(word)]
    while len(words) > 1 and words[-1].casefold() in _GENERIC:
        words.pop()
    return words or ["records"]


def stream_of(api: Api, operation: ListOperation) -> dict[str, Any] | None:
    """Return the stream, or None where its items turn out to be no objects."""
    schema = api.schemas.record(operation.found.items)
    if not is_record(schema):
        api.notes.count("RVN854", "the operation returns no list of objects", operation.at)
        return None
    stream: dict[str, Any] = {"name": operation.name}
    key = _primary_key(_words(operation.path)[-1], schema)
    cursor = _cursor(api, operation, schema)
    if key:
        stream["primary_key"] = [key]
    if cursor:
        stream["cursor"] = cursor
    _note_keys(api, operation, key, cursor)
    stream["schema"] = _described(operation, schema)
    return stream


def _described(operation: ListOperation, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with a description that says where the records come from."""
    path = escape_text(operation.path, limit=200)
    within = escape_text(operation.found.within, limit=60)
    place = f"in `{within}` of each response to" if within else "in the response to"
    source = f"Records {place} `GET {path}`."
    own = schema.get("description", "").strip()
    rest = {word: value for word, value in schema.items() if word != "description"}
    kind = {"type": "object"} if "properties" in rest else {}
    return {"description": f"{own}\n\n{source}" if own else source, **kind, **rest}


def _primary_key(thing: str, schema: dict[str, Any]) -> str:
    """Return the one field that evidently identifies a record; empty where there is none."""
    fields, required = fields_of(schema), required_of(schema)
    scalars = {
        name for name, field in fields.items() if scalar_type(field) in {"string", "integer"}
    }
    plain = [name for name in scalars if name in {"id", "Id", "ID", "_id"}]
    if len(plain) == 1:
        return plain[0]
    thing = re.sub("[^a-z0-9]", "", thing.casefold())
    singular = thing.removesuffix("s")
    own = [
        n for n in scalars if re.sub("[_-]", "", n).casefold() in {f"{singular}id", f"{thing}id"}
    ]
    own = [name for name in own if name in required]
    if len(own) == 1:
        return own[0]
    return next((name for name in _KEYS if name in scalars and name in required), "")


def _cursor(api: Api, operation: ListOperation, schema: dict[str, Any]) -> str:
    """Return the one time of change that the operation can filter by; empty if that is not sure."""
    times = [
        name
        for name, field in fields_of(schema).items()
        if _CURSORS.fullmatch(name)
        and scalar_type(field) == "string"
        and field.get("format") == "date-time"
    ]
    return times[0] if len(times) == 1 and filters_by(api, operation.at, times[0]) else ""


def _note_keys(api: Api, operation: ListOperation, key: str, cursor: str) -> None:
    if key:
        shown = escape_text(key, limit=60)
        api.notes.add("RVN857", f"`{shown}` is taken for the primary key", operation.at, key=True)
    else:
        api.notes.add("RVN858", "no field is evidently the primary key", operation.at, key=True)
    if cursor:
        shown = escape_text(cursor, limit=60)
        api.notes.add("RVN857", f"`{shown}` is taken for the cursor", operation.at, key=True)
