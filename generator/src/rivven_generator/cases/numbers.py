"""Numbers at the edges of a schema's bounds, in exact arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

LOWER: Final = ("minimum", "exclusiveMinimum")
BOUNDS: Final = (*LOWER, "maximum", "exclusiveMaximum")

_NEAR: Final = Fraction(1, 1000)
_LARGE: Final = 10**9


def edge(node: Mapping[str, Any], keyword: str, *, whole: bool) -> tuple[list[float], list[float]]:
    """Return numbers just inside and just outside of one bound, nearest first."""
    bound, step = exact(node[keyword]), step_of(node, whole=whole)
    sign = 1 if keyword in LOWER else -1
    exclusive = keyword.startswith("exclusive")
    if step is None:
        inside, outside = bound + sign * _NEAR * exclusive, bound - sign * _NEAR * (not exclusive)
        near = [math.nextafter(float(bound), sign * math.inf * (1 if exclusive else -1))]
        if abs(bound) > _LARGE:
            return (near, [plain(bound)]) if exclusive else ([plain(bound)], near)
        return [plain(inside), *near * exclusive], [plain(outside), *near * (not exclusive)]
    count = sign * bound / step
    steps = math.floor(count) + 1 if exclusive else math.ceil(count)
    return [plain(sign * steps * step)], [plain(sign * (steps - 1) * step)]


def step_of(node: Mapping[str, Any], *, whole: bool) -> Fraction | None:
    """Return the step between the numbers that a schema accepts, if there is one."""
    if "multipleOf" not in node:
        return Fraction(1) if whole else None
    step = exact(node["multipleOf"])
    return Fraction(step.numerator) if whole else step


def some_numbers(node: Mapping[str, Any], *, whole: bool) -> Iterator[float]:
    """Yield numbers that may fit, such as the ones just inside the bounds."""
    step = step_of(node, whole=whole) or Fraction(1)
    for keyword in BOUNDS:
        if keyword in node:
            inside = edge(node, keyword, whole=whole)[0]
            yield from inside
            sign = 1 if keyword in LOWER else -1
            yield from (plain(exact(number) + sign * step) for number in inside)
    bounds = [exact(node[keyword]) for keyword in BOUNDS if keyword in node]
    if len(bounds) > 1:
        yield plain((min(bounds) + max(bounds)) / 2)
    yield from (plain(step * number) for number in (1, 5, 0))


def no_multiples(node: Mapping[str, Any], fitting: float, *, whole: bool) -> list[float]:
    """Return numbers between multiples of `multipleOf`, near one that fits."""
    step, start = exact(node["multipleOf"]), exact(fitting)
    offsets = [step / 2, -step / 2, step / 4, Fraction(1), Fraction(-1)]
    return [plain(start + o) for o in offsets if not whole or o.denominator == 1]


def exact(number: float) -> Fraction:
    """Return a number as it is written: 0.1 is one tenth."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def plain(number: Fraction) -> float:
    """Return the number as JSON has it, whole ones without a point."""
    if number.denominator == 1:
        return int(number)
    return float(number)
