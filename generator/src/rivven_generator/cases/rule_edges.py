"""Edges of the rules across the properties of one object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rivven_connect.documents import split_pointer
from rivven_generator.cases.edges import MUST, SHOULD, Edge, Try
from rivven_generator.cases.samples import Samples
from rivven_generator.cases.sites import Site, Walker
from rivven_generator.cases.views import ABSENT, Json
from rivven_generator.manifest import Rule


def rule_edges(
    site: Site, rule: Rule, rules: Sequence[Rule], samples: Samples, walker: Walker
) -> Iterator[Edge]:
    """Yield the edges of a rule about the object at `site`; none if it speaks of another.

    `rules` are all that there are: what they say of the same properties is kept out of the way.
    """
    if list(site.path) != split_pointer(rule.at) or not isinstance(site.value, dict):
        return
    beside = [name for other in rules for name in (*other.names, *(other.when or {}))]
    subject = _Subject(site, rule, beside, samples, walker)
    match rule.form:
        case "require_any":
            yield from subject.any_of()
        case "require_one":
            yield from subject.any_of()
            for number, name in enumerate(rule.names[1:]):
                pair = [rule.names[0], name]
                yield subject.refused(pair, SHOULD if number else MUST, label=f"both {name}")
        case "require_together":
            yield from subject.together()
        case _:
            yield from subject.when()


class _Subject:
    """The object that a rule speaks of, and how to make variants of it."""

    def __init__(
        self, site: Site, rule: Rule, beside: list[str], samples: Samples, walker: Walker
    ) -> None:
        self._site, self._rule = site, rule
        own = {*rule.names, *(rule.when or {})}
        self._beside = [name for name in dict.fromkeys(beside) if name not in own]
        self._samples, self._walker = samples, walker

    def any_of(self) -> Iterator[Edge]:
        yield self.refused([], MUST, label="none")
        for name in self._rule.names:
            yield self._accepted([name], label=f"accept {name}")

    def together(self) -> Iterator[Edge]:
        names = self._rule.names
        for number, name in enumerate(names):
            others = [other for other in names if other != name]
            yield self.refused(others, SHOULD if number else MUST, label=f"without {name}")
        yield self._accepted([], label="accept none")
        yield self._accepted(names, label="accept all")

    def when(self) -> Iterator[Edge]:
        names, conditions = self._rule.names, self._rule.when or {}
        for number, name in enumerate(names):
            others = [other for other in names if other != name]
            rank = SHOULD if number else MUST
            yield self.refused(others, rank, label=f"without {name}", more=conditions)
        yield self.refused([], SHOULD, label="by default", without=conditions)
        for key, value in conditions.items():
            for other in [*self._values(key), ABSENT]:
                if other is ABSENT or other != value:
                    label = f"accept another {key}"
                    yield self._accepted([], label=label, more={**conditions, key: other})
                    break

    def refused(
        self,
        present: Iterable[str],
        rank: int,
        *,
        label: str,
        more: Mapping[str, Json] | None = None,
        without: Iterable[str] = (),
    ) -> Edge:
        form = self._rule.form
        tries = self._tries(present, more or {}, without)
        return Edge(form, form, tries, rank, f"{self._names()} {label}")

    def _accepted(
        self, present: Iterable[str], *, label: str, more: Mapping[str, Json] | None = None
    ) -> Edge:
        tries = () if self._site.authors else self._tries(present, more or {}, ())
        return Edge(self._rule.form, "", tries, SHOULD, f"{self._names()} {label}")

    def _names(self) -> str:
        return " ".join([*(self._rule.when or {}), *self._rule.names])

    def _tries(
        self, present: Iterable[str], more: Mapping[str, Json], without: Iterable[str]
    ) -> tuple[Try, ...]:
        """Return the object with just these of the rule's properties, as the smallest change.

        Then without what other rules speak of, and with each one of that alone.
        """
        wanted: dict[str, Json] = {
            name: value
            for name, value in self._site.value.items()
            if name not in self._rule.names and name not in without
        }
        for name in present:
            values = self._values(name)
            if not values:
                return ()
            wanted[name] = values[0]
        wanted.update(more)
        wanted = {name: value for name, value in wanted.items() if value is not ABSENT}
        bare = {name: value for name, value in wanted.items() if name not in self._beside}
        others = [bare] if bare != wanted else []
        others += [{**bare, name: v} for name in self._beside for v in self._values(name)[:1]]
        last = [t._replace(is_last_resort=True) for o in others for t in self._smallest(o)]
        return (*self._smallest(wanted), *last)

    def _values(self, name: str) -> list[Json]:
        own = [self._site.value[name]] if name in self._site.value else []
        raw: Any = self._site.node.get("properties", {}).get(name, {})
        if "enum" in raw:
            return [*own, *raw["enum"]]
        found = self._samples.some(self._walker.child(self._site.key, f"/{name}", raw), raw)
        return [*own, *found, *([True, False] if raw.get("type") == "boolean" else [])]

    def _smallest(self, wanted: dict[str, Json]) -> tuple[Try, ...]:
        own, path = self._site.value, self._site.path
        names = [n for n in {**own, **wanted} if own.get(n, ABSENT) != wanted.get(n, ABSENT)]
        if not names:
            return ()  # the base itself
        if len(names) > 1:
            return (Try(self._site.base, path, wanted, path),)
        value = wanted.get(names[0], ABSENT)
        return (Try(self._site.base, (*path, names[0]), value, path),)
