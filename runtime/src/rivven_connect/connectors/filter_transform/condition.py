"""The condition of a config, as a function of one record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rivven_connect import Json
from rivven_connect._field_paths import MISSING, find_field
from rivven_connect._patterns import pattern_search
from rivven_connect.connectors.filter_transform._generated import FilterTransformConfig

Test = Callable[[Any], bool]
"""Looks at the field's value, or `MISSING`."""

_SIGNS = {"==": "equals", "!=": "not_equals"}


def make_condition(config: FilterTransformConfig) -> Callable[[Json], bool]:
    """Return whether the condition holds for a record; a record that is no object has no fields.

    Raises:
        ConnectorError: `pattern` is no regular expression.
    """
    test, field = _make_test(config), config.field
    return lambda record: test(find_field(record, field))


def _make_test(config: FilterTransformConfig) -> Test:
    wanted = config.equals if config.operator is None else config.value
    values = config.values or ()
    tests: dict[str, Test] = {
        "equals": lambda value: _equal(value, wanted),
        "not_equals": lambda value: not _equal(value, wanted),
        "in": lambda value: any(_equal(value, one) for one in values),
        "matches": pattern_search(config.pattern or ""),
        "is_null": lambda value: value is None,
        "is_not_null": lambda value: value is not None and value is not MISSING,
        "exists": lambda value: value is not MISSING,
    }
    operator = config.operator or "equals"
    return tests[_SIGNS.get(operator, operator)]


def _equal(left: Any, right: Any) -> bool:
    """Compare as JSON does: `true` is not 1, and 1 is 1.0."""
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)
