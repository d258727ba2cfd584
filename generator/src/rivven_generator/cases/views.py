"""The cases of a generated config test, as a template prints them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from rivven_generator.layout import literal

Json: TypeAlias = Any

_LONGEST_TEXT: Final = 40
_LONGEST_LIST: Final = 5


class _Absent(enum.Enum):
    """The type of `ABSENT`."""

    ABSENT = "ABSENT"


ABSENT: Final = _Absent.ABSENT
"""In place of a case's value: the property is taken away."""


class Repeat(msgspec.Struct, frozen=True):
    """A long text or list, written short: `start`, then `unit` as often as `times` says."""

    unit: str | list[Json]
    times: int
    start: str = ""

    @property
    def source(self) -> str:
        """The Python expression, as in `Repeat("x", 1025)`."""
        start = f", {literal(self.start)}" if self.start else ""
        return f"Repeat({literal(self.unit)}, {self.times}{start})"


Value: TypeAlias = Json | Repeat | Literal[_Absent.ABSENT]


class AcceptView(msgspec.Struct, frozen=True):
    """A change of a base that keeps it acceptable."""

    base: str
    pointer: str
    value: Value

    @property
    def source(self) -> str:
        """The Python expression, as in `Accept("minimal", "/page_size", 1)`."""
        return f"Accept({literal(self.base)}, {literal(self.pointer)}, {value_source(self.value)})"


class RejectView(msgspec.Struct, frozen=True):
    """A change of a base that one rule forbids; the problem points to `at`, or to the change."""

    base: str
    pointer: str
    value: Value
    rule: str
    at: str | None = None

    @property
    def source(self) -> str:
        """The Python expression, as in `Reject("minimal", "/page_size", 0, "minimum")`."""
        place = f"{literal(self.base)}, {literal(self.pointer)}, {value_source(self.value)}"
        at = "" if self.at is None else f", at={literal(self.at)}"
        return f"Reject({place}, {literal(self.rule)}{at})"


class SecretView(msgspec.Struct, frozen=True):
    """Where a secret stands, and a value for it that is easy to find."""

    base: str
    pointer: str
    value: str

    @property
    def source(self) -> str:
        """The Python expression, as in `Canary("minimal", "/token", "canary-1")`."""
        return f"Canary({literal(self.base)}, {literal(self.pointer)}, {literal(self.value)})"


class CasesView(msgspec.Struct, frozen=True):
    """Everything that `tests/generated/test_config.py` holds."""

    bases: Mapping[str, Json]
    """Configs that are accepted, by name: the manifest's own first."""
    accepts: tuple[AcceptView, ...] = ()
    rejects: tuple[RejectView, ...] = ()
    secrets: tuple[SecretView, ...] = ()
    uncovered: tuple[tuple[str, str], ...] = ()
    """Pointer and keyword of each constraint that no case could be built for."""
    left_out: int = 0
    """Constraints that could have a case and have none, because there are so many."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the test file imports from `rivven_connect.testing`, sorted as ruff sorts it."""
        values = [case.value for case in self.accepts] + [case.value for case in self.rejects]
        used = {
            "ABSENT": any(value is ABSENT for value in values),
            "Accept": bool(self.accepts),
            "Canary": bool(self.secrets),
            "ConfigContract": True,
            "Reject": bool(self.rejects),
            "Repeat": any(isinstance(value, Repeat) for value in values),
        }
        return tuple(name for name, wanted in used.items() if wanted)


def value_source(value: Value) -> str:
    """Return the Python expression of a case's value."""
    if isinstance(value, Repeat):
        return value.source
    return "ABSENT" if value is ABSENT else literal(value)


def compact(value: Value) -> Value:
    """Return a long text or list that repeats itself at its end as a `Repeat`."""
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        start = value.rstrip(value[-1])
        times = len(value) - len(start)
        return Repeat(value[-1], times, start) if times > len(value) // 2 else value
    if isinstance(value, list) and len(value) > _LONGEST_LIST:
        same = all(type(item) is type(value[0]) and item == value[0] for item in value)
        return Repeat(value[:1], len(value)) if same else value
    return value
