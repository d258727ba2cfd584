"""Bounds that no value can meet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from rivven_connect.documents import Problem
from rivven_generator.lint.subject import Subject
from rivven_generator.schema.tree import walk
from rivven_generator.schema.vocabulary import types_of

_PAIRS = (("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"))


def sizes(config: Subject) -> Iterator[Problem]:
    """The smallest size is not above the largest."""
    for path, node in walk(config.root):
        for low, high in _PAIRS:
            if node.get(low, 0) > node.get(high, math.inf):
                yield config.problem(
                    "RVN308", f"`{low}` is above `{high}`", (*path, low), hint="swap the two"
                )
        if len(node.get("required", ())) > node.get("maxProperties", math.inf):
            yield config.problem(
                "RVN308", "more properties are required than `maxProperties`", (*path, "required")
            )
        closed = "properties" in node and not node.get("additionalProperties", False)
        if closed and node.get("minProperties", 0) > len(node["properties"]):
            yield config.problem(
                "RVN308",
                "`minProperties` is above the number of properties",
                (*path, "minProperties"),
            )


def numbers(config: Subject) -> Iterator[Problem]:
    """Some number lies between the bounds, and on a multiple where one is asked for."""
    for path, node in walk(config.root):
        limits = [word for word in node if word in _LIMITS]
        if limits and not _has_number(node):
            yield config.problem(
                "RVN308",
                "no number meets these bounds",
                (*path, limits[0]),
                hint="widen the bounds",
            )


_LIMITS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})


def _has_number(node: Mapping[str, Any]) -> bool:
    low = max(node.get("minimum", -math.inf), node.get("exclusiveMinimum", -math.inf))
    high = min(node.get("maximum", math.inf), node.get("exclusiveMaximum", math.inf))
    open_low = node.get("exclusiveMinimum") == low
    open_high = node.get("exclusiveMaximum") == high
    if low > high or (low == high and (open_low or open_high)):
        return False
    step = _step(node)
    if step is None or math.isinf(low) or math.isinf(high):
        return True
    first = math.ceil(Fraction(low) / step)
    last = math.floor(Fraction(high) / step)
    first += open_low and first * step == Fraction(low)
    last -= open_high and last * step == Fraction(high)
    return first <= last


def _step(node: Mapping[str, Any]) -> Fraction | None:
    """Return the distance between values; decimal steps such as 0.1 are taken as written."""
    multiple = node.get("multipleOf")
    if multiple is not None:
        return Fraction(str(multiple))
    return Fraction(1) if "integer" in types_of(node) else None
