"""The `type` of a schema as a list of JSON's types."""

from __future__ import annotations

import re
from typing import Any

from rivven_connect.documents import escape_text
from rivven_generator.importers.notes import Path
from rivven_generator.importers.records.counted import RecordNotes
from rivven_generator.importers.records.vocabulary import TYPES, meant_type


def types_of(value: Any, at: Path, notes: RecordNotes) -> tuple[list[str], str]:
    """Return the JSON types that `value` stands for, and a format; no types mean any value."""
    listed = value if isinstance(value, list) else [value]
    if not listed:
        notes.add("RVN847", "an empty list of types means nothing", at)
        return [], ""
    kinds: dict[str, None] = {}
    text_format, is_any = "", False
    for index, item in enumerate(listed):
        place = (*at, index) if isinstance(value, list) else at
        words = _words(item)
        if len(words) > 1:
            notes.add("RVN844", "one text names several types", place)
        for word in words:
            kind, implied = _type(word, place, notes)
            is_any = is_any or not kind
            kinds[kind] = None
            text_format = text_format or implied
    if isinstance(value, list) and len(kinds) < len(value):
        notes.add("RVN845", "a type stands here twice", at)
    texts_only = not is_any and set(kinds) <= {"string", "null"}
    return ([] if is_any else list(kinds)), (text_format if texts_only else "")


def _words(item: Any) -> list[Any]:
    """Return the types that one text names: `string|null` and `string, null` name two."""
    if item is None:
        return ["null"]
    if not isinstance(item, str) or not re.search(r"[|,]", item):
        return [item]
    return [word for word in re.split(r"\s*[|,]\s*", item.strip(" []")) if word] or [""]


def _type(word: Any, at: Path, notes: RecordNotes) -> tuple[str, str]:
    if word in TYPES if isinstance(word, str) else False:
        return word, ""
    meant = meant_type(word) if isinstance(word, str) else None
    if meant is None:
        notes.add("RVN847", "this is not a type; any value is accepted", at)
        return "", ""
    kind, text_format = meant
    shown = escape_text(word, limit=60)
    notes.add("RVN844", f"the type `{shown}` is taken for {kind or 'any value'}", at)
    return kind, text_format
