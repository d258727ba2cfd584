"""What is to be tried for one constraint, before anything is verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from rivven_generator.cases.sites import Path, Site
from rivven_generator.cases.views import Json

MUST: Final = 0
"""Without a case like this, the constraint is not tested at all."""
SHOULD: Final = 1
"""Tells a weaker constraint from the right one."""
MAY: Final = 2
"""One more of the same kind."""


class Try(NamedTuple):
    """One value at one path of a base."""

    base: str
    path: Path
    value: Json
    at: Path
    """Where the problem has to be."""
    is_last_resort: bool = False
    """Whether every other try, in any base, comes first."""


class Edge(msgspec.Struct, frozen=True):
    """One case to build: of several tries, the first that does what it should becomes the case.

    An edge with a rule wants a refusal by it; one without wants the value accepted.
    """

    keyword: str
    """The constraint, as the schema calls it."""
    rule: str
    tries: tuple[Try, ...]
    rank: int = MUST
    label: str = ""
    """Tells apart the edges of one constraint."""


def rejects(
    site: Site,
    keyword: str,
    values: Iterable[Json],
    rank: int = MUST,
    *,
    label: str = "",
    rule: str = "",
) -> Edge:
    """Return an edge that wants one of the values refused in place of the site's own."""
    tries = tuple(Try(site.base, site.path, value, site.path) for value in values)
    return Edge(keyword, rule or keyword, tries, rank, label)


def accepts(
    site: Site, keyword: str, values: Iterable[Json], rank: int = SHOULD, *, label: str = ""
) -> Iterator[Edge]:
    """Yield an edge that wants one of the values accepted; none where only the author can judge."""
    if not site.authors:
        tries = tuple(Try(site.base, site.path, value, site.path) for value in values)
        yield Edge(keyword, "", tries, rank, label or "accept")
