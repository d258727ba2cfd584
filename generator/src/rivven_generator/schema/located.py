"""Paths of jsonschema_rs, which says the number 2 where a property is called `02`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def located(value: Any, path: Iterable[str | int]) -> list[str | int]:
    """Return the path into `value` with the names that stand there; what is not there stays."""
    found: list[str | int] = []
    for step in path:
        if isinstance(value, Mapping):
            found.append(_name(value, step))
            value = value.get(found[-1])
        else:
            found.append(step)
            is_item = isinstance(value, list) and isinstance(step, int) and step < len(value)
            value = value[step] if is_item else None
    return found


def _name(value: Mapping[str, Any], step: str | int) -> str:
    if str(step) in value or isinstance(step, str):
        return str(step)
    digits = (name for name in value if name.isascii() and name.isdecimal())
    return next((name for name in digits if int(name) == step), str(step))
