"""The condition of a config, as a function of one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

from rivven_connect import ConnectorError, Json
from rivven_connect.connectors.filter_transform._generated import FilterTransformConfig

_MISSING: Final = object()

Test = Callable[[Any], bool]
"""Looks at the field's value, or `_MISSING`."""


def make_condition(config: FilterTransformConfig) -> Callable[[Json], bool]:
    """Return whether the condition holds for a record; a record that is no object has no fields.

    Raises:
        ConnectorError: `pattern` is no regular expression.
    """
    test = _make_test(config)
    field, path = config.field, config.field.split(".")
    return lambda record: test(_value(record, field, path))


def _value(record: Json, field: str, path: list[str]) -> Any:
    """Return the value at a dotted path; a field that has the dots in its name goes first."""
    if isinstance(record, Mapping) and field in record:
        return record[field]
    found = record
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return _MISSING
        found = found[key]
    return found


def _make_test(config: FilterTransformConfig) -> Test:
    wanted = config.equals if config.operator is None else config.value
    values = config.values or ()
    tests: dict[str, Test] = {
        "equals": lambda value: _equal(value, wanted),
        "not_equals": lambda value: not _equal(value, wanted),
        "in": lambda value: any(_equal(value, one) for one in values),
        "matches": _make_search(config.pattern or ""),
        "is_null": lambda value: value is None,
        "is_not_null": lambda value: value is not None and value is not _MISSING,
        "exists": lambda value: value is not _MISSING,
    }
    return tests[config.operator or "equals"]


def _equal(left: Any, right: Any) -> bool:
    """Compare as JSON does: `true` is not 1, and 1 is 1.0."""
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def _make_search(pattern: str) -> Test:
    """Return a search in linear time: pydantic's engine (Rust's `regex`) never backtracks."""
    try:
        validator = SchemaValidator(
            core_schema.str_schema(pattern=pattern, strict=True, regex_engine="rust-regex")
        )
    except SchemaError as error:
        raise ConnectorError.configuration("`pattern` is no regular expression") from error
    return validator.isinstance_python
