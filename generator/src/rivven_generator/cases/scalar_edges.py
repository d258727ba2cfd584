"""Edges of the constraints on single values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from rivven_generator.cases import numbers, texts
from rivven_generator.cases.edges import MAY, MUST, SHOULD, Edge, accepts, rejects
from rivven_generator.cases.samples import Samples
from rivven_generator.cases.sites import Site
from rivven_generator.cases.views import Json
from rivven_generator.schema.vocabulary import is_nullable, types_of

_NEIGHBOURS: Final[Mapping[str, tuple[Json, ...]]] = {
    "integer": ("5", True, 2.5),
    "number": ("5", True),
    "string": (1, True),
    "boolean": (1, "true"),
    "array": ("text", {}),
    "object": ("text", []),
}
"""Values that a lax reader would take for the type."""
_MOST_CHOICES: Final = 40
_RARE: Final = "\U0001f701"
"""A character that no message has: where a secret is too short, it is found all the same."""


def scalar_edges(site: Site, samples: Samples) -> Iterator[Edge]:
    """Yield the edges of type, choice, bounds, length, pattern, format and validator."""
    node = site.node
    if "oneOf" in node or site.is_branch:
        return
    if "enum" in node or "const" in node:
        yield from _choices(site)
        return
    yield from _types(site, samples)
    yield from _numbers(site, samples)
    yield from _texts(site, samples)
    yield from _formats(site, samples)
    name = node.get("x-rivven-validator", "")
    if name in texts.INVALID:
        yield rejects(site, "validator", texts.INVALID[name])
        yield rejects(site, "validator", texts.INVALID[name][1:], MAY, label="another")
        for number, value in enumerate(texts.VALID[name]):
            yield from _fitting(site, samples, "validator", [value], MAY, label=f"{number}")


def _fitting(
    site: Site,
    samples: Samples,
    keyword: str,
    values: Iterable[Json],
    rank: int = SHOULD,
    *,
    label: str = "",
) -> Iterator[Edge]:
    """Yield an edge that wants one of the values accepted, of those that built-in validators take."""
    fitting = [value for value in values if samples.fits(site.node, value)]
    yield from accepts(site, keyword, fitting, rank, label=f"accept {label}")


def _types(site: Site, samples: Samples) -> Iterator[Edge]:
    types = sorted(types_of(site.node))
    if not types:
        if not site.node.get("properties"):
            yield from accepts(site, "type", [["any", {"thing": None}]], MAY)
        return
    for name in types:
        for number, value in enumerate(_NEIGHBOURS[name]):
            label = "" if number == 0 else json.dumps(value)
            yield rejects(site, "type", [value], SHOULD if number else MUST, label=label)
    # A definition is one place wherever it is used, but whether null is refused is said at each use.
    use = "/".join("[]" if isinstance(step, int) else step for step in site.path)
    if is_nullable(site.node):
        yield from accepts(site, "null", [None], MUST, label=f"accept {use}")
    elif site.path:
        yield rejects(site, "null", [None], rule="type", label=use)
    found = [n for n in samples.some(site.key, site.node) if type(n) is int and abs(n) < 2**53]
    if "integer" in types:
        yield from accepts(site, "type", [float(number) for number in found], MAY, label="float")
    elif "number" in types:
        yield from accepts(site, "type", found, MAY, label="integer")


def _choices(site: Site) -> Iterator[Edge]:
    keyword = "enum" if "enum" in site.node else "const"
    allowed = [site.node["const"]] if keyword == "const" else list(site.node["enum"])
    for number, value in enumerate(allowed[:_MOST_CHOICES]):
        label = f"accept {number}"
        yield from accepts(site, keyword, [value], SHOULD if number < 12 else MAY, label=label)
    whole = [float(value) for value in allowed if type(value) is int and abs(value) < 2**53]
    yield from accepts(site, keyword, whole, SHOULD, label="float")
    yield rejects(site, keyword, [_beyond(allowed), "unexpected", -1, "other", False, True])
    confusable = [other for value in allowed for other in _confusable(value)]
    for value in {json.dumps(other): other for other in confusable}.values():
        yield rejects(site, keyword, [value], SHOULD, label=json.dumps(value))
    wrong = [value for value in allowed if isinstance(value, str | int | float)]
    for rule in (*numbers.BOUNDS, "multipleOf", "minLength", "maxLength", "pattern", "format"):
        if rule in site.node:  # a choice that another keyword forbids
            for value in wrong:
                yield rejects(site, rule, [value], SHOULD, label=json.dumps(value))
    if None not in allowed and site.path:
        yield rejects(site, "null", [None], rule=keyword)


def _beyond(allowed: list[Json]) -> Json:
    """Return a value of the same kind as the last allowed one, but none of them."""
    last = allowed[-1]
    if isinstance(last, bool):
        return not last
    if isinstance(last, int | float):
        return max(n for n in allowed if isinstance(n, int | float)) + 1
    return "unexpected"


def _confusable(value: Json) -> list[Json]:
    """Return values that Python, YAML or a lax reader takes for this one, and JSON does not."""
    if isinstance(value, bool):
        return [int(value), str(value).lower()]
    if isinstance(value, int | float):
        return [str(value), *([bool(value)] if value in (0, 1) else [])]
    if not isinstance(value, str):
        return []
    swapped = value.swapcase()
    return [swapped] if len(value) < 20 and swapped != value else []


def _numbers(site: Site, samples: Samples) -> Iterator[Edge]:
    node, types = site.node, types_of(site.node)
    if not types & {"integer", "number"}:
        return
    whole = "number" not in types
    for keyword in numbers.BOUNDS:
        if keyword in node:
            inside, outside = numbers.edge(node, keyword, whole=whole)
            yield rejects(site, keyword, outside)
            yield from _fitting(site, samples, keyword, inside)
    if "multipleOf" in node and not (whole and numbers.step_of(node, whole=True) == 1):
        fitting = [n for n in samples.some(site.key, node) if type(n) in (int, float)]
        beside = [o for n in fitting for o in numbers.no_multiples(node, n, whole=whole)]
        yield rejects(site, "multipleOf", beside)
        yield from accepts(site, "multipleOf", reversed(fitting))


def _texts(site: Site, samples: Samples) -> Iterator[Edge]:
    node = site.node
    if "string" not in types_of(node):
        return
    known = [text for text in samples.some(site.key, node) if isinstance(text, str)]
    for keyword, beyond in (("minLength", -1), ("maxLength", 1)):
        edge = node.get(keyword)
        if edge is None:
            continue
        if edge + beyond >= 0:
            yield rejects(site, keyword, texts.of_length(node, edge + beyond, known))
        yield from _fitting(site, samples, keyword, texts.of_length(node, edge, known))
        if beyond > 0 and 0 < edge <= 8:  # a character beyond 16 bits counts once
            wide = ["\U0001f600" * edge]
            yield from _fitting(site, samples, keyword, wide, MAY, label="wide")
    if "pattern" in node:
        yield from _patterns(site, samples, known)


def _patterns(site: Site, samples: Samples, known: list[str]) -> Iterator[Edge]:
    fitting = [*known, *texts.for_pattern(site.node)]
    anyhow: list[str] = ["", "!", "unexpected value!"]
    for number, text in enumerate(dict.fromkeys(fitting[:3])):
        near, after, before = texts.beside_pattern(text)
        anyhow += near
        if number == 0:
            yield rejects(site, "pattern", after, SHOULD, label="after")
            yield rejects(site, "pattern", before, SHOULD, label="before")
    yield rejects(site, "pattern", anyhow)
    yield from _fitting(site, samples, "pattern", fitting)


def _formats(site: Site, samples: Samples) -> Iterator[Edge]:
    name = site.node.get("format", "password")
    if name == "password" or "string" not in types_of(site.node):
        return
    shortest = max(1, min(site.node.get("minLength", 1), texts.LONGEST))
    known = [text for text in samples.some(site.key, site.node) if isinstance(text, str)]
    beside = [other for text in known for other in texts.beside_format(text)]
    yield rejects(site, "format", [*texts.UNFITTING[name], "!" * shortest, *beside])
    yield from _fitting(site, samples, "format", texts.FITTING[name])


def secret_values(site: Site, samples: Samples, number: int) -> Iterator[str]:
    """Yield values for a secret that are easy to find, the most hostile first."""
    own = [text for text in samples.some(site.key, site.node) if isinstance(text, str)]
    if not site.authors:
        plain = f"canary{number}secret"
        yield f'canary-{number}-@/+%"\n'
        yield f"canary-{number}-secret"
        yield plain
        if site.node.get("maxLength", len(plain)) < len(plain):
            yield _RARE * site.node["maxLength"]
        for keyword in ("minLength", "maxLength"):
            yield from texts.of_length(site.node, site.node.get(keyword, 12), [plain])
        if "pattern" in site.node:
            yield from reversed(texts.for_pattern(site.node))
        yield f"{number:08d}-cafe-4000-8000-000000000000"
        yield from texts.FITTING.get(site.node.get("format", ""), ())
    yield from own


def shows_up(config: Any, secret: str) -> bool:
    """Return whether a text occurs in a config, in a key or a value."""
    return json.dumps(secret)[1:-1] in json.dumps(config)
