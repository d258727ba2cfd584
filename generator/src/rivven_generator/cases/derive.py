"""Manifest -> cases: every candidate is verified against the compiled schema before it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from rivven_connect.documents import to_pointer
from rivven_generator.cases.bases import Bases
from rivven_generator.cases.container_edges import container_edges
from rivven_generator.cases.edges import MUST, Edge, Try
from rivven_generator.cases.invalid import invalid_cases
from rivven_generator.cases.judge import Judge, changed
from rivven_generator.cases.rule_edges import rule_edges
from rivven_generator.cases.samples import Samples
from rivven_generator.cases.scalar_edges import scalar_edges, secret_values, shows_up
from rivven_generator.cases.sites import Key, Site, Walker
from rivven_generator.cases.views import (
    AcceptView,
    CasesView,
    Json,
    RejectView,
    SecretView,
    compact,
)
from rivven_generator.manifest import Rule

MOST_CASES: Final = 400
_MOST_SITES: Final = 3
"""Bases in which a case is tried before it is given up."""

_MOST_CHARACTERS: Final = 5_000_000
"""In all tries together: a manifest of long texts must not fill the memory."""
_SHORT_TEXT: Final = 500

_SHORTEST_CANARY: Final = 4
_BOILERPLATE: Final = "https://errors.pydantic.dev rivven_canary Secret('***')"
"""What may stand in an error anyhow: no canary may be a part of it."""

Identity = tuple[Key, str, str, str]


class _Group(msgspec.Struct):
    """One case to build, and all its tries in all bases."""

    place: str
    edge: Edge
    tries: list[Try]


def derive_cases(
    compiled: dict[str, Any],
    rules: Sequence[Rule],
    valid: Mapping[str, Json],
    invalid: Iterable[tuple[Json, str, str]] = (),
) -> CasesView:
    """Return the cases of a compiled config schema.

    Args:
        compiled: the JSON Schema.
        rules: the manifest's rules; rule `n` is `allOf[n]` of the schema.
        valid: configs that are accepted, by name.
        invalid: configs that are refused, each with JSON pointer and rule.
    """
    walker, judge = Walker(compiled), Judge(compiled, rules)
    samples = Samples(walker, known_values(walker, valid))
    collected = Bases(rules, judge, samples, walker)
    collected.collect(valid)
    bases = collected.configs
    if not bases:
        return CasesView(bases)
    sites = [site for name, config in bases.items() for site in walker.sites(name, config)]
    groups, too_long = _groups(sites, list(rules), samples, walker)
    given, unread = invalid_cases(invalid, judge, next(iter(bases)))
    built = _Builder(bases, judge, samples, left_out=too_long)
    kept = built.choose(groups, MOST_CASES - len(given))
    refused_by_author = {case.at for case in given if case.rule == "validator"}
    return CasesView(
        bases=bases,
        accepts=tuple(case for case in kept if isinstance(case, AcceptView)),
        rejects=(*given, *(case for case in kept if isinstance(case, RejectView))),
        secrets=tuple(built.secrets(sites)),
        uncovered=tuple(
            dict.fromkeys(
                [*unread, *built.uncovered, *_unjudged(sites, samples, refused_by_author)]
            )
        ),
        left_out=built.left_out,
    )


def known_values(walker: Walker, valid: Mapping[str, Json]) -> dict[Key, list[Json]]:
    """Return the values that valid configs have at each place of the schema."""
    found: dict[Key, list[Json]] = {}
    for name, config in valid.items():
        for site in walker.sites(name, config):
            values = found.setdefault(site.key, [])
            if isinstance(site.value, str | int | float | list | dict) and len(values) < 20:
                values.append(site.value)
    return found


def _groups(
    sites: Sequence[Site], rules: list[Rule], samples: Samples, walker: Walker
) -> tuple[list[_Group], int]:
    """Return what is to be built, in the order of the schema, and what is too long to be."""
    groups: dict[Identity, _Group] = {}
    room, too_long = _MOST_CHARACTERS, set[Identity]()
    left_out = {
        (site.key, "optional", "", name)
        for site in sites
        if isinstance(site.value, dict) and (site.is_branch or "oneOf" not in site.node)
        for name in site.node.get("properties", {})
        if name not in site.value
    }
    met: dict[tuple[Key, bool], int] = {}
    for site in sites:
        kind = (site.key, site.is_branch)
        met[kind] = met.get(kind, 0) + 1
        if met[kind] > _MOST_SITES and not rules:
            continue
        for edge in _edges(site, rules, samples, walker, scalars=met[kind] <= _MOST_SITES):
            identity = (site.key, edge.keyword, edge.rule, edge.label)
            length = _length(edge)
            if length > room:
                too_long.add(identity)
                continue
            room -= length
            if identity in groups:
                groups[identity].tries += edge.tries
            else:
                groups[identity] = _Group(to_pointer(site.path), edge, [*edge.tries])
    kept = [group for identity, group in groups.items() if identity not in left_out]
    return kept, len(too_long - groups.keys())


def _length(edge: Edge) -> int:
    """Return how many characters the long texts of an edge have; short ones cost nothing to speak of."""
    texts = [attempt.value for attempt in edge.tries if isinstance(attempt.value, str)]
    return sum(len(text) for text in texts if len(text) > _SHORT_TEXT)


def _edges(
    site: Site, rules: list[Rule], samples: Samples, walker: Walker, *, scalars: bool
) -> Iterator[Edge]:
    if scalars:
        yield from scalar_edges(site, samples)
        yield from container_edges(site, samples, walker)
    for rule in rules:
        yield from rule_edges(site, rule, rules, samples, walker)


def _unjudged(
    sites: Sequence[Site], samples: Samples, refused: set[str | None]
) -> Iterator[tuple[str, str]]:
    """Yield the author's validators that no config of `tests.invalid` is refused by."""
    done = {site.key for site in sites if to_pointer(site.path) in refused}
    for site in sites:
        if samples.is_authors(site.node) and site.key not in done:
            done.add(site.key)
            yield to_pointer(site.path), "validator"


class _Builder:
    """Verifies tries, and keeps count of what could not be built."""

    def __init__(
        self, bases: Mapping[str, Json], judge: Judge, samples: Samples, *, left_out: int
    ) -> None:
        self._bases = bases
        self._judge = judge
        self._samples = samples
        self.uncovered: list[tuple[str, str]] = []
        self.left_out = left_out

    def choose(self, groups: list[_Group], room: int) -> list[AcceptView | RejectView]:
        """Return the most needed cases, spread evenly where there are too many."""
        found: dict[int, AcceptView | RejectView] = {}
        for rank in sorted({group.edge.rank for group in groups}):
            places = [n for n, group in enumerate(groups) if group.edge.rank == rank]
            left = room - len(found)
            step = max(1, -(-len(places) // left)) if left > 0 else len(places) + 1
            chosen = set(places[::step]) if left > 0 else set()
            self.left_out += len(places) - len(chosen) if rank == MUST else 0
            for number in sorted(chosen):
                case = self._built(groups[number])
                if case is not None:
                    found[number] = case
        return list({found[number].source: found[number] for number in sorted(found)}.values())

    def _built(self, group: _Group) -> AcceptView | RejectView | None:
        for attempt in sorted(group.tries, key=lambda attempt: attempt.is_last_resort):
            if self._holds(group.edge, attempt):
                pointer, value = to_pointer(attempt.path), compact(attempt.value)
                if not group.edge.rule:
                    return AcceptView(attempt.base, pointer, value)
                at = None if attempt.at == attempt.path else to_pointer(attempt.at)
                return RejectView(attempt.base, pointer, value, group.edge.rule, at)
        if group.edge.rank == MUST:
            self.uncovered.append((group.place, group.edge.keyword))
        return None

    def _holds(self, edge: Edge, attempt: Try) -> bool:
        config = changed(self._bases[attempt.base], attempt.path, attempt.value)
        if not edge.rule:
            return self._judge.accepts(config)
        if edge.rule == "validator":
            return self._judge.accepts(config)
        return self._judge.refuses(config, (to_pointer(attempt.at), edge.rule))

    def secrets(self, sites: Sequence[Site]) -> Iterator[SecretView]:
        """Yield each secret once, with a value that occurs nowhere else in its base."""
        done: dict[Key, str] = {}
        for site in sites:
            if site.node.get("writeOnly") and not done.get(site.key):
                done[site.key] = self._canary(site, len(done) + (site.key not in done))
                if done[site.key]:
                    yield SecretView(site.base, to_pointer(site.path), done[site.key])
        first = {site.key: to_pointer(site.path) for site in reversed(sites)}
        self.uncovered += [(first[key], "secret") for key, value in done.items() if not value]

    def _canary(self, site: Site, number: int) -> str:
        for value in secret_values(site, self._samples, number):
            config = changed(self._bases[site.base], site.path, value)
            elsewhere = changed(self._bases[site.base], site.path, None)
            findable = len(value) >= _SHORTEST_CANARY or (value and not value.isascii())
            if (
                not findable
                or value in _BOILERPLATE
                or shows_up(elsewhere, value)
                or not self._judge.accepts(config)
            ):
                continue
            if self._samples.fits(site.node, value):
                return value
        return ""
