"""The record schemas of one document, in JSON Schema 2020-12."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Final

from rivven_connect.documents import Document
from rivven_generator.importers.notes import Path
from rivven_generator.importers.records.all_of import ANNOTATIONS, is_object, merged
from rivven_generator.importers.records.counted import RecordNotes
from rivven_generator.importers.records.keywords import Word, Words, cleaned
from rivven_generator.importers.records.nullability import with_null
from rivven_generator.importers.records.references import References, break_circles, definitions_of
from rivven_generator.importers.records.trimming import trimmed
from rivven_generator.importers.records.vocabulary import KEYWORDS, is_pattern, repaired

Schema = dict[str, Any]

_DEEPEST_INLINED: Final = 40
_LARGEST: Final = 20_000
"""Keywords of one record schema; references can multiply a short document without end."""
_OF_ITS_OWN: Final = frozenset({"title", "description", "examples", "default"})
"""What describes a definition, and not the schema that it is merged into."""


@dataclasses.dataclass(frozen=True, slots=True)
class Dialect:
    """What the schemas of a document mean where its formats differ."""

    ref_siblings: bool = False
    """Keywords beside a `$ref` have an effect: since draft 2019-09."""
    responses: bool = False
    """What is `writeOnly` is not sent, and thereby not required: in OpenAPI."""


class RecordSchemas:
    """Turns schemas of one document into record schemas that a manifest accepts.

    Takes JSON Schema (draft 3 to 2020-12), OpenAPI 3.0 and 3.1, and Swagger 2.0. Records that are
    valid under the original stay valid.
    """

    def __init__(
        self,
        document: Document,
        notes: RecordNotes,
        *,
        base: Path = (),
        dialect: Dialect = Dialect(),
    ) -> None:
        """Take `base` as the place that `#` stands for in references."""
        self._document = document
        self._references = References(document, base, siblings=dialect.ref_siblings)
        self._notes = notes
        self._dialect = dialect
        self._names: dict[Path, str] = {}
        self._places: dict[str, Path] = {}
        self._definitions: dict[Path, tuple[Schema | bool, int]] = {}
        self._expanding: list[Path] = []
        self._depth = 0
        self._size = 0

    def record(self, at: Path) -> Schema:
        """Return the record schema at `at`, with just the definitions that it needs."""
        root, size = self._definition(at)
        whole: Schema = {**(root if isinstance(root, dict) else {}), **self._described(at)}
        own = self._end_name(at)
        definitions: Schema = {}
        waiting = definitions_of(whole)
        while waiting:
            name = waiting.pop(0)
            if name in definitions or name == own:
                continue
            found, more = self._definition(self._places[name])
            size += more
            if size > _LARGEST:
                self._notes.count(
                    "RVN849", "the schema is too large for a manifest", self._places[name]
                )
                found = {}
            definitions[name] = dict(found) if isinstance(found, dict) else found
            waiting += definitions_of(found)
        if definitions:
            whole["$defs"] = definitions
        return self._finished(whole, {f"#/$defs/{own}": "#"} if own else {}, at)

    def _described(self, at: Path) -> Schema:
        """Return what a reference to the record says about it."""
        node = self._references.value(at)
        beside = node if isinstance(node, dict) and "$ref" in node else {}
        return {
            word: text
            for word in ("title", "description")
            if isinstance(text := beside.get(word), str)
        }

    def _finished(self, whole: Schema, renamed: dict[str, str], at: Path) -> Schema:
        found, cut = trimmed(whole, renamed)
        if cut:
            self._notes.add("RVN849", "nested too deeply; any value is accepted below", at)
        for pointer in break_circles(found):
            place = self._places.get(pointer.removeprefix("#/$defs/"), at)
            reason = "the schema contains itself in the same place; that part is left out"
            self._notes.add("RVN848", reason, place)
        schema: Schema = found
        return schema

    def _end_name(self, at: Path) -> str | None:
        end = self._references.end(at)
        return None if end is None else self._names.get(end)

    def _definition(self, at: Path) -> tuple[Schema | bool, int]:
        """Return the converted schema that `at` stands for, and its size; each is made once."""
        end = self._references.end(at)
        if end is None:
            return self._convert(at), 1
        if end not in self._definitions:
            before, self._size = self._size, 0
            self._expanding.append(end)
            found = self._convert(end)
            self._expanding.pop()
            self._definitions[end] = found, self._size
            self._size = before
        return self._definitions[end]

    def _convert(self, at: Path) -> Schema | bool:
        node = self._references.value(at)
        if isinstance(node, bool):
            return node
        if isinstance(node, str):
            node = {"type": node}
        if not isinstance(node, dict):
            self._notes.add("RVN847", "this is not a schema; any value is accepted", at)
            return {}
        self._size += 1 + len(node)
        self._depth += 1
        schema = self._assembled(cleaned(node, at, self._document, self._notes), at)
        self._depth -= 1
        return schema

    def _assembled(self, words: Words, at: Path) -> Schema:
        is_nullable = words.pop("nullable", None) is not None
        parts = words.pop("allOf", None)
        own: Schema = {}
        for word, found in words.items():
            self._place(own, word, found, words)
        own = self._required(own, words)
        if "$ref" in own and not self._dialect.ref_siblings:
            own = self._without_siblings(own, at)
        if parts is not None:
            own = self._merged(parts, own)
        return with_null(own) if is_nullable else own

    def _place(self, own: Schema, word: str, found: Word, words: Words) -> None:
        form = KEYWORDS.get(word)
        if word == "$ref":
            pointer = self._pointer(found)
            if pointer is not None:
                own[word] = pointer
        elif form == "schema":
            own[word] = self._convert(found.at)
        elif form == "schemas":
            own[word] = [self._convert((*found.at, i)) for i in range(len(found.value))]
        elif form == "named schemas":
            names = self._patterns(found) if word == "patternProperties" else self._fields(found)
            own[word] = {name: self._convert((*found.at, name)) for name in names}
        elif word == "required" and isinstance(found.value, bool):
            self._notes.add("RVN845", "`required` of a property is written in its object", found.at)
        else:
            own[word] = found.value

    def _fields(self, found: Word) -> list[str]:
        is_misplaced = isinstance(found.value.get("$ref"), str)
        if is_misplaced:
            reason = "a reference stands among names; what it leads to is left out"
            self._notes.add("RVN848", reason, (*found.at, "$ref"))
        return [name for name in found.value if name != "$ref" or not is_misplaced]

    def _patterns(self, found: Word) -> list[str]:
        fine = [pattern for pattern in found.value if is_pattern(pattern)]
        for pattern in [pattern for pattern in found.value if pattern not in fine]:
            reason = "the key is no regular expression; what it describes is left out"
            self._notes.add("RVN847", reason, (*found.at, pattern), key=True)
        return fine

    def _pointer(self, found: Word) -> str | None:
        target = self._references.target(found.value)
        end = None if target is None else self._references.end(target)
        if end is None:
            reason = "the reference leads out of the document, nowhere, or in circles"
            self._notes.add("RVN848", f"{reason}; any value is accepted", found.at)
            return None
        return f"#/$defs/{self._name(end)}"

    def _name(self, target: Path) -> str:
        if target not in self._names:
            last = re.sub(r"[^A-Za-z0-9_.-]+", "_", str(target[-1] if target else "")).strip("_")
            base = last or "Definition"
            name, number = base, 1
            while name in self._places:
                number += 1
                name = f"{base}{number}"
            self._names[target], self._places[name] = name, target
        return self._names[target]

    def _required(self, own: Schema, words: Words) -> Schema:
        """Return the schema with what its properties themselves say about being required."""
        declared = words["properties"].value if "properties" in words else {}
        flagged = [name for name, inner in declared.items() if _flag(inner, "required")]
        names = list(dict.fromkeys([*own.get("required", []), *flagged]))
        if self._dialect.responses:
            unsent = [name for name in names if _flag(declared.get(name), "writeOnly")]
            for name in unsent:
                reason = "what is `writeOnly` is not sent, and thereby not required"
                self._notes.count("RVN841", reason, (*words["properties"].at, name))
            names = [name for name in names if name not in unsent]
        rest = {word: value for word, value in own.items() if word != "required"}
        return {**own, "required": names} if names else rest

    def _without_siblings(self, own: Schema, at: Path) -> Schema:
        kept = {word: own[word] for word in own if word == "$ref" or word in ANNOTATIONS}
        for word in [word for word in own if word not in kept]:
            reason = f"`{word}` beside `$ref` has no effect in this dialect"
            self._notes.count("RVN841", reason, (*at, word))
        return kept

    def _merged(self, parts: Word, own: Schema) -> Schema:
        """Return the schema and its parts under `allOf` as one."""
        places = [(*parts.at, index) for index in range(len(parts.value))]
        alone = len(places) == 1 and own.keys() <= ANNOTATIONS
        found = [self._convert(place) if alone else self._part(place) for place in places]
        code = "RVN841" if alone else "RVN842"
        self._notes.count(code, "what stands under `allOf` is written as one schema", parts.at)
        return merged([*found, own])

    def _part(self, at: Path) -> Schema | bool:
        """Return one part, a reference to an object replaced by the object itself."""
        node = self._references.value(at)
        reference = node.get("$ref") if isinstance(node, dict) else None
        target = self._references.target(reference)
        end = None if target is None else self._references.end(target)
        can_nest = self._depth <= _DEEPEST_INLINED and self._size <= _LARGEST
        if end is None or end in self._expanding or not can_nest:
            return self._convert(at)
        whole, size = self._definition(end)
        if isinstance(whole, bool) or not is_object(whole):
            return self._convert(at)
        self._size += size
        inlined = {word: value for word, value in whole.items() if word not in _OF_ITS_OWN}
        if not self._dialect.ref_siblings:
            return inlined
        beside = self._convert(at)
        rest = dict(beside) if isinstance(beside, dict) else {}
        rest.pop("$ref", None)
        return merged([inlined, rest])


def _flag(node: Any, word: str) -> bool:
    return isinstance(node, dict) and repaired("flag", node.get(word)) == (True, True)
