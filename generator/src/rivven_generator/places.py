"""The places of a config schema, as the sample config walks them, and a value for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import msgspec.structs

from rivven_generator.cases.samples import Samples
from rivven_generator.cases.sites import Key, Walker, free_name
from rivven_generator.cases.views import ABSENT, Json
from rivven_generator.options import step_text
from rivven_generator.schema.defaults import complete
from rivven_generator.schema.tree import resolve, tag_of
from rivven_generator.schema.verdict import validator_of
from rivven_generator.schema.vocabulary import types_of
from rivven_generator.shapes import values_of
from rivven_generator.wording import type_text

_PARTS: Final = frozenset({"$ref", "additionalProperties", "items", "oneOf", "properties"})
_EMPTY: Final[tuple[Json, ...]] = ({}, [])


class Place(msgspec.Struct, frozen=True):
    """Where in a config a schema applies."""

    path: str
    """As the option table calls it."""
    key: Key
    raw: Mapping[str, Any]
    node: Mapping[str, Any]
    """The schema, its references followed."""
    tag: str = ""
    """The tag property, where the object is a branch of a union."""


class Places:
    """Walks a compiled schema; `known` are values that the manifest's valid configs hold, by key."""

    def __init__(self, root: Mapping[str, Any], known: Mapping[Key, list[Json]]) -> None:
        self.root = root
        self._walker = Walker(root)
        self._samples = Samples(self._walker, known)

    def top(self) -> Place:
        """Return the place of the whole config."""
        return Place("", (), self.root, resolve(self.root, self.root))

    def property_of(self, place: Place, name: str) -> Place:
        """Return the place of a property, declared or not."""
        head = f"{place.path}." if place.path else ""
        declared = place.node.get("properties", {})
        if name in declared:
            return self._inner(place, f"{head}{step_text(name)}", f"/{name}", declared[name])
        return self._inner(place, f"{head}*", "{}", values_of(place.node))

    def item_of(self, place: Place) -> Place:
        """Return the place of a list's items."""
        return self._inner(place, f"{place.path}[]", "[]", place.node.get("items", {}))

    def branches_of(self, place: Place) -> dict[Any, Place]:
        """Return the branches of a union by tag value; none where it is no union."""
        if "oneOf" not in place.node or place.tag:
            return {}
        tag = place.node["discriminator"]["propertyName"]
        found = {}
        for index, raw in enumerate(place.node["oneOf"]):
            value = tag_of(resolve(self.root, raw), tag)
            inner = self._inner(place, f"{place.path}[{value}]", f"|{index}", raw)
            found[value] = msgspec.structs.replace(inner, tag=tag)
        return found

    def _inner(self, place: Place, path: str, step: str, raw: Mapping[str, Any]) -> Place:
        key = self._walker.child(place.key, step, raw)
        return Place(path, key, raw, resolve(self.root, raw))

    def sample(self, place: Place) -> Json:
        """Return what to show where a config has nothing: the default, else a value that fits.

        An empty default says little, so a value stands for it. What only the author's validator
        can judge, or no file can carry, is the name of its type in angle brackets.
        """
        default = place.node.get("default", ABSENT)
        if default is not ABSENT and default not in _EMPTY:
            return complete(self.root, place.raw, default)
        found = self._example(place)
        if found is ABSENT:
            found = self._samples.first(place.key, place.raw)
        if found in _EMPTY:
            found = self.filled(place, found)
        if found is ABSENT or (isinstance(found, int) and not -(2**63) <= found < 2**64):
            return f"<{type_text(self.root, place.node)}>"
        return self._completed(place, found)

    def _completed(self, place: Place, value: Json) -> Json:
        """Return the value with the defaults in it, unless they are too many together."""
        whole = complete(self.root, place.raw, value)
        return whole if whole == value or self._fits(place, whole) else value

    def branch_sample(self, place: Place, branch: Place) -> Json:
        """Return a value of a union that is of this branch."""
        required = branch.node.get("required", ())
        found: Json = {branch.tag: branch.node["properties"][branch.tag]["const"]}
        found |= {n: self.sample(self.property_of(branch, n)) for n in required if n != branch.tag}
        if not self._may_hold(branch, found):
            index = list(self.branches_of(place).values()).index(branch)
            found = self._samples.branch(place.key, place.node, index, full=False)
        return found if found is ABSENT else self._completed(branch, found)

    def _example(self, place: Place) -> Json:
        """Return the first known value that fits: of the schema's own examples, of a valid config."""
        candidates = [*place.node.get("examples", ()), *self._samples.known(place.key)]
        if self._samples.is_authors(place.node):
            return next(iter(candidates), ABSENT)
        if "string" in types_of(place.node):
            candidates.append("example")
        return next((value for value in candidates if self._fits(place, value)), ABSENT)

    def _fits(self, place: Place, value: Json) -> bool:
        if isinstance(value, dict | list):
            whole = {**place.node, "$defs": self.root.get("$defs", {})}
            return bool(validator_of(whole).is_valid(value))
        return self._samples.fits(place.node, value)

    def filled(self, place: Place, empty: Json) -> Json:
        """Return something for an empty value, if it may hold anything: what it holds if it must."""
        found = self._content(place, empty)
        return found if found in _EMPTY or self._may_hold(place, found) else empty

    def _may_hold(self, place: Place, value: Json) -> bool:
        """Whether nothing is wrong with a value but what stands in for a secret or a validator."""
        own = {key: item for key, item in place.node.items() if key not in _PARTS}
        return bool(validator_of(own).is_valid(value))

    def _content(self, place: Place, empty: Json) -> Json:
        """Return one item, one entry, or all known properties."""
        if isinstance(empty, list):
            return [self.sample(self.item_of(place))] if "items" in place.node else empty
        if place.node.get("properties"):
            names = list(place.node["properties"])[: place.node.get("maxProperties")]
            return self._completed(place, empty) or {
                name: self.sample(self.property_of(place, name)) for name in names
            }
        if values_of(place.node):
            name = free_name(place.node, "key1")
            return {name: self.sample(self.property_of(place, name))}
        return empty
