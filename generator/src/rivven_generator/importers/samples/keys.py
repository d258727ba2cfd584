"""Which field could identify a record, and which could tell what has changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator.importers.samples.findings import Findings
from rivven_generator.importers.samples.shapes import Shape

_KEY: Final = re.compile(r"_?id|uuid|guid|key|.+_id|.+Id", re.ASCII)
_CURSOR: Final = re.compile(
    r"(last_?)?(updated|modified|changed)(_?(at|on|date|time))?|date_?(updated|modified)"
    r"|last_?(update|modification|change)(_?(at|on|date|time))?|updated?_?time(stamp)?",
    re.IGNORECASE,
)
_MOST_VALUES: Final = 50_000
_MOST_CANDIDATES: Final = 5
_MOST_KEYS: Final = 1_000_000


class UniqueFields:
    """Watches the fields that could be a primary key by their name, as long as no value repeats."""

    def __init__(self) -> None:
        self._seen: dict[str, set[int]] | None = None

    def take(self, record: dict[str, Any]) -> None:
        """Take one more record; the values themselves are not kept."""
        if self._seen is None:
            names = sorted((name for name in record if _KEY.fullmatch(name)), key=_rank)
            self._seen = {name: set() for name in names[:_MOST_CANDIDATES]}
        for name in list(self._seen):
            value, seen = record.get(name), self._seen[name]
            if not isinstance(value, (str, int)) or hash(value) in seen:
                del self._seen[name]
            elif len(seen) < _MOST_VALUES:
                seen.add(hash(value))

    def best(self) -> str | None:
        """Return the likeliest field that no two records share a value of."""
        return min(self._seen or (), key=_rank, default=None)


class KeyRepeats:
    """Watches whether two records have the same primary key, in memory for the first million."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = fields
        self._seen: set[int] = set()
        self.found = False

    def take(self, record: dict[str, Any]) -> None:
        """Take one more record; the values themselves are not kept."""
        if not self._fields or self.found:
            return
        digest = hash(tuple(str(record.get(name)) for name in self._fields))
        self.found = digest in self._seen
        if len(self._seen) < _MOST_KEYS:
            self._seen.add(digest)


def _rank(name: str) -> tuple[int, str]:
    plain = ("id", "_id", "uuid", "guid", "key")
    return (plain.index(name) if name in plain else len(plain), name)


def suggest(
    root: Shape, unique: UniqueFields, findings: Findings, *, key: bool, cursor: bool
) -> None:
    """Note fields that could be the key or the cursor, where none is asked for."""
    name = unique.best()
    if key and name is not None and root.values > 1:
        shown = escape_text(name, limit=60)
        findings.add("RVN865", f"`{shown}` could be the primary key: --primary-key", (name,))
    if not cursor:
        return
    for field, shape in root.fields.items():
        is_time = bool(shape.formats) and shape.formats[0] in {"date-time", "date"} and shape.texts
        if _CURSOR.fullmatch(field) and is_time and unfit_reason(root, field) is None:
            shown = escape_text(field, limit=60)
            findings.add("RVN865", f"`{shown}` could be the cursor: --cursor", (field,))


def unfit_reason(root: Shape, name: str) -> str | None:
    """Return why a field cannot be a key or a cursor, or None."""
    field = root.fields.get(name)
    if field is None:
        return "no record has it"
    is_mixed = "string" in field.kinds and not field.kinds.isdisjoint({"integer", "number"})
    reasons = {
        "it is missing in some records": field.values < root.objects,
        "it is null in some records": "null" in field.kinds,
        "it is a list or an object in some records": not field.kinds.isdisjoint(
            {"object", "array"}
        ),
        "it is true or false in some records": "boolean" in field.kinds,
        "it is a text in some records and a number in others": is_mixed,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
