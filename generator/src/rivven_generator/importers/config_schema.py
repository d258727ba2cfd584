"""Anybody's JSON Schema -> the closed vocabulary of `config`, with a note for each difference."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rivven_connect.documents import Document, InputError, escape_text, to_pointer
from rivven_generator.importers.flattening import Flat, Flattening
from rivven_generator.importers.notes import Notes, Path
from rivven_generator.importers.references import References
from rivven_generator.importers.rule_parts import split_rules
from rivven_generator.importers.scalars import settle_scalar
from rivven_generator.importers.secrets import settle_secret
from rivven_generator.importers.types import settle_type
from rivven_generator.importers.union_schema import Branches, settle_union
from rivven_generator.schema.vocabulary import types_of

_MOST_GUESSES: Final = 200_000
_HEAD: Final = ("$ref", "title", "description", "type", "required", "secret", "format")
_TAIL: Final = ("default", "examples", "deprecated", "identity", "group", "order", "$defs")
_BESIDE_UNION: Final = frozenset(
    {"title", "description", "default", "examples", "deprecated", "group", "order"}
)
_IN_BRANCHES: Final = frozenset({"type", "properties", "required"})
_SAYS_NOTHING: Final[tuple[tuple[str, Any], ...]] = (
    ("additionalProperties", True),
    ("additionalProperties", {}),
    ("secret", False),
)

Schema = dict[str, Any]
Keys = tuple[str, ...] | None
"""Where in a config the schema applies, if that is one place that a rule can name."""


class ConfigSchema:
    """Converts the schema at `base` of a document.

    `rules` collects what became a rule; `origins` says where each converted schema came from, by id.
    """

    def __init__(
        self, document: Document, base: Path, notes: Notes, *, closed: bool = False
    ) -> None:
        self._document = document
        self._base = base
        self._notes = notes
        self._closed = closed
        self._references = References(document, base, notes)
        self._flattening = Flattening(document, self._references, notes)
        self._where = _places(document.value)
        self._guesses = _MOST_GUESSES
        self.rules: list[Schema] = []
        self.origins: dict[int, Path] = {}

    def convert(self) -> Schema:
        """Return the config schema: an object, with the definitions that it uses.

        Raises:
            InputError: it does not describe an object, or describes too much.
        """
        raw: Any = self._document.value
        for key in self._base:
            raw = raw[key]
        found = self._inline(raw, self._base, ())
        if types_of(found) != {"object"}:
            message = "the schema of a config must describe an object"
            hint = "write `type: object`, and the value as one of its `properties`"
            raise InputError([self._document.problem("RVN890", message, self._base, hint=hint)])
        found["type"] = "object"
        definitions: Schema = {}
        while waiting := [p for p, n in self._references.named().items() if n not in definitions]:
            for path in waiting:
                name = self._references.name_of(path)
                definitions[name] = {}  # a definition that names itself ends here
                definitions[name] = self._inline(self._raw_at(path), path, None)
        if definitions:
            found["$defs"] = definitions
        return found

    def _raw_at(self, path: Path) -> Any:
        value: Any = self._document.value
        for key in path:
            value = value[key]
        return value

    def _schema(self, raw: Any, at: Path, keys: Keys) -> Schema:
        """Return one schema in our vocabulary; a reference to an object stays one."""
        kept = self._flattening.kept(raw, at)
        if kept is not None:
            settle_scalar(kept, at, self._notes, self._document)
            return self._placed(kept, at)
        return self._inline(raw, at, keys)

    def _inline(self, raw: Any, at: Path, keys: Keys) -> Schema:
        if keys is not None and isinstance(raw, dict):
            rules, raw = split_rules(raw)
            self._take_rules(rules, at, keys)
        return self._entered(self._flattening.flat(raw, at), keys)

    def _entered(self, flat: Flat, keys: Keys) -> Schema:
        """Settle a schema while what was copied into it counts as being inside."""
        inside = self._flattening.inside
        depth = len(inside)
        inside += (flat.at, *flat.inlined)
        try:
            return self._settled(flat, keys)
        finally:
            del inside[depth:]

    def _settled(self, flat: Flat, keys: Keys) -> Schema:
        is_root = keys == ()
        branches = settle_union(flat, self._flattening, self._notes, tags=not is_root)
        self._take_rules(branches.rules, flat.at, keys)
        node, at = flat.node, flat.at
        if branches.tag:
            return self._union(node, branches, at)
        settle_type(node, at, self._notes)
        settle_secret(node, at, self._notes)
        settle_scalar(node, at, self._notes, self._document)
        if "items" in node:
            node["items"] = self._items(node["items"], at)
        if types_of(node) == {"object"}:
            self._object(node, at, keys)
        return self._placed(node, at)

    def _take_rules(self, rules: Sequence[Schema], at: Path, keys: Keys) -> None:
        if rules and keys is None:
            self._notes.add("RVN830", "rules inside of lists and unions have no counterpart", at)
            return
        place = to_pointer(keys or ())
        for rule in rules:
            pointer = place + rule.pop("at", "")
            self.rules.append({**rule, "at": pointer} if pointer else rule)

    def _placed(self, node: Schema, at: Path) -> Schema:
        """Return the schema with its keywords in the order in which a person writes them."""
        ranks = {word: rank - 50 for rank, word in enumerate(_HEAD)}
        ranks |= {word: rank + 50 for rank, word in enumerate(_TAIL)}
        ordered = dict(sorted(node.items(), key=lambda item: ranks.get(item[0], 0)))
        self.origins[id(ordered)] = at
        return ordered

    def _union(self, node: Schema, branches: Branches, at: Path) -> Schema:
        union = {"type": "object"} | {w: v for w, v in node.items() if w in _BESIDE_UNION}
        for word in node.keys() - _BESIDE_UNION - _IN_BRANCHES:
            if (word, node[word]) not in _SAYS_NOTHING:
                message = f"`{word}` beside a union has no counterpart"
                self._notes.add("RVN830", message, (*at, word), key=True)
        settle_scalar(union, at, self._notes, self._document)
        union["discriminator"] = {"propertyName": branches.tag}
        union["oneOf"] = [self._entered(branch, None) for branch in branches.found]
        return self._placed(union, at)

    def _items(self, raw: Any, at: Path) -> Schema:
        if isinstance(raw, list):
            if len(raw) == 1:
                return self._schema(raw[0], (*at, "items", 0), None)
            self._notes.add("RVN830", "a list of item schemas became any item", (*at, "items"))
            return {}
        return self._schema(raw, (*at, "items"), None)

    def _object(self, node: Schema, at: Path, keys: Keys) -> None:
        raw = node.get("properties")
        if raw is not None and not isinstance(raw, dict):
            self._notes.add("RVN839", "`properties` is no mapping", (*at, "properties"))
            raw = None
        properties = {
            name: self._schema(
                child,
                self._where.get(id(child), (*at, "properties", name)),
                None if keys is None else (*keys, name),
            )
            for name, child in (raw or {}).items()
        }
        node.pop("properties", None)
        required = self._required(node.pop("required", []), raw or {}, properties, at)
        if required:
            node["required"] = required
        if properties:
            node["properties"] = properties
        self._undeclared(node, at)

    def _undeclared(self, node: Schema, at: Path) -> None:
        """Say what the object accepts besides its properties: in JSON Schema, anything."""
        extra = node.pop("additionalProperties", None)
        if isinstance(extra, Mapping) and extra:
            node["additionalProperties"] = self._schema(extra, (*at, "additionalProperties"), None)
        elif extra is None and self._closed and "properties" in node:
            self._notes.add("RVN819", "the object accepts its own properties only", at)
        elif extra is not False:
            if extra not in (None, True, {}):
                place = (*at, "additionalProperties")
                self._notes.add("RVN839", "`additionalProperties` is neither true nor false", place)
            node["additionalProperties"] = True

    def _required(
        self, names: Any, raw: Mapping[str, Any], properties: Schema, at: Path
    ) -> list[str]:
        """Return what is required: declared, and each once."""
        place = (*at, "required")
        if isinstance(names, bool) or not isinstance(names, list):
            names = [names] if isinstance(names, str) else []
        flagged = [
            n
            for n, child in raw.items()
            if isinstance(child, dict) and child.get("required") is True
        ]
        found: dict[str, None] = {}
        for name in [*names, *flagged]:
            known = self._declared(name, properties, place)
            if not known or known in found:
                continue
            if "const" in properties[known]:
                properties[known].pop("default", None)
            found[known] = None
        return list(found)

    def _declared(self, name: Any, properties: Schema, place: Path) -> str:
        if isinstance(name, str) and name in properties:
            return name
        shown = escape_text(str(name), limit=60)
        self._guesses -= len(properties)
        near = (
            difflib.get_close_matches(str(name), properties, n=1, cutoff=0.85)
            if self._guesses > 0
            else ()
        )
        if near:
            self._notes.add(
                "RVN814", f"`{shown}` was read as `{escape_text(near[0], limit=60)}`", place
            )
            return near[0]
        self._notes.add(
            "RVN814", f"`{shown}` is required and not declared; it was taken out", place
        )
        return ""


def _places(value: Any) -> dict[int, Path]:
    """Return the place of every mapping in a document, by its identity."""
    found: dict[int, Path] = {}
    waiting: list[tuple[Any, Path]] = [(value, ())]
    while waiting:
        item, path = waiting.pop()
        if isinstance(item, dict):
            found[id(item)] = path
            waiting += [(child, (*path, key)) for key, child in item.items()]
        elif isinstance(item, list):
            waiting += [(child, (*path, index)) for index, child in enumerate(item)]
    return found
