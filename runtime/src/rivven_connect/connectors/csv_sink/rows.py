"""Records as rows of text: texts in quotes, everything else without, null as nothing at all.

So an empty text and null stay different, and so do the text "1" and the number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from rivven_connect import EventType, JsonObject, SourceEvent
from rivven_connect._tables.json_text import json_text, plain
from rivven_connect._tables.records import Unfit, record_of

_REMOVING = frozenset({EventType.DELETE, EventType.TRUNCATE})
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class RowFormat:
    """How the rows of one file look."""

    def __init__(
        self,
        columns: Sequence[str],
        *,
        delimiter: str,
        ending: str,
        extra_column: str | None,
        type_column: str | None,
        escape_formulas: bool,
    ) -> None:
        own = {extra_column, type_column} & set(columns)
        self._fields = [None if name in own else name for name in columns]
        self._known = frozenset(name for name in columns if name not in own)
        self._columns = columns
        self._extra, self._type = extra_column, type_column
        self._delimiter, self._ending = delimiter, ending
        self._escapes = escape_formulas

    def head(self) -> bytes:
        """Return the first record of a file: the names of the columns."""
        cells = [self._text(name) for name in self._columns]
        return f"{self._delimiter.join(cells)}{self._ending}".encode()

    def row(self, event: SourceEvent) -> bytes:
        """Return an event as a row.

        Raises:
            Unfit: something of it would be lost; another of `UNFIT` may come of its values.
        """
        if event.event_type in _REMOVING and self._type is None:
            raise Unfit(
                f"a {event.event_type.value} would look like a record: the sink has no `type_column`"
            )
        record = record_of(event)
        extra = self._extra_of(record)
        cells = [
            self._own(name, event, extra) if field is None else self._cell(record.get(field), field)
            for name, field in zip(self._columns, self._fields, strict=True)
        ]
        text = self._delimiter.join(cells)
        if not text:
            raise Unfit("a row of one null would be a blank line, which readers skip")
        return f"{text}{self._ending}".encode()

    def _extra_of(self, record: JsonObject) -> JsonObject:
        if record.keys() <= self._known:
            return {}
        extra = {name: value for name, value in record.items() if name not in self._known}
        if self._extra is None:
            raise Unfit(
                f"the file has no column {min(map(str, extra))!r}; name it in `columns` of a new file, "
                "or an `extra_column` for such fields"
            )
        return extra

    def _own(self, name: str, event: SourceEvent, extra: JsonObject) -> str:
        if name == self._type:
            return self._text(event.event_type.value)
        return self._text(json_text(extra)) if extra else ""

    def _cell(self, value: Any, field: str) -> str:
        if value is None:
            return ""
        if type(value) is str:
            return self._text(value)
        unquoted = _UNQUOTED.get(type(value))
        if unquoted is not None:
            return unquoted(value, field)
        if isinstance(value, dict | list):
            return self._text(json_text(value))
        return self._cell(plain(value, field), field)

    def _text(self, text: str) -> str:
        if self._escapes and text.startswith(_FORMULA):
            text = f"'{text}"
        escaped = text.replace('"', '""')
        return f'"{escaped}"'


def unescaped(name: str, known: Collection[str]) -> str:
    """Return the field whose column a header has under `name`, where formulas are escaped."""
    is_escaped = name not in known and name.startswith("'") and name[1:].startswith(_FORMULA)
    return name[1:] if is_escaped else name


def _number(value: float, field: str) -> str:
    if not math.isfinite(value):
        raise Unfit(f"{field} is not a finite number")
    return repr(value)


_UNQUOTED: Mapping[type, Callable[[Any, str], str]] = {
    bool: lambda value, _: "true" if value else "false",
    int: lambda value, _: str(value),
    float: _number,
}
