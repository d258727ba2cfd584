"""The text of an array (PostgreSQL, "Arrays", section "Array Input and Output Syntax")."""

from __future__ import annotations

import re
from collections.abc import Callable

from rivven_connect._errors import ConnectorError
from rivven_connect._json import Json

_BOUNDS = re.compile(rb"(?:\[[+-]?\d+:[+-]?\d+\])+=")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_MOST_DIMENSIONS = 6


class ArrayDecoder:
    """Makes a list of an array's text; a list of lists where it has more dimensions."""

    def __init__(self, element: Callable[[bytes], Json], delimiter: str) -> None:
        self._element = element
        self._separator = delimiter.encode()
        end = re.escape(self._separator)
        self._token = re.compile(
            rb'[{}]|%b|"((?:[^"\\]|\\.)*)"|(?:[^{}"\\%b]|\\.)+' % (end, end), re.DOTALL
        )

    def __call__(self, raw: bytes) -> Json:
        """Return the array.

        Raises:
            ConnectorError: the text is none, or an element is none of its type.
        """
        if raw.startswith(b"["):
            bounds = _BOUNDS.match(raw)
            raw = raw[bounds.end() :] if bounds else raw
        if raw == b"{}":
            return []
        if raw[:1] != b"{" or raw[-1:] != b"}":
            raise ConnectorError.data("a text is no array")
        if b'"' in raw or b"\\" in raw or raw.find(b"{", 1) > 0:
            return self._nested(raw)
        element = self._element
        return [
            None if one == b"NULL" else element(one) for one in raw[1:-1].split(self._separator)
        ]

    def _nested(self, raw: bytes) -> Json:
        """Return an array some of whose elements are quoted, escaped or arrays."""
        root: list[Json] = []
        lists = [root]
        place = 0
        while place < len(raw):
            match = self._token.match(raw, place)
            if match is None or not 0 < len(lists) <= _MOST_DIMENSIONS + 1:
                break
            place = match.end()
            found = match[0]
            if found == b"{":
                inner: list[Json] = []
                lists[-1].append(inner)
                lists.append(inner)
            elif found == b"}":
                lists.pop()
            elif found != self._separator:
                lists[-1].append(self._value(match[1], found))
        if place < len(raw) or len(lists) != 1 or len(root) != 1:
            raise ConnectorError.data("a text is no array")
        return root[0]

    def _value(self, quoted: bytes | None, plain: bytes) -> Json:
        if quoted is None and plain == b"NULL":
            return None
        text = plain if quoted is None else quoted
        return self._element(_ESCAPED.sub(rb"\1", text) if b"\\" in text else text)
