"""One schema with its references and `allOf` replaced by what they say."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from rivven_generator.importers.combined import combined
from rivven_generator.importers.keywords import known_keywords
from rivven_generator.importers.notes import Notes, Path
from rivven_generator.importers.references import References
from rivven_generator.schema.vocabulary import REF_SIBLINGS, TYPES

_MOST_STEPS: Final = 100_000
_DEEPEST: Final = 100
"""Of schemas that are being copied into one another; each takes several calls inside of calls."""


@dataclasses.dataclass(slots=True)
class Flat:
    """A schema's own keywords, under our names, and where they stand."""

    node: dict[str, Any]
    at: Path
    inlined: tuple[Path, ...] = ()
    """The places of the schemas that were copied into this one."""


class Flattening:
    """Flattens schemas; `inside` are the places of those that are being copied just now."""

    def __init__(self, references: References, notes: Notes) -> None:
        self._references = references
        self._notes = notes
        self._left = _MOST_STEPS
        self.inside: list[Path] = []

    def flat(self, raw: Any, at: Path) -> Flat:
        """Return the schema at `at` without `$ref` and `allOf`.

        Raises:
            InputError: references multiply it, or lead too deep.
        """
        self._left -= 1
        if self._left < 0 or len(self.inside) > _DEEPEST:
            raise self._references.too_large(at)
        if not isinstance(raw, dict):
            return Flat(self._lone(raw, at), at)
        node = known_keywords(raw, at, self._notes)
        found = Flat(node, at)
        if "$ref" in node:
            found = self._dereferenced(node, at)
        parts = found.node.pop("allOf", None)
        if isinstance(parts, list) and parts:
            found = self._joined(found, parts)
        return found

    def kept(self, raw: Any, at: Path) -> dict[str, Any] | None:
        """Return a reference that may stay one: to an object that is big enough for a name."""
        if not isinstance(raw, dict) or "$ref" not in raw:
            return None
        node = known_keywords(raw, at, self._notes)
        target = self._references.find(raw["$ref"], at) if node.keys() <= REF_SIBLINGS else None
        if target is None or not isinstance(target[0], dict) or target[1] == at:
            return None
        if target[0].keys().isdisjoint({"properties", "oneOf", "anyOf", "allOf"}):
            return None
        return {**node, "$ref": f"#/$defs/{self._references.name_of(target[1])}"}

    def _lone(self, raw: Any, at: Path) -> dict[str, Any]:
        """Return what a schema that is no mapping means."""
        if isinstance(raw, str) and raw.strip().casefold() in TYPES:
            self._notes.add("RVN812", "a lone word was read as a type", at)
            return {"type": raw}
        if raw is False:
            self._notes.add("RVN830", "a schema that accepts nothing became any value", at)
        elif raw is not True:
            self._notes.add("RVN839", "a schema must be a mapping; any value is accepted", at)
        return {}

    def _dereferenced(self, node: dict[str, Any], at: Path) -> Flat:
        """Return the schema that a reference names, joined with what stands beside it."""
        target = self._references.find(node["$ref"], at)
        beside = {word: value for word, value in node.items() if word != "$ref"}
        if target is None:
            return Flat(beside, at)
        raw, path = target
        if path in self.inside:
            self._notes.add("RVN838", "a schema that contains itself became any value", at)
            return Flat({w: v for w, v in beside.items() if w in ("title", "description")}, at)
        self.inside.append(path)
        try:
            found = self.flat(raw, path)
        finally:
            self.inside.pop()
        joined = combined(found.node, beside, at, self._notes)
        return Flat(joined, found.at, (path, *found.inlined))

    def _joined(self, found: Flat, parts: list[Any]) -> Flat:
        node, inlined = found.node, found.inlined
        own = {w: v for w, v in node.items() if w in ("title", "description", "default", "order")}
        for index, part in enumerate(parts):
            inner = self.flat(part, (*found.at, "allOf", index))
            node = combined(node, inner.node, found.at, self._notes)
            inlined += inner.inlined
        self._notes.add(
            "RVN802", "the parts of `allOf` became one schema", (*found.at, "allOf"), key=True
        )
        return Flat({**node, **own}, found.at, inlined)
