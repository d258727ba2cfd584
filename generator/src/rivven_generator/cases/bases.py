"""The configs that cases start from: few, and together with every part of the schema in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rivven_connect.documents import split_pointer
from rivven_generator.cases.filling import filled
from rivven_generator.cases.judge import Judge, at, changed
from rivven_generator.cases.samples import Samples
from rivven_generator.cases.sites import Key, Site, Walker
from rivven_generator.cases.views import ABSENT, Json
from rivven_generator.manifest import Rule
from rivven_generator.schema.tree import branch_index, tag_of

_MOST_BASES: Final = 60
_TRIES: Final = 6

Variant = tuple[Key, int | str]
"""A branch of the union at a place, or the one property that its object has of several."""


class Bases:
    """Collects bases; `configs` is the outcome."""

    def __init__(
        self, rules: Sequence[Rule], judge: Judge, samples: Samples, walker: Walker
    ) -> None:
        self._rules, self._judge = rules, judge
        self._samples, self._walker = samples, walker
        self._seen: set[Variant] = set()
        self.configs: dict[str, Json] = {}

    def collect(self, valid: Mapping[str, Json]) -> None:
        """Take the valid configs, one with everything optional, and one for each missing variant."""
        for name, config in valid.items():
            self._add(name, config)
        if not valid:
            return
        first = next(iter(valid.values()))
        whole = self._whole(first)
        if whole != first:
            self._add("full", whole)
        done = 0
        while done < len(self.configs) < _MOST_BASES:
            name, config = list(self.configs.items())[done]
            done += 1
            for site in self._walker.sites(name, config):
                for label, path, value in self._variants(site):
                    self._add_changed(label, first, config, path, value)

    def _add(self, label: str, config: Json) -> None:
        number, name = 1, label
        while name in self.configs:
            number += 1
            name = f"{label} {number}"
        self.configs[name] = config
        for site in self._walker.sites(name, config):
            self._seen.update(self._present(site))

    def _add_changed(
        self, label: str, first: Json, config: Json, path: Sequence[str | int], value: Json
    ) -> None:
        """Add the config with `value` at `path`; only that part of it, beside `first`, if it can be."""
        whole = changed(config, path, value)
        candidates = [{**first, path[0]: whole[path[0]]}] if path else []
        for candidate in [*candidates, whole]:
            if self._judge.accepts(candidate) and len(self.configs) < _MOST_BASES:
                self._add(label, candidate)
                return

    def _present(self, site: Site) -> Iterator[Variant]:
        if "oneOf" in site.node and not site.is_branch and isinstance(site.value, dict):
            index = branch_index(self._walker.root, site.node, site.value)
            if index is not None:
                yield site.key, index
        for rule in self._exclusive(site):
            yield from ((site.key, name) for name in rule.names if name in site.value)
        yield from ((site.key, name) for name in _crowded(site) if name in site.value)

    def _exclusive(self, site: Site) -> Iterator[Rule]:
        """Yield the rules that allow only one of several properties of the object at `site`."""
        if isinstance(site.value, dict):
            for rule in self._rules:
                if rule.form == "require_one" and list(site.path) == split_pointer(rule.at):
                    yield rule

    def _variants(self, site: Site) -> Iterator[tuple[str, Sequence[str | int], Json]]:
        """Yield label, path and value of each variant that no base has yet."""
        if "oneOf" in site.node and not (site.is_branch or site.authors):
            tag = site.node["discriminator"]["propertyName"]
            where = next((str(p) for p in reversed(site.path) if isinstance(p, str)), "config")
            for index, raw in enumerate(site.node["oneOf"]):
                value = self._samples.branch(site.key, site.node, index, full=True)
                if (site.key, index) not in self._seen and value is not ABSENT:
                    constant = tag_of(self._walker.resolved(raw), tag)
                    yield f"{where}: {constant}", site.path, value
        for rule in self._exclusive(site):
            others = {k: v for k, v in site.value.items() if k not in rule.names}
            for name in rule.names:
                value = self._value_of(site, name)
                if (site.key, name) not in self._seen and value is not ABSENT:
                    yield f"with {name}", site.path, {**others, name: value}

        for name in _crowded(site):
            value = self._value_of(site, name)
            if (site.key, name) not in self._seen and value is not ABSENT:
                needed = {k: v for k, v in site.value.items() if k in site.node.get("required", ())}
                yield f"with {name}", site.path, {**needed, name: value}

    def _value_of(self, site: Site, name: str) -> Json:
        raw = site.node.get("properties", {}).get(name, {})
        return self._samples.first(self._walker.child(site.key, f"/{name}", raw), raw, full=True)

    def _whole(self, config: Json) -> Json:
        """Return the config with every optional property whose value is known, as far as it fits."""
        root = Site("", (), (), self._walker.resolved(self._walker.root), config)
        whole = filled(root, self._samples, self._walker)
        for rule in self._rules:
            if rule.form == "require_one":
                whole = _without_rivals(whole, config, rule)
        for _ in range(_TRIES):
            failures = self._judge.failures(whole)
            if not failures:
                return whole
            for pointer, _rule in sorted(failures, reverse=True):
                whole = _restored(whole, config, split_pointer(pointer))
        return config


def _crowded(site: Site) -> list[str]:
    """Return the properties of an object that cannot all be there at once."""
    declared = list(site.node.get("properties", {}))
    is_full = isinstance(site.value, dict) and len(declared) > site.node.get("maxProperties", 10**9)
    return declared if is_full and not site.authors else []


def _without_rivals(whole: Json, config: Json, rule: Rule) -> Json:
    """Of properties that exclude each other, keep the one that the config has, else the first."""
    path = split_pointer(rule.at)
    node, own = at(whole, path), at(config, path)
    if not isinstance(node, dict):
        return whole
    given = [name for name in rule.names if isinstance(own, dict) and name in own]
    keep = (given or [name for name in rule.names if name in node] or rule.names)[0]
    kept = {name: item for name, item in node.items() if name == keep or name not in rule.names}
    return changed(whole, path, kept)


def _restored(whole: Json, config: Json, path: list[str]) -> Json:
    """Return `whole` with what was added at the end of `path`, or around it, taken back."""
    for end in range(1, len(path) + 1):
        parent = at(config, path[: end - 1])
        if isinstance(parent, dict) and path[end - 1] not in parent:
            if isinstance(at(whole, path[: end - 1]), dict):
                return changed(whole, path[:end], ABSENT)
            return whole
    original = at(config, path)
    return whole if original is ABSENT else changed(whole, path, original)
