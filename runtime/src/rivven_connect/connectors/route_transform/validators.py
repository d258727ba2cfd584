"""What connector.yaml cannot say about a value: one function per `validator` that it names."""

from __future__ import annotations

from typing import Any


def route_condition(value: Any) -> None:
    """Return if a route has one condition; raise ValueError with the reason if not."""
    given = value.model_fields_set
    if ("pattern" in given) == ("value" in given):
        raise ValueError(
            "a route needs `pattern`, or `field` and `value`, or `field` and `pattern`"
        )
    if "value" in given and "field" not in given:
        raise ValueError("`value` needs the `field` that must equal it")
