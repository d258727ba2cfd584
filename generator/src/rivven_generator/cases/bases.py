"""The configs that cases start from: few, and together with every part of the schema in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rivven_connect.documents import split_pointer, to_pointer
from rivven_generator.cases.judge import Judge, branch_index, changed
from rivven_generator.cases.samples import Samples
from rivven_generator.cases.sites import Site, Walker
from rivven_generator.cases.views import ABSENT, Json
from rivven_generator.manifest import Rule
from rivven_generator.schema.tree import resolve, tag_of

_MOST_BASES: Final = 60
_TRIES: Final = 6


def all_bases(
    valid: Mapping[str, Json], rules: list[Rule], judge: Judge, samples: Samples, walker: Walker
) -> dict[str, Json]:
    """Return the valid configs, one with every optional property, and one for what is missing yet.

    Missing are branches of unions, and properties that exclude each other.
    """
    bases = dict(valid)
    if not bases:
        return bases
    first = next(iter(bases.values()))
    whole = _full(first, rules, judge, samples, walker)
    if whole != first:
        bases[_free("full", bases)] = whole
    waiting = list(bases)
    seen: set[tuple[Any, ...]] = set()
    for name in waiting:
        for site in walker.sites(name, bases[name]):
            if "oneOf" in site.node and isinstance(site.value, dict):
                index = branch_index(walker.root, site.node, site.value)
                seen.add((site.key, index))
    while waiting and len(bases) < _MOST_BASES:
        name = waiting.pop(0)
        for wanted, config in _variants(name, bases[name], rules, samples, walker, seen):
            if judge.accepts(config) and len(bases) < _MOST_BASES:
                label = _free(wanted, bases)
                bases[label] = config
                waiting.append(label)
    return bases


def _free(label: str, taken: Mapping[str, Json]) -> str:
    number = 1
    while (name := label if number == 1 else f"{label} {number}") in taken:
        number += 1
    return name


def _full(config: Json, rules: list[Rule], judge: Judge, samples: Samples, walker: Walker) -> Json:
    """Return the config with every optional property whose value is known, as far as it fits."""
    whole = _filled(Site("", (), (), resolve(walker.root, walker.root), config), samples, walker)
    for rule in rules:
        whole = _without_rivals(whole, config, rule)
    for _ in range(_TRIES):
        failures = judge.failures(whole)
        if not failures:
            return whole
        for pointer, _rule in sorted(failures, reverse=True):
            whole = _restored(whole, config, split_pointer(pointer))
    return config


def _filled(site: Site, samples: Samples, walker: Walker) -> Json:
    """Return the value of a site with everything optional added, at every depth."""
    node, value = site.node, site.value
    if samples.is_authors(node):
        return value
    if "oneOf" in node and not site.is_branch:
        index = branch_index(walker.root, node, value)
        if index is None:
            return value
        raw, tag = node["oneOf"][index], node["discriminator"]["propertyName"]
        key, branch = walker.child(site.key, f"|{index}", raw), resolve(walker.root, raw)
        return _filled(Site("", (), key, branch, value, tag), samples, walker)
    if isinstance(value, list):
        raw = node.get("items", {})
        key = walker.child(site.key, "[]", raw)
        if not value and node.get("maxItems", 1) > 0 and raw:
            item = samples.first(key, raw, full=True)
            return value if item is ABSENT else [item]
        inner = resolve(walker.root, raw)
        return [_filled(Site("", (), key, inner, item), samples, walker) for item in value]
    if not isinstance(value, dict):
        return value
    raws = node.get("properties", {})
    extra = node.get("additionalProperties")
    extra = extra if isinstance(extra, Mapping) else {}
    found = {
        name: _filled(
            Site(
                "",
                (),
                walker.child(site.key, f"/{name}" if name in raws else "{}", raws.get(name, extra)),
                resolve(walker.root, raws.get(name, extra)),
                item,
            ),
            samples,
            walker,
        )
        for name, item in value.items()
    }
    whole = samples.complete(site.key, node, found, optional=True)
    return found if whole is ABSENT else whole


def _without_rivals(whole: Json, config: Json, rule: Rule) -> Json:
    """Of properties that exclude each other, keep the one that the config has, else the first."""
    path = split_pointer(rule.at)
    node, own = _at(whole, path), _at(config, path)
    if rule.form != "require_one" or not isinstance(node, dict):
        return whole
    given = [name for name in rule.names if isinstance(own, dict) and name in own]
    keep = (given or [name for name in rule.names if name in node] or rule.names)[0]
    kept = {name: item for name, item in node.items() if name == keep or name not in rule.names}
    return changed(whole, path, kept)


def _restored(whole: Json, config: Json, path: list[str]) -> Json:
    """Return `whole` with what was added at the end of `path`, or around it, taken back."""
    for end in range(1, len(path) + 1):
        parent = _at(config, path[: end - 1])
        if isinstance(parent, dict) and path[end - 1] not in parent:
            if isinstance(_at(whole, path[: end - 1]), dict):
                return changed(whole, path[:end], ABSENT)
            return whole
    original = _at(config, path)
    return whole if original is ABSENT else changed(whole, path, original)


def _variants(
    name: str,
    config: Json,
    rules: list[Rule],
    samples: Samples,
    walker: Walker,
    seen: set[tuple[Any, ...]],
) -> Iterator[tuple[str, Json]]:
    for site in walker.sites(name, config):
        if "oneOf" in site.node and not site.is_branch and not site.authors:
            yield from _other_branches(site, config, samples, walker, seen)
        for rule in rules:
            if rule.form == "require_one" and list(site.path) == split_pointer(rule.at):
                yield from _rivals(site, rule, config, samples, walker, seen)


def _other_branches(
    site: Site, config: Json, samples: Samples, walker: Walker, seen: set[tuple[Any, ...]]
) -> Iterator[tuple[str, Json]]:
    tag = site.node["discriminator"]["propertyName"]
    for index, raw in enumerate(site.node["oneOf"]):
        if (site.key, index) in seen:
            continue
        seen.add((site.key, index))
        value = samples.branch(site.key, site.node, index, full=True)
        if value is not ABSENT and _can_hold(config, site):
            where = next((str(p) for p in reversed(site.path) if isinstance(p, str)), "config")
            label = f"{where}: {tag_of(resolve(walker.root, raw), tag)}"
            yield label, changed(config, site.path, value)


def _can_hold(config: Json, site: Site) -> bool:
    """Return whether the site exists, or its object does; a list gets no new item here."""
    parent = _at(config, list(site.path[:-1]))
    return site.value is not ABSENT or isinstance(parent, dict)


def _rivals(
    site: Site,
    rule: Rule,
    config: Json,
    samples: Samples,
    walker: Walker,
    seen: set[tuple[Any, ...]],
) -> Iterator[tuple[str, Json]]:
    if not isinstance(site.value, dict):
        return
    seen.update((to_pointer(site.path), name) for name in rule.names if name in site.value)
    for name in rule.names:
        raw = site.node.get("properties", {}).get(name, {})
        value = samples.first(walker.child(site.key, f"/{name}", raw), raw, full=True)
        if (to_pointer(site.path), name) in seen or value is ABSENT:
            continue
        seen.add((to_pointer(site.path), name))
        others = {k: v for k, v in site.value.items() if k not in rule.names}
        yield f"with {name}", changed(config, site.path, {**others, name: value})


def _at(config: Json, path: list[Any]) -> Json:
    for step in path:
        if isinstance(config, list) and int(step) < len(config):
            config = config[int(step)]
        elif isinstance(config, dict) and step in config:
            config = config[step]
        else:
            return ABSENT
    return config
