"""JSON values as PostgreSQL's texts: faithfully, or not at all.

A text means to the input function of the column's type what PostgreSQL itself would print for the value.
Whether it is a good one of its type, the server says; what would become another value is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import NoneType

from rivven_connect import Json
from rivven_connect._tables.json_text import is_exact, json_text, plain
from rivven_connect._tables.records import Unfit
from rivven_connect.postgres import LONGEST_NAME_BYTES, Shape, Type

_BYTEA = 17
_OCTAL = re.compile(r"\\[0-7]{3}")
_IS_WHOLE: Mapping[int, Callable[[str], bool]] = {
    _BYTEA: lambda text: text.startswith("\\x"),
    18: lambda text: len(text.encode()) <= 1 or _OCTAL.fullmatch(text) is not None,  # "char"
    19: lambda text: len(text.encode()) <= LONGEST_NAME_BYTES,  # name
}
"""Types, by OID, that make another value of some texts without a word; which texts they leave whole."""
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_TAKE_NO_TEXT = frozenset({Shape.INTEGER, Shape.BOOLEAN})
"""Shapes that take no text; a numeric is one."""
_TAKE_NUMBERS = frozenset({Shape.INTEGER, Shape.FLOAT, Shape.NUMERIC})
_JSON_TYPES = (NoneType, bool, int, float, str, list, dict)
_NAMES = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}

Texts = Sequence[str | None]


def texts_of(values: Sequence[Json], kind: Type, field: str) -> Texts:
    """Return one field's values as texts, None for NULL.

    Args:
        values: of the field, one a record.
        kind: the type of the column.
        field: for the error.

    Raises:
        Unfit: a value would be changed; `OverflowError` and the like may also come, see `UNFIT`.
    """
    kinds = set(map(type, values))
    is_whole = NoneType not in kinds
    kinds.discard(NoneType)
    quick = _QUICK.get(kind.shape)
    if quick is not None and kinds == {quick[0]} and kind.oid not in _IS_WHOLE:
        text = quick[1]
        if text is None:
            return values
        if is_whole:
            return list(map(text, values))
        return [None if value is None else text(value) for value in values]
    return [None if value is None else _text(value, kind, field) for value in values]


def text_of(value: Json, kind: Type, field: str) -> str:
    """Return one value that is not null as text.

    Raises:
        Unfit: it would be changed.
    """
    quick = _QUICK.get(kind.shape)
    if quick is not None and type(value) is quick[0] and kind.oid not in _IS_WHOLE:
        return str(value) if quick[1] is None else quick[1](value)
    return _text(value, kind, field)


def copy_rows(columns: Sequence[Texts]) -> bytes:
    """Return rows as COPY's text format has them (PostgreSQL, COPY, "File Formats").

    Raises:
        Unfit: a text holds a zero byte.
    """
    lines = map("\t".join, zip(*map(_escaped, columns), strict=True))
    return "".join(f"{line}\n" for line in lines).encode()


def array_literal(texts: Texts) -> str:
    """Return texts as the literal of a `text[]`.

    Raises:
        Unfit: a text holds a zero byte.
    """
    if None in texts:
        inner = ",".join("NULL" if one is None else _quoted(one) for one in texts)
        return f"{{{inner}}}"
    parts = _joined(texts).replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
    return f'{{"{parts}"}}' if texts else "{}"


def _escaped(texts: Texts) -> Sequence[str]:
    """Return texts as COPY has them; all at once, which costs a tenth of one by one."""
    joined = _joined(["\\N" if one is None else one for one in texts])
    if "\\" in joined:
        if None in texts:
            return ["\\N" if one is None else _copy_text(one) for one in texts]
        joined = joined.replace("\\", "\\\\")
    for letter, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        if letter in joined:
            joined = joined.replace(letter, escape)
    return joined.split("\0")


def _copy_text(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace("\r", "\\r").replace("\t", "\\t")


def _joined(texts: Texts) -> str:
    joined = "\0".join(one or "" for one in texts)
    if joined.count("\0") != max(0, len(texts) - 1):
        raise Unfit("a text holds a zero byte, which PostgreSQL cannot store")
    return joined


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _number(value: float) -> str:
    try:
        return repr(value)
    except ValueError:  # Python's limit against slow conversions
        raise Unfit("an integer has thousands of digits") from None


def _truth(value: bool) -> str:  # called by map
    return "t" if value else "f"


_QUICK: dict[Shape, tuple[type, Callable[..., str] | None]] = {
    Shape.BOOLEAN: (bool, _truth),
    Shape.INTEGER: (int, _number),
    Shape.FLOAT: (float, repr),
    Shape.NUMERIC: (str, None),
    Shape.TEXT: (str, None),
    Shape.DATE: (str, None),
    Shape.TIMESTAMP: (str, None),
    Shape.TIMESTAMPTZ: (str, None),
}
"""The one kind of value that most columns of a shape have, and what makes its text; none for itself."""


def _text(value: Json, kind: Type, field: str) -> str:
    """Return the text of any value but null."""
    if kind.shape is Shape.JSON:
        return json_text(value)
    if kind.oid == _BYTEA and isinstance(value, bytes | bytearray | memoryview):
        return f"\\x{bytes(value).hex()}"
    if type(value) not in _JSON_TYPES:
        value = plain(value, field)
    text = _scalar(value, kind) if kind.shape is not Shape.ARRAY else _array(value, kind, field)
    if text is None:
        found = _NAMES.get(type(value), "null")
        raise Unfit(f"{field} is {found} that its column cannot hold as it is")
    return text


def _scalar(value: Json, kind: Type) -> str | None:
    shape = kind.shape
    if isinstance(value, str):
        if shape is Shape.FLOAT:
            return value if value in _NOT_FINITE else None
        is_whole = _IS_WHOLE.get(kind.oid)
        is_good = shape not in _TAKE_NO_TEXT and (is_whole is None or is_whole(value))
        return value if is_good else None
    if isinstance(value, bool):
        return _truth(value) if shape is Shape.BOOLEAN else None
    if isinstance(value, float) and shape is Shape.INTEGER:
        return str(int(value)) if value.is_integer() and abs(value) <= 2**53 else None
    is_number = isinstance(value, int | float) and shape in _TAKE_NUMBERS
    return _number(value) if is_number and (shape is not Shape.FLOAT or is_exact(value)) else None


def _array(value: Json, kind: Type, field: str) -> str | None:
    """Return the literal of an array; a text is taken for one."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or kind.element is None:
        return None
    element = kind.element
    parts: list[str] = []
    if element.shape is not Shape.JSON and any(isinstance(one, list) for one in value):
        for one in value:
            inner = _array(one, kind, field) if isinstance(one, list) else None
            if inner is None:
                return None
            parts.append(inner)
    else:
        texts = texts_of(value, element, field)
        parts += ["NULL" if text is None else _quoted(text) for text in texts]
    return f"{{{kind.delimiter.join(parts)}}}"
