"""Which records are sent in one request, and which requests are sent at once.

A wave is requests that may overtake each other; the next one waits until it is through. Places are
those of the records in one write.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence
from typing import TypeAlias

from rivven_connect.connectors.http_webhook_sink.keys import distinct

Places: TypeAlias = Sequence[int]
"""The records of one request, in the order of the write."""


def plan_waves(
    urls: Sequence[str] | None,
    keys: Sequence[Hashable] | None,
    count: int,
    *,
    batch_size: int,
) -> list[list[Places]]:
    """Return the requests of a write, in waves; two records with a key in common keep their order.

    Args:
        urls: where each record goes; None where all go to one URL.
        keys: what each record is about; None where nothing is known.
        count: how many records there are.
        batch_size: most records of a request.
    """
    groups: list[Places] = [range(count)]
    if urls is not None:
        groups = _by_url(urls)
        if keys is not None and not _are_apart(groups, keys):
            groups = _runs(urls)
    requests = [
        group[start : start + batch_size]
        for group in groups
        for start in range(0, len(group), batch_size)
    ]
    if keys is None:
        return [requests] if requests else []
    return list(_waves(requests, keys))


def _by_url(urls: Sequence[str]) -> list[Places]:
    found: dict[str, list[int]] = {}
    for place, url in enumerate(urls):
        found.setdefault(url, []).append(place)
    return list(found.values())


def _runs(urls: Sequence[str]) -> list[Places]:
    """Return the places of each URL that follow one another."""
    found: list[Places] = []
    start = 0
    for _, run in itertools.groupby(urls):
        end = start + sum(1 for _ in run)
        found.append(range(start, end))
        start = end
    return found


def _are_apart(groups: Sequence[Places], keys: Sequence[Hashable]) -> bool:
    """Whether no two groups have a key in common."""
    found = [_keys_of(group, keys) for group in groups]
    return sum(map(len, found)) == len(set().union(*found))


def _waves(requests: Sequence[Places], keys: Sequence[Hashable]) -> Iterator[list[Places]]:
    wave: list[Places] = []
    taken: set[Hashable] = set()
    for request in requests:
        own = _keys_of(request, keys)
        if not taken.isdisjoint(own):
            yield wave
            wave, taken = [], set()
        wave.append(request)
        taken |= own
    if wave:
        yield wave


def _keys_of(places: Places, keys: Sequence[Hashable]) -> set[Hashable]:
    if isinstance(places, range):
        return distinct(keys[places.start : places.stop])
    return distinct(keys[place] for place in places)
