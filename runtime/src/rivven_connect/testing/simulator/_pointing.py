"""A config that points to the simulator: which of its values are URLs of the other side."""

from __future__ import annotations

import copy
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from rivven_connect._json import Json, JsonObject

_NAMES = ("base_url", "api_url", "url", "endpoint", "endpoint_url", "server_url", "host_url")
_DEEPEST = 4
_QUICK = {"_ms": 1000, "_s": 1, "_sec": 1, "_secs": 1, "_seconds": 1, "": 1}
"""How short a timeout is made, by the unit in its name; seconds where there is none."""

Path = tuple[str, ...]


class NoUrl(Exception):
    """No value of the config leads to the other side, as far as names and formats tell."""


def pointed_to(url: str, values: Mapping[str, Json], schema: Mapping[str, Any]) -> JsonObject:
    """Return the values with every http URL leading to `url`; paths and queries stay.

    Looked at are properties of the format `uri`, else those with a usual name. Where none has a
    value, the one that is `identity`, the only one, or the one with the most usual name gets `url`.

    Raises:
        NoUrl: there is no such property.
    """
    found: JsonObject = copy.deepcopy(dict(values))
    candidates = list(_candidates(schema, schema, ()))
    replaced = False
    for path, node in candidates:
        given = _get(found, path, node.get("default"))
        if isinstance(given, str) and given.lower().startswith(("http://", "https://")):
            _set(found, path, _moved(given, url))
            replaced = True
    if not replaced:
        _set(found, _most_likely([one for one in candidates if _get(found, one[0]) is None]), url)
    return found


def with_short_timeouts(values: Mapping[str, Json], schema: Mapping[str, Any]) -> JsonObject:
    """Return the values with timeouts of a second, where a number's name says that it is one."""
    found: JsonObject = copy.deepcopy(dict(values))
    for name, node in schema.get("properties", {}).items():
        _, word, unit = name.lower().rpartition("timeout")
        if word and unit in _QUICK and node.get("type") in ("integer", "number"):
            quick = _QUICK[unit]
            if node.get("minimum", 0) <= quick <= node.get("maximum", quick):
                found[name] = quick
    return found


def _candidates(
    root: Mapping[str, Any], node: Mapping[str, Any], path: Path
) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for name, raw in node.get("properties", {}).items():
        inner = _resolved(root, raw)
        here = (*path, name)
        if inner.get("format") == "uri" or (_is_text(inner) and name.lower() in _NAMES):
            yield here, inner
        if len(here) < _DEEPEST:
            yield from _candidates(root, inner, here)


def _most_likely(candidates: list[tuple[Path, Mapping[str, Any]]]) -> Path:
    identities = [path for path, node in candidates if node.get("x-rivven-identity")]
    everything = [path for path, _ in candidates]
    for some in (identities, everything):
        if len(some) == 1:
            return some[0]
    for name in _NAMES:
        for path in identities or everything:
            if path[-1].lower() == name:
                return path
    raise NoUrl


def _is_text(node: Mapping[str, Any]) -> bool:
    given = node.get("type")
    return "string" in (given if isinstance(given, list) else [given])


def _resolved(root: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(node.get("$ref", "")).rpartition("/")[2]
    target = root.get("$defs", {}).get(name, {}) if name else {}
    return {**target, **node}


def _get(values: JsonObject, path: Path, default: Json = None) -> Json:
    found: Json = values
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return default if found is None else found


def _set(values: JsonObject, path: Path, value: Json) -> None:
    inner = values
    for key in path[:-1]:
        step = inner.setdefault(key, {})
        if not isinstance(step, dict):
            raise NoUrl
        inner = step
    inner[path[-1]] = value


def _moved(given: str, url: str) -> str:
    """Return the URL at another origin."""
    target, old = urllib.parse.urlsplit(url), urllib.parse.urlsplit(given)
    return urllib.parse.urlunsplit((target.scheme, target.netloc, *old[2:]))
