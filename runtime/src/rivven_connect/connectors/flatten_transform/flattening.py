"""Nested objects as one flat one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rivven_connect import ConnectorError, JsonObject


def flatten(
    record: JsonObject,
    delimiter: str,
    *,
    max_depth: int | None = None,
    array: Callable[[list[Any]], Any] | None = None,
) -> JsonObject:
    """Return the record without nested objects; fields keep their order, empty objects stay.

    Args:
        record: stays as it is.
        delimiter: stands between the parts of a name.
        max_depth: levels to flatten; None for all.
        array: what becomes of a list.

    Raises:
        ConnectorError: two values would get one name.
    """
    flat: JsonObject = {}
    # A stack of its own: how deep records are is not ours to say.
    open_objects = [("", iter(record.items()))]
    while open_objects:
        prefix, items = open_objects[-1]
        for key, value in items:
            name = prefix + key
            deeper = max_depth is None or len(open_objects) <= max_depth
            if isinstance(value, dict) and value and deeper:
                open_objects.append((name + delimiter, iter(value.items())))
                break
            if name in flat:
                raise ConnectorError.data(
                    f"two values would be named {name!r}; rename one of them before, or take "
                    "another delimiter"
                )
            flat[name] = array(value) if array and isinstance(value, list) else value
        else:
            open_objects.pop()
    return flat
