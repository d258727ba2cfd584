"""Which sources and sinks of a pipeline must share a process, and how `workers` divides the rest.

What a sink holds, a file or a transaction, has one writer. So a source, the sinks that read it, and
whatever shares a place with one of them, are a group that is never divided.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from rivven_connect._problems import Problem
from rivven_connect.pipeline.fingerprint import identity_of
from rivven_connect.pipeline.plan import PipelinePlan, SinkPlan


@dataclass(frozen=True)
class Group:
    """Sources and sinks that must share a process, in the order of the file, and what ties them."""

    sources: tuple[str, ...]
    sinks: tuple[str, ...]
    ties: tuple[str, ...]

    def render(self) -> str:
        """Return its members for a person."""
        return f"{', '.join(self.sources)} -> {', '.join(self.sinks)}"


@dataclass(frozen=True)
class _Tie:
    sources: frozenset[str]
    sinks: frozenset[str]
    reason: str = ""


def groups_of(plan: PipelinePlan) -> list[Group]:
    """Return the groups of a pipeline, in the order of their first source."""
    ties = [*_topics(plan), *_places(plan), *_letters(plan)]
    groups = [_Tie(frozenset({one.name}), frozenset()) for one in plan.sources]
    for tie in ties:
        tied = [one for one in groups if one.sources & tie.sources or one.sinks & tie.sinks]
        whole = _Tie(
            tie.sources.union(*(one.sources for one in tied)),
            tie.sinks.union(*(one.sinks for one in tied)),
        )
        groups = [whole, *(one for one in groups if one not in tied)]
    found = [
        Group(
            tuple(one.name for one in plan.sources if one.name in group.sources),
            tuple(one.name for one in plan.sinks if one.name in group.sinks),
            tuple(
                tie.reason
                for tie in ties
                if tie.reason and (tie.sources <= group.sources and tie.sinks <= group.sinks)
            ),
        )
        for group in groups
    ]
    order = [one.name for one in plan.sources]
    return sorted(found, key=lambda one: order.index(one.sources[0]))


def shares_of(plan: PipelinePlan) -> list[list[Group]]:
    """Return the groups that each worker runs; with one share, there is nothing to divide.

    The largest groups come first, each to the worker with the fewest sources; all of it depends on
    nothing but the plan.
    """
    groups = groups_of(plan)
    shares: list[list[Group]] = [[] for _ in range(min(plan.settings.workers, len(groups)))]
    for group in sorted(groups, key=lambda one: -len(one.sources)):
        min(shares, key=_sources_in).append(group)
    return shares


def idle_workers(plan: PipelinePlan) -> Iterator[Problem]:
    """Yield the warning that there are more workers than groups (RVN715)."""
    groups = groups_of(plan)
    if plan.settings.workers <= len(groups):
        return
    # Each tie of two sources is what somebody would have to change.
    reasons = [tie for group in groups if len(group.sources) > 1 for tie in group.ties]
    because = f": {'; '.join(reasons)}" if reasons else ""
    parts = "1 part that runs" if len(groups) == 1 else f"{len(groups)} parts that can run"
    yield plan.loaded.problem(
        "RVN715",
        ("settings", "workers"),
        f"of {plan.settings.workers} workers {len(groups)} will be used; the pipeline has {parts} "
        f"on its own{because}",
        hint="give each source a sink of its own"
        if reasons
        else f"set workers: {len(groups)}, or add sources with sinks of their own",
        severity="warning",
    )


def render_shares(plan: PipelinePlan) -> Iterator[str]:
    """Yield, for a person, what each worker runs and what keeps it together."""
    shares = shares_of(plan)
    if len(shares) < 2:
        yield "one process runs all sources"
        return
    for number, share in enumerate(shares, 1):
        yield f"worker {number}: {'; '.join(group.render() for group in share)}"
        yield from (f"  - {tie}" for group in share for tie in group.ties)


def _sources_in(share: Sequence[Group]) -> int:
    return sum(len(group.sources) for group in share)


def _topics(plan: PipelinePlan) -> Iterator[_Tie]:
    for sink in plan.sinks:
        names = [one.name for one in plan.sources if one.topic in sink.topics]
        # A sink whose sources are all disabled is opened all the same, somewhere.
        names = names or [plan.sources[0].name]
        several = f"{sink.name} receives from {_listed(names)}" if len(names) > 1 else ""
        yield _Tie(frozenset(names), frozenset({sink.name}), several)


def _places(plan: PipelinePlan) -> Iterator[_Tie]:
    """Yield sinks that write to one place, as far as their connectors say what that is."""
    by_place: dict[Hashable, list[SinkPlan]] = {}
    for sink in plan.sinks:
        by_place.setdefault((sink.spec.connector_type, identity_of(sink)), []).append(sink)
    for sinks in by_place.values():
        names = [one.name for one in sinks]
        if len(names) > 1:
            reason = f"{_listed(names)} write to the same place"
            if identity_of(sinks[0]) == "{}":
                kind = sinks[0].spec.connector_type
                reason = (
                    f"{_listed(names)} may write to the same place, because no field of "
                    f"{kind} is marked `identity: true`"
                )
            yield _Tie(frozenset(), frozenset(names), reason)


def _letters(plan: PipelinePlan) -> Iterator[_Tie]:
    """Yield what keeps its dead letters in one file."""
    by_path: dict[str, tuple[set[str], set[str]]] = {}
    owners = [*((0, one) for one in plan.sources), *((1, one) for one in plan.sinks)]
    for kind, owner in owners:
        if owner.dead_letter is not None:
            path = os.path.realpath(owner.dead_letter.path)
            by_path.setdefault(path, (set(), set()))[kind].add(owner.name)
    for path, (sources, sinks) in by_path.items():
        if len(sources) + len(sinks) > 1:
            names = _listed([*sorted(sources), *sorted(sinks)])
            reason = f"{names} keep dead letters in one file, {os.path.basename(path)}"
            yield _Tie(frozenset(sources), frozenset(sinks), reason)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) < 2 else f"{', '.join(names[:-1])} and {names[-1]}"
