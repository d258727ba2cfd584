"""The body of an answer, taken apart no further than asked.

The link to the next page is found without decoding the records, so that the next page is on its way
while they are.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from rivven_connect import ConnectorError, Json
from rivven_connect.http import HttpResponse

MISSING: Final = object()
"""No value; not even null."""

_NO_CONTENT = 204

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_value = msgspec.json.Decoder().decode
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def pointer_steps(pointer: str) -> tuple[str, ...]:
    """Return the steps of a JSON Pointer (RFC 6901)."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


class Document:
    """One answer whose body is JSON.

    Raises:
        ConnectorError: the body is not JSON; so do the methods, since parts are decoded later.
    """

    def __init__(self, answer: HttpResponse) -> None:
        self.answer = answer
        self._found: dict[str, Json] = {}
        self._members: dict[str, msgspec.Raw] | None = None
        self._whole: Json = MISSING
        self.holds_halves = False
        """Whether what was decoded has texts that UTF-8 cannot write: halves of surrogate pairs."""
        if answer.status == _NO_CONTENT:
            return
        try:
            self._members = answer.decoded(lambda body: _members(_without_mark(body)))
        except ConnectorError:  # a list, say; or no JSON at all
            self._decode()

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.answer.body)

    def at(self, steps: Sequence[str]) -> Any:
        """Return the value at the steps of a pointer, or `MISSING`; null where there is no content."""
        if self.answer.status == _NO_CONTENT:
            return None
        if self._members is None or not steps:
            return _walk(self._decode(), steps)
        first, *rest = steps
        if first not in self._members:
            return MISSING
        if first not in self._found:
            raw = self._members[first]
            self._found[first] = self.answer.decoded(lambda _: self._value(raw))
        return _walk(self._found[first], rest)

    def part(self, steps: Sequence[str]) -> bytes:
        """Return the innermost member of objects that a pointer leads into, as it came."""
        found: msgspec.Raw | None = None
        for step in steps:
            members = self._members if found is None else _members_of(found)
            if members is None or step not in members:
                break
            found = members[step]
        return self.answer.body if found is None else bytes(found)

    def _decode(self) -> Json:
        if self._whole is MISSING:
            self._whole = self.answer.decoded(lambda body: self._value(_without_mark(body)))
        return self._whole

    def _value(self, text: bytes | msgspec.Raw) -> Json:
        try:
            return _value(text)
        except msgspec.DecodeError as error:
            found = _with_halves(bytes(text), error)
            self.holds_halves = True
            return found


def _with_halves(text: bytes, error: msgspec.DecodeError) -> Json:
    """Return a JSON value with halves of surrogate pairs, which grammar allows (RFC 8259, 8.2).

    Raises:
        DecodeError: that was not what is wrong.
    """
    if not _SURROGATE.search(text):
        raise error
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except ValueError:
        raise error from None


def _finite(text: str) -> float:
    """Return a number; raise ValueError where there is none that JSON has."""
    found = float(text)
    if not math.isfinite(found):
        raise ValueError("out of range")
    return found


def _members_of(raw: msgspec.Raw) -> dict[str, msgspec.Raw] | None:
    """Return the members of an object; None if it is none."""
    try:
        return _members(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _without_mark(body: bytes) -> bytes:
    """Return the body without the byte order mark that some servers send (RFC 8259, 8.1)."""
    return body.removeprefix(codecs.BOM_UTF8)


def _walk(value: Json, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif (
            isinstance(value, list) and step.isascii() and step.isdigit() and int(step) < len(value)
        ):
            value = value[int(step)]
        else:
            return MISSING
    return value
