"""Which route an event takes, and what its new names are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rivven_connect import ConnectorError, SourceEvent
from rivven_connect._field_paths import current_record, find_field
from rivven_connect._patterns import pattern_search
from rivven_connect.connectors.route_transform._generated.config import Route

Condition = Callable[[SourceEvent], bool]

_PLACEHOLDER = re.compile(r"\{(stream|namespace)\}")
_LONGEST_NAME = 255


def make_condition(route: Route) -> Condition:
    """Return whether a route holds for an event.

    Raises:
        ConnectorError: its pattern is none.
    """
    field = route.field
    if route.pattern is None:
        wanted = route.value
        return lambda event: _equal(find_field(current_record(event), field or ""), wanted)
    found = pattern_search(route.pattern)
    if field is not None:
        return lambda event: found(find_field(current_record(event), field))
    return lambda event: any(map(found, _names(event)))


def fill_name(template: str, event: SourceEvent) -> str:
    """Return a stream's or namespace's new name.

    Raises:
        ConnectorError: the event has no namespace, or the name is longer than 255 characters.
    """
    known = {"stream": event.stream, "namespace": event.namespace or ""}
    if "{namespace}" in template and not event.namespace:
        raise ConnectorError.data(f"{template!r} needs a namespace, and the event has none")
    name = _PLACEHOLDER.sub(lambda found: known[found[1]], template)
    if len(name) > _LONGEST_NAME:
        raise ConnectorError.data(f"{template!r} gives a name of {len(name)} characters")
    return name


def _names(event: SourceEvent) -> tuple[str, ...]:
    return (
        (event.stream, f"{event.namespace}.{event.stream}") if event.namespace else (event.stream,)
    )


def _equal(left: Any, right: Any) -> bool:
    """Compare as JSON does: `true` is not 1, and 1 is 1.0."""
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)
