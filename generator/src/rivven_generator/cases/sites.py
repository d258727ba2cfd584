"""Where in a config each schema applies: the walk that all cases start from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec
import msgspec.structs

from rivven_generator.cases.views import ABSENT, Json
from rivven_generator.schema.tree import branch_index, final_definition, resolve
from rivven_generator.schema.vocabulary import BUILT_IN_VALIDATORS

Key: TypeAlias = tuple[str, ...]
"""A place in the schema. An object that is a definition has one key, wherever it is used."""

Path: TypeAlias = tuple[str | int, ...]

_MOST_ITEMS: Final = 20


class Site(msgspec.Struct, frozen=True):
    """One value of a base config, or one that could be there, and the schema that judges it."""

    base: str
    path: Path
    key: Key
    node: Mapping[str, Any]
    """The schema, its references resolved."""
    value: Json
    """`ABSENT` where the base has none."""
    tag: str = ""
    """The tag property, where the object is a branch of a union."""
    authors: bool = False
    """Whether a function of the connector's author judges this value, or one that it is part of."""

    @property
    def is_branch(self) -> bool:
        """Whether this is the object that a union chose, at the place of the union."""
        return bool(self.tag)


class Walker:
    """Walks configs along a compiled schema."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self._resolved: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}

    def resolved(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the schema `raw` without references: each time the same object."""
        if "$ref" not in raw:
            return raw
        if id(raw) not in self._resolved:
            self._resolved[id(raw)] = (resolve(self.root, raw), raw)  # it keeps its id taken
        return self._resolved[id(raw)][0]

    def child(self, key: Key, step: str, raw: Mapping[str, Any]) -> Key:
        """Return the place of the schema `raw`, which is `step` inside the place `key`.

        Steps are `/name`, `[]` for items, `{}` for undeclared properties, `|n` for a branch.
        """
        if "$ref" in raw:
            name = final_definition(self.root, raw)
            if name is not None and "properties" in self.root["$defs"][name]:
                return (f"#{name}",)
        return (*key, step)

    def sites(self, base: str, config: Json) -> Iterator[Site]:
        """Yield every site of a config, parents first, in the schema's order."""
        yield from self._sites(Site(base, (), (), self.resolved(self.root), config))

    def _sites(self, site: Site) -> Iterator[Site]:
        name = site.node.get("x-rivven-validator")
        if name is not None and name not in BUILT_IN_VALIDATORS:
            site = msgspec.structs.replace(site, authors=True)
        yield site
        if site.value is ABSENT:
            return
        if "oneOf" in site.node and not site.is_branch:
            yield from self._branch(site)
        elif isinstance(site.value, list) and "items" in site.node:
            yield from self._items(site)
        elif isinstance(site.value, dict):
            yield from self._properties(site)

    def _branch(self, site: Site) -> Iterator[Site]:
        index = branch_index(self.root, site.node, site.value)
        if index is not None:
            raw = site.node["oneOf"][index]
            inner = msgspec.structs.replace(
                site,
                key=self.child(site.key, f"|{index}", raw),
                node=self.resolved(raw),
                tag=site.node["discriminator"]["propertyName"],
            )
            yield from self._sites(inner)

    def _items(self, site: Site) -> Iterator[Site]:
        raw = site.node["items"]
        if site.node.get("maxItems") == 0:
            return
        values = site.value[:_MOST_ITEMS] or [ABSENT]
        for index, value in enumerate(values):
            yield from self._sites(self._inner(site, index, "[]", raw, value))

    def _properties(self, site: Site) -> Iterator[Site]:
        declared = site.node.get("properties", {})
        for name, raw in declared.items():
            value = site.value.get(name, ABSENT)
            if name != site.tag:
                yield from self._sites(self._inner(site, name, f"/{name}", raw, value))
        raw = site.node.get("additionalProperties")
        if isinstance(raw, Mapping):
            extra = [name for name in site.value if name not in declared][:_MOST_ITEMS]
            for name in extra or [free_name(site.node, "key1")]:
                value = site.value.get(name, ABSENT)
                yield from self._sites(self._inner(site, name, "{}", raw, value))

    def _inner(
        self, site: Site, step: str | int, mark: str, raw: Mapping[str, Any], value: Json
    ) -> Site:
        key = self.child(site.key, mark, raw)
        node = self.resolved(raw)
        return Site(site.base, (*site.path, step), key, node, value, authors=site.authors)


def free_name(node: Mapping[str, Any], name: str = "unexpected") -> str:
    """Return a property name that the object schema does not declare."""
    while name in node.get("properties", {}):
        name += "_"
    return name
