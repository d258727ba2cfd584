"""What the values at one place of many records have in common, without keeping the values."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from rivven_generator.schema.verdict import validator_of

FORMATS: Final = ("date-time", "date", "uuid", "email", "uri", "ipv4")
_LONGEST_FORMATTED: Final = 2_000
_MOST_KEYS: Final = 50
"""Different keys of one object; more of them, looking like ids, are the keys of a map."""
_NEARLY_ALL: Final = 0.9
_MOST_FIELDS: Final = 10_000
_MOST_NAME_CHARACTERS: Final = 200_000
_ID_LIKE: Final = re.compile(
    r"\d+|[0-9a-f]{8,}|\d{4}-\d\d?(-\d\d?.*)?|[^@\s]+@[^@\s]+|[A-Za-z_-]*\d[A-Za-z0-9]*\d[A-Za-z0-9]*\d.*"
    r"|[0-9a-f]{8}-[0-9a-f-]{27}",
    re.IGNORECASE,
)
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that the text of a manifest must not hold."""


def _checks() -> Mapping[str, Callable[[str], bool]]:
    return {name: validator_of({"format": name}).is_valid for name in FORMATS}


_CHECKS: Final = _checks()


@dataclasses.dataclass(slots=True)
class Shape:
    """One place in records: what was seen there, and what inside of it."""

    values: int = 0
    kinds: set[str] = dataclasses.field(default_factory=set)
    texts: int = 0
    formats: tuple[str, ...] = FORMATS
    objects: int = 0
    fields: dict[str, Shape] = dataclasses.field(default_factory=dict)
    ids: int = 0
    """Fields whose names look like ids, dates, numbers or addresses."""
    entries: Shape | None = None
    """Values of a map; it has no fields then."""
    items: Shape | None = None
    is_open: bool = False
    """Some fields are not described."""

    def take_text(self, text: str) -> None:
        """Keep the formats that this text has as well."""
        self.texts += 1
        if self.formats:
            self.formats = tuple(name for name in self.formats if _has_format(text, name))

    def absorb(self, other: Shape) -> None:
        """Take what was seen at another place as seen here."""
        waiting = [(self, other)]
        while waiting:
            one, two = waiting.pop()
            one._absorb_values(two)
            if two.entries is not None and one.entries is None:
                one.become_map()
            if one.entries is not None:
                inner = [*two.fields.values(), *([two.entries] if two.entries else [])]
                waiting += [(one.entries, shape) for shape in inner]
            else:
                waiting += [
                    (one.fields.setdefault(key, Shape()), shape)
                    for key, shape in two.fields.items()
                ]
            if two.items is not None:
                one.items = one.items or Shape()
                waiting.append((one.items, two.items))

    def _absorb_values(self, other: Shape) -> None:
        self.values += other.values
        self.kinds |= other.kinds
        self.texts += other.texts
        self.formats = tuple(name for name in self.formats if name in other.formats)
        self.objects += other.objects
        self.is_open = self.is_open or other.is_open

    def become_map(self) -> None:
        """Read the fields as the keys of a map: what was seen in them is seen in its values."""
        fields, self.fields = self.fields, {}
        self.entries = Shape()
        for shape in fields.values():
            self.entries.absorb(shape)


class Shapes:
    """The shape of many records, of bounded size however many and different they are."""

    def __init__(self) -> None:
        self.root = Shape()
        self._fields = 0
        self._characters = 0

    def take(self, record: dict[str, Any]) -> None:
        """Take one more record."""
        waiting: list[tuple[Shape, Any]] = [(self.root, record)]
        while waiting:
            shape, value = waiting.pop()
            shape.values += 1
            shape.kinds.add(_kind(value))
            if isinstance(value, str):
                shape.take_text(value)
            elif isinstance(value, list) and value:
                shape.items = shape.items or Shape()
                waiting += [(shape.items, item) for item in value]
            elif isinstance(value, dict):
                shape.objects += 1
                waiting += self._fields_of(shape, value)

    def _fields_of(self, shape: Shape, value: dict[str, Any]) -> Iterable[tuple[Shape, Any]]:
        if shape.entries is None:
            for key in value:
                if key not in shape.fields:
                    self._add(shape, key)
            if len(shape.fields) > _MOST_KEYS and shape.ids >= _NEARLY_ALL * len(shape.fields):
                shape.become_map()
        if shape.entries is not None:
            return [(shape.entries, item) for item in value.values()]
        return [(shape.fields[key], item) for key, item in value.items() if key in shape.fields]

    def _add(self, shape: Shape, key: str) -> None:
        has_room = self._fields < _MOST_FIELDS and self._characters < _MOST_NAME_CHARACTERS
        if not has_room or len(key) > _MOST_NAME_CHARACTERS // 100 or _UNWRITABLE.search(key):
            shape.is_open = True
            return
        self._fields += 1
        self._characters += len(key)
        shape.fields[key] = Shape()
        shape.ids += _ID_LIKE.fullmatch(key) is not None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return kinds.get(type(value), "object")


def _has_format(text: str, name: str) -> bool:
    if len(text) > _LONGEST_FORMATTED or (name == "uri" and "://" not in text):
        return False
    return _CHECKS[name](text)
