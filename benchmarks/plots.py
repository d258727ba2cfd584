"""Draws plots as SVG text: lines over a logarithmic axis, and bars beside their targets.

Colours are of middle brightness and nothing is painted behind them, so that they show on light
pages and on dark ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape

_INK, _FAINT, _GOOD, _BAD = "#768390", "#76839055", "#3b82c4", "#d9731e"
_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 24, 44, 52
_ROW, _NAMES, _NOTES = 22, 250, 190
_MOST_SHARE = 4.0
"""Where a bar ends that is longer."""

Points = Sequence[tuple[float, float]]


def curve(title: str, x_name: str, y_name: str, points: Points) -> str:
    """Return the plot of points over a logarithmic x axis; y starts at zero."""
    low, high = (math.log10(end(x for x, _ in points)) for end in (min, max))
    step = _step(max(y for _, y in points))
    top = step * math.ceil(max(y for _, y in points) / step)
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(x) - low) / ((high - low) or 1)
        return _LEFT + share * width, _TOP + height * (1 - y / top)

    parts = [_text(_LEFT, 22, title, weight="600"), _text(_LEFT, 37, y_name, size=11)]
    for tick in range(round(top / step) + 1):
        _, y = place(10**low, tick * step)
        parts += [
            _line(_LEFT, y, _WIDTH - _RIGHT, y),
            _text(_LEFT - 8, y + 4, f"{tick * step:g}", "end"),
        ]
    for x in _labels(points):
        parts.append(_text(place(x, 0)[0], _HEIGHT - _BOTTOM + 20, _short(x), "middle"))
    parts.append(_text(_LEFT + width / 2, _HEIGHT - 10, x_name, "middle"))
    places = [place(x, y) for x, y in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{_GOOD}" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{_GOOD}"/>' for x, y in places]
    return _svg(title, _WIDTH, _HEIGHT, parts)


def bars(title: str, rows: Sequence[tuple[str, float, str]]) -> str:
    """Return bars of (name, share of the target, note); a line stands where the target is met."""
    height = _TOP + _ROW * len(rows) + 12
    width = _WIDTH + 120 - _NAMES - _NOTES
    most = min(max([1.5, *(share for _, share, _ in rows)]), _MOST_SHARE)
    target = _NAMES + width / most
    parts = [_text(12, 22, title, weight="600"), _text(target, 38, "target", "middle", size=11)]
    for number, (name, share, note) in enumerate(rows):
        y = _TOP + _ROW * number
        length = width * min(max(share, 0.0), most) / most
        colour = _GOOD if share <= 1 else _BAD
        parts += [
            _text(_NAMES - 8, y + 14, name, "end"),
            f'<rect x="{_NAMES}" y="{y + 3}" width="{max(length, 1):.1f}" height="14" fill="{colour}"/>',
            _text(_NAMES + width + 10, y + 14, note),
        ]
    parts.append(_line(target, _TOP - 2, target, height - 8, _INK))
    return _svg(title, _WIDTH + 120, height, parts)


def _svg(title: str, width: float, height: float, parts: Iterable[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'font-family="system-ui, sans-serif" fill="{_INK}" role="img" aria-labelledby="title">'
    )
    return "\n".join([head, f'<title id="title">{escape(title)}</title>', *parts, "</svg>\n"])


def _text(
    x: float, y: float, text: str, anchor: str = "start", *, size: int = 12, weight: str = "400"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = _FAINT) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}"/>'


def _step(most: float) -> float:
    """Return the round distance of about four lines up to `most`."""
    raw = (most or 1) / 4
    size = 10.0 ** math.floor(math.log10(raw))
    return size * next(factor for factor in (1, 2, 5, 10) if size * factor >= raw * 0.999)


def _labels(points: Points) -> Iterator[float]:
    """Yield the x that get a label: all of a few, of many those that begin with 1."""
    few = len(points) <= 5
    for x, _ in points:
        if few or f"{x:g}".startswith("1") or x in (points[0][0], points[-1][0]):
            yield x


def _short(number: float) -> str:
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"
