"""The tests of a config class that every generated project has: one case at each constraint's edge.

    class TestConfig(ConfigContract):
        config_class = OrdersApiConfig
        bases = {"minimal": {"endpoint": "https://example.com"}}
        accepts = (Accept("minimal", "/page_size", 1),)
        rejects = (Reject("minimal", "/page_size", 0, "minimum"),)
        secrets = (Canary("minimal", "/token", "canary-1"),)

A case is a base config with one value changed. What a case says is asked of both the class and its
`config.schema.json`, which is the contract that the class keeps.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias

from rivven_connect._documents import split_pointer
from rivven_connect._json import Json
from rivven_connect.config import ConfigModel
from rivven_connect.testing.configs import (
    assert_config_accepts,
    assert_config_rejects,
    assert_no_leak,
)

if TYPE_CHECKING:
    import pytest

__all__ = ["ABSENT", "Accept", "Canary", "ConfigContract", "Reject", "Repeat"]


class _Absent(enum.Enum):
    """The type of `ABSENT`; an enumeration, so that type checkers can tell it from a value."""

    ABSENT = "ABSENT"


ABSENT: Final = _Absent.ABSENT
"""In place of a case's value: the property is taken away."""


@dataclasses.dataclass(frozen=True, slots=True)
class Repeat:
    """A long text or list, written short: `start`, then `unit` as often as `times` says."""

    unit: str | Sequence[Json]
    times: int
    start: str = ""

    def expand(self) -> Json:
        """Return the text or list itself."""
        if isinstance(self.unit, str):
            return self.start + self.unit * self.times
        return list(self.unit) * self.times


Value: TypeAlias = Json | Repeat | Literal[_Absent.ABSENT]


@dataclasses.dataclass(frozen=True, slots=True)
class Accept:
    """The base config with `value` at `pointer` is accepted."""

    base: str
    pointer: str
    value: Value


@dataclasses.dataclass(frozen=True, slots=True)
class Reject:
    """The base config with `value` at `pointer` is refused by `rule`.

    The problem points to `at`; by default, to where the value was changed.
    """

    base: str
    pointer: str
    value: Value
    rule: str
    at: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Canary:
    """The secret at `pointer` never shows, tried with `value`, which occurs nowhere else."""

    base: str
    pointer: str
    value: str


class ConfigContract:
    """A config class accepts what its schema accepts, refuses what it refuses, and keeps secrets.

    A generated test class fills the attributes; each case becomes one test.
    """

    config_class: ClassVar[type[ConfigModel]]
    """The generated class."""

    bases: ClassVar[Mapping[str, Mapping[str, Json]]] = {}
    """Configs that are accepted, by name."""

    accepts: ClassVar[Sequence[Accept]] = ()
    """Changes of a base that keep it acceptable."""

    rejects: ClassVar[Sequence[Reject]] = ()
    """Changes of a base that one rule forbids."""

    secrets: ClassVar[Sequence[Canary]] = ()
    """Every secret, with a value that is easy to find."""

    _TESTS: ClassVar[Mapping[str, str]] = {
        "test_accepts_base": "bases",
        "test_accepts": "accepts",
        "test_rejects": "rejects",
        "test_hides_secret": "secrets",
    }

    def __init_subclass__(cls) -> None:
        """Take away the tests that have no case: pytest would report them as skipped."""
        super().__init_subclass__()
        for test, attribute in cls._TESTS.items():
            if not getattr(cls, attribute):
                setattr(cls, test, None)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test of each case, named after it."""
        attribute = self._TESTS.get(metafunc.function.__name__)
        if attribute is not None:
            cases = list(getattr(self, attribute))
            metafunc.parametrize("case", cases, ids=[_label(case) for case in cases])

    def test_accepts_base(self, case: str) -> None:
        """Every base is accepted, and survives a dump and another parse."""
        assert_config_accepts(self.config_class, self.bases[case])

    def test_accepts(self, case: Accept) -> None:
        """A value at the allowed edge is accepted, and stays as written."""
        assert_config_accepts(self.config_class, self._changed(case.base, case.pointer, case.value))

    def test_rejects(self, case: Reject) -> None:
        """A value beyond the edge is refused: at its place, by its rule."""
        at = case.pointer if case.at is None else case.at
        values = self._changed(case.base, case.pointer, case.value)
        assert_config_rejects(self.config_class, values, at=at, rule=case.rule)

    def test_hides_secret(self, case: Canary) -> None:
        """No rendering, dump, log line, error or pickle of a config holds the secret."""
        values = self._changed(case.base, case.pointer, case.value)
        assert_no_leak(self.config_class, values, case.value)

    def _changed(self, base: str, pointer: str, value: Value) -> Any:
        """Return a base config with `value` at `pointer`."""
        wanted = value.expand() if isinstance(value, Repeat) else value
        if not pointer:
            return wanted
        changed = copy.deepcopy(dict(self.bases[base]))
        *parents, last = split_pointer(pointer)
        inner: Any = changed
        for part in parents:
            inner = inner[int(part) if isinstance(inner, list) else part]
        key = int(last) if isinstance(inner, list) else last
        if wanted is ABSENT:
            inner.pop(key)
        elif isinstance(inner, list) and key == len(inner):
            inner.append(wanted)
        else:
            inner[key] = wanted
        return changed


def _label(case: str | Accept | Reject | Canary) -> str:
    """Return what a test report calls the case."""
    if isinstance(case, str):
        return case
    if isinstance(case, Canary):
        return f"{case.base} {case.pointer}"
    rule = f" {case.rule}" if isinstance(case, Reject) else ""
    return f"{case.base} {case.pointer or '/'}{rule} {_short(case.value)}"


def _short(value: Value) -> str:
    if isinstance(value, Repeat):
        return f"{_short(value.start + value.unit if isinstance(value.unit, str) else list(value.unit))} x{value.times}"
    text = "absent" if value is ABSENT else json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."
