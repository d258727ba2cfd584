"""The keywords of one schema in JSON Schema 2020-12, whatever dialect they were written in."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from rivven_connect.documents import Document, escape_text
from rivven_generator.importers.notes import Path
from rivven_generator.importers.records.counted import RecordNotes
from rivven_generator.importers.records.types import types_of
from rivven_generator.importers.records.vocabulary import KEYWORDS, meant_keyword, repaired

_ELSEWHERE: Final = frozenset({"xml", "discriminator", "externalDocs", "x-nullable"})
_IDENTIFIERS: Final = frozenset(
    "$schema $id id $anchor $vocabulary $dynamicAnchor $recursiveAnchor".split()  # noqa: SIM905
)
_OLD_NAMES: Final = {"divisibleBy": "multipleOf", "extends": "allOf"}


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """The value of a keyword, and where it stands in the original."""

    value: Any
    at: Path


Words = dict[str, Word]


def cleaned(node: dict[str, Any], at: Path, document: Document, notes: RecordNotes) -> Words:
    """Return the keywords of the schema at `at`, repaired; schemas inside of them are as they were.

    `nullable` is among them where it is true. Each difference is noted.
    """
    words: Words = {}
    for key, value in node.items():
        _take(words, key, Word(value, (*at, key)), node, notes)
    _limits(words, notes)
    _items(words, node, at, notes)
    _dependencies(words, node, at, notes)
    types = words.get("type")
    if types is not None:
        _settle_types(words, types, document, notes)
    return words


def _take(words: Words, key: str, word: Word, node: dict[str, Any], notes: RecordNotes) -> None:
    if key in KEYWORDS or key in {"type", "$ref", "nullable"}:
        _keep(words, key, word, notes)
    elif key == "x-nullable":
        _keep(words, "nullable", word, notes)
    elif key == "example":
        notes.count("RVN841", "`example` is written as `examples`", word.at)
        if "examples" not in node:
            words["examples"] = Word([word.value], word.at)
    elif key in _OLD_NAMES and _OLD_NAMES[key] not in node:
        notes.count("RVN841", f"`{key}` is written as `{_OLD_NAMES[key]}`", word.at)
        _keep(words, _OLD_NAMES[key], word, notes)
    elif key in {"definitions", "$defs"}:
        notes.count("RVN841", f"definitions are moved from `{key}` to where they are used", word.at)
    elif key in _IDENTIFIERS and not isinstance(word.value, dict):
        notes.count("RVN841", f"`{key}` names the schema, which a stream does", word.at)
    elif key not in {"additionalItems", "dependencies"}:
        _take_unknown(words, key, word, node, notes)


def _take_unknown(
    words: Words, key: str, word: Word, node: dict[str, Any], notes: RecordNotes
) -> None:
    shown = escape_text(key, limit=60)
    foreign = key in _ELSEWHERE or key.casefold().startswith("x-")
    meant = None if foreign else meant_keyword(key, node.get("type"))
    if meant is not None and meant not in node and _fits(meant, word.value):
        notes.add("RVN843", f"`{shown}` is taken for `{meant}`", word.at, key=True)
        if meant == "example":
            words["examples"] = Word([word.value], word.at)
        else:
            _keep(words, meant, word, notes)
    else:
        notes.count("RVN846", f"`{shown}` has no effect on which records are valid", word.at)


def _fits(meant: str, value: Any) -> bool:
    if meant == "type":
        return isinstance(value, (str, list))
    if meant == "nullable":
        return isinstance(value, bool)
    return meant == "example" or repaired(KEYWORDS[meant], value)[0]


def _keep(words: Words, key: str, word: Word, notes: RecordNotes) -> None:
    """Keep a known keyword if its value has, or clearly stands for, the right form."""
    value = word.value
    if key == "type":
        words[key] = word
    elif key == "$ref":
        if isinstance(value, str):
            words[key] = word
        else:
            notes.add("RVN847", "`$ref` is no text", word.at)
    elif key == "nullable":
        _keep_nullable(words, word, notes)
    elif value is None and KEYWORDS[key] != "any":
        notes.add("RVN845", f"`{key}` without a value is left out", word.at)
    elif (key == "required" and isinstance(value, bool)) or _is_limit_flag(key, value):
        words[key] = word  # of an older draft; settled with what stands around it
    elif key == "examples" and not isinstance(value, list):
        words[key] = Word(_example_values(value), word.at)
        notes.add("RVN845", "`examples` is written as a list", word.at)
    elif key == "items" and isinstance(value, list) and value:
        words[key] = word
    else:
        _keep_repaired(words, key, word, notes)


def _keep_nullable(words: Words, word: Word, notes: RecordNotes) -> None:
    fine, flag = repaired("flag", word.value)
    if not fine:
        notes.add("RVN847", "`nullable` is neither true nor false", word.at)
        return
    notes.count("RVN841", "`nullable` is written as the type `null`", word.at)
    if flag:
        words["nullable"] = word


def _keep_repaired(words: Words, key: str, word: Word, notes: RecordNotes) -> None:
    fine, value = repaired(KEYWORDS[key], word.value)
    if not fine or (key == "enum" and not value):
        notes.add("RVN847", f"the value of `{key}` is none that it can have", word.at)
        return
    if value is not word.value:
        notes.add("RVN845", f"the value of `{key}` is repaired", word.at)
    words[key] = Word(value, word.at)


def _example_values(value: Any) -> list[Any]:
    """Return the values of `examples` as OpenAPI writes them for media types, or of one value."""
    if (
        isinstance(value, dict)
        and value
        and all(isinstance(item, dict) and "value" in item for item in value.values())
    ):
        return [item["value"] for item in value.values()]
    return [value]


def _is_limit_flag(key: str, value: Any) -> bool:
    return key in {"exclusiveMinimum", "exclusiveMaximum"} and isinstance(value, bool)


def _limits(words: Words, notes: RecordNotes) -> None:
    """Write `exclusiveMinimum: true` beside a `minimum` as one number, as drafts since 6 do."""
    for flag, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        word = words.get(flag)
        if word is None or not isinstance(word.value, bool):
            continue
        del words[flag]
        notes.count("RVN841", f"`{flag}` is written as a number", word.at)
        if word.value and limit in words:
            words[flag] = words.pop(limit)


def _items(words: Words, node: dict[str, Any], at: Path, notes: RecordNotes) -> None:
    """Write a list of `items` as `prefixItems`, and `additionalItems` as `items`."""
    rest = Word(node.get("additionalItems"), (*at, "additionalItems"))
    listed = isinstance(node.get("items"), list) and "items" in words
    if listed:
        notes.count("RVN841", "a list of `items` is written as `prefixItems`", words["items"].at)
        words["prefixItems"] = words.pop("items")
    if "additionalItems" in node:
        notes.count("RVN841", "`additionalItems` is written as `items`, or has no effect", rest.at)
        if listed:
            _keep(words, "items", rest, notes)


def _dependencies(words: Words, node: dict[str, Any], at: Path, notes: RecordNotes) -> None:
    """Split `dependencies` into those that name properties and those that are schemas."""
    if "dependencies" not in node:
        return
    place = (*at, "dependencies")
    value = node["dependencies"]
    if not isinstance(value, dict):
        notes.add("RVN847", "the value of `dependencies` is none that it can have", place)
        return
    notes.count("RVN841", "`dependencies` is split as drafts since 2019-09 do", place)
    lists = {
        name: [needs] if isinstance(needs, str) else needs
        for name, needs in value.items()
        if isinstance(needs, (str, list))
    }
    schemas = {name: needs for name, needs in value.items() if isinstance(needs, (dict, bool))}
    for key, found in (("dependentRequired", lists), ("dependentSchemas", schemas)):
        if found and key not in words:
            _keep(words, key, Word(found, place), notes)


def _settle_types(words: Words, types: Word, document: Document, notes: RecordNotes) -> None:
    """Write the type as JSON's types, with the format that another word for it implied."""
    kinds, text_format = types_of(types.value, types.at, notes)
    if kinds:
        words["type"] = Word(kinds[0] if len(kinds) == 1 else kinds, types.at)
    else:
        del words["type"]
    if text_format and "format" not in words:
        words["format"] = Word(text_format, types.at)
    if kinds == ["string"] and "enum" in words:
        _settle_texts(words, document, notes)


def _settle_texts(words: Words, document: Document, notes: RecordNotes) -> None:
    """Take what YAML reads as a number or a boolean for text, where the type is text."""
    enum = words["enum"]
    texts = [
        document.source((*enum.at, index)) if _is_scalar(value) else value
        for index, value in enumerate(enum.value)
    ]
    if any(one is not other for one, other in zip(texts, enum.value, strict=True)):
        notes.add("RVN845", "values of a text are written in quotes", enum.at)
        words["enum"] = Word(texts, enum.at)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (bool, int, float))
