"""Edges of the constraints on lists, objects and unions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec.structs

from rivven_generator.cases.edges import MAY, MUST, SHOULD, Edge, Try, accepts, rejects
from rivven_generator.cases.samples import Samples
from rivven_generator.cases.sites import Site, Walker, free_name
from rivven_generator.cases.views import ABSENT, Json
from rivven_generator.naming import field_name
from rivven_generator.schema.tree import branch_index, resolve

_LONGEST: Final = 1000
"""Most items or properties that a case may hold."""


def container_edges(site: Site, samples: Samples, walker: Walker) -> Iterator[Edge]:
    """Yield the edges of sizes, uniqueness, required and undeclared properties, and tags."""
    if "oneOf" in site.node and not site.is_branch:
        yield from _union(site, samples, walker)
    elif isinstance(site.value, list):
        yield from _list(site, samples, walker)
    elif isinstance(site.value, dict):
        yield from _required(site)
        yield from _optional(site, samples, walker)
        yield from _undeclared(site)
        yield from _sizes(site, samples, walker)


def _list(site: Site, samples: Samples, walker: Walker) -> Iterator[Edge]:
    node = site.node
    items: Mapping[str, Any] = node.get("items", {})
    key, unique = walker.child(site.key, "[]", items), bool(node.get("uniqueItems"))

    def of_size(count: int) -> list[Json]:
        if not 0 <= count <= _LONGEST:
            return []
        have = site.value[:count]
        if len(have) < count:
            have = samples.several(key, items, count, unique=unique)
            have = have or (site.value[:1] * count if not unique else [])
        return [have] if len(have) == count else []

    for keyword, beyond in (("minItems", -1), ("maxItems", 1)):
        edge = node.get(keyword)
        if edge is None:
            continue
        if edge + beyond >= 0:
            yield rejects(site, keyword, of_size(edge + beyond))
        yield from accepts(site, keyword, of_size(edge))
    if unique:
        least = max(2, node.get("minItems", 0))
        pair: list[Json] = next(iter(of_size(least)), [])
        twice = [*of_size(least - 1), *([pair[:-1]] if pair else [])]
        yield rejects(site, "uniqueItems", [[*some, some[0]] for some in twice])
        if least == 2 and pair and type(pair[0]) is int:
            yield rejects(site, "uniqueItems", [[pair[0], float(pair[0])]], MAY, label="float")
        yield from accepts(site, "uniqueItems", [pair] if pair else [])


def _required(site: Site) -> Iterator[Edge]:
    for name in site.node.get("required", ()):
        if name in site.value and name != site.tag:
            path = (*site.path, name)
            yield Edge("required", "required", (Try(site.base, path, ABSENT, path),), MUST, name)


def _optional(site: Site, samples: Samples, walker: Walker) -> Iterator[Edge]:
    """What need not be there may be left out; where a base does so, that is shown already."""
    for name in site.node.get("properties", {}):
        path = (*site.path, name)
        if name in site.value and name not in site.node.get("required", ()) and not site.authors:
            tries = [Try(site.base, path, ABSENT, path)]
            if site.node.get("minProperties", 0) >= len(site.value):  # another takes its place
                rest = {other: item for other, item in site.value.items() if other != name}
                more = _enlarged(
                    msgspec.structs.replace(site, value=rest),
                    samples,
                    walker,
                    len(site.value),
                    name,
                )
                tries.append(Try(site.base, site.path, more, site.path))
            yield Edge("optional", "", tuple(tries), SHOULD, name)


def _undeclared(site: Site) -> Iterator[Edge]:
    name = free_name(site.node)
    path = (*site.path, name)
    allowed = site.node.get("additionalProperties", True)
    if allowed is False:
        tries = tuple(Try(site.base, path, value, path) for value in (True, None))
        yield Edge("additionalProperties", "additionalProperties", tries)
        yield from _misspelt(site)
    elif allowed is True and not site.authors:
        for label, value in (("any", {"any": [None, 1]}), ("null", None)):
            tries = (Try(site.base, path, value, path),)
            yield Edge("additionalProperties", "", tries, SHOULD, f"accept {label}")


def _misspelt(site: Site) -> Iterator[Edge]:
    """The Python name of a property is no property where the wire has another name for it."""
    declared = site.node.get("properties", {})
    for name in declared:
        python_name = field_name(name)
        if python_name not in declared:
            path = (*site.path, python_name)
            tries = (Try(site.base, path, site.value.get(name), path),)
            yield Edge("additionalProperties", "additionalProperties", tries, MAY, python_name)


def _sizes(site: Site, samples: Samples, walker: Walker) -> Iterator[Edge]:
    node = site.node
    needed = [*node.get("required", ()), *([site.tag] if site.tag else [])]

    def of_size(count: int) -> list[Json]:
        if not len(set(needed)) <= count <= _LONGEST:
            return []
        have = _enlarged(site, samples, walker, count)
        keep = [*dict.fromkeys(needed), *(name for name in have if name not in needed)][:count]
        found = {name: have[name] for name in have if name in keep}
        return [found] if len(found) == count else []

    for keyword, beyond in (("minProperties", -1), ("maxProperties", 1)):
        edge = node.get(keyword)
        if edge is None or edge + beyond < len(set(needed)) or _is_implied(node, edge + beyond):
            continue
        yield rejects(site, keyword, of_size(edge + beyond))
        yield from accepts(site, keyword, of_size(edge))


def _is_implied(node: Mapping[str, Any], count: int) -> bool:
    """Return whether a closed object cannot have that many properties anyhow."""
    closed = node.get("additionalProperties", True) is False
    return closed and count > len(node.get("properties", {}))


def _enlarged(
    site: Site, samples: Samples, walker: Walker, count: int, without: str = ""
) -> dict[str, Json]:
    """Return the object with up to `count` properties: its own, declared ones, new ones."""
    have: dict[str, Json] = dict(site.value)
    for name, raw in site.node.get("properties", {}).items():
        if len(have) < count and name not in have and name != without:
            value = samples.first(walker.child(site.key, f"/{name}", raw), raw)
            have.update({} if value is ABSENT else {name: value})
    raw = site.node.get("additionalProperties", True)
    if raw is False:
        return have
    schema = raw if isinstance(raw, Mapping) else {}
    value = samples.first(walker.child(site.key, "{}", schema), schema)
    number = 1
    while len(have) < count and value is not ABSENT:
        have.setdefault(free_name(site.node, f"key{number}"), value)
        number += 1
    return have


def _union(site: Site, samples: Samples, walker: Walker) -> Iterator[Edge]:
    tag = site.node["discriminator"]["propertyName"]
    path = (*site.path, tag)

    def wrong(value: Json, rank: int, label: str) -> Edge:
        return Edge("oneOf", "oneOf", (Try(site.base, path, value, site.path),), rank, label)

    if isinstance(site.value, dict):
        yield wrong(ABSENT, MUST, "no tag")
        yield wrong("unexpected", MUST, "unknown tag")
        yield wrong(1, MAY, "number as tag")
        yield from _confusion(site, samples, walker, tag)
    if site.path:
        yield rejects(site, "oneOf", ["text", []], SHOULD, label="no object")
        yield rejects(site, "oneOf", [None], SHOULD, label="null")
        yield from accepts(site, "oneOf", [None], SHOULD, label="accept null")


def _confusion(site: Site, samples: Samples, walker: Walker, tag: str) -> Iterator[Edge]:
    """Properties of the other branches are unknown in this one; another tag asks for others."""
    root, branches = walker.root, site.node["oneOf"]
    chosen = branch_index(root, site.node, site.value)
    if chosen is None:
        return
    own = resolve(root, branches[chosen])
    for index, raw in enumerate(branches):
        other = resolve(root, raw)
        value = samples.branch(site.key, site.node, index, full=True)
        if index == chosen or value is ABSENT:
            continue
        for name in value:
            if name not in own.get("properties", {}):
                path = (*site.path, name)
                tries = (Try(site.base, path, value[name], path),)
                label = f"{chosen} with {name} of {index}"
                yield Edge("oneOf", "additionalProperties", tries, SHOULD, label)
                break
        needed = set(other.get("required", ())) - set(site.value)
        if len(needed) == 1:
            constant = other["properties"][tag]["const"]
            at = (*site.path, needed.pop())
            tries = (Try(site.base, (*site.path, tag), constant, at),)
            yield Edge("oneOf", "required", tries, SHOULD, f"{chosen} tagged {index}")
