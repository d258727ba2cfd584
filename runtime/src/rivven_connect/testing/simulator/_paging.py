"""A stream in pages, for every usual way to ask for the next one.

| the request has                                   | it gets                                        |
|---------------------------------------------------|------------------------------------------------|
| a token that an earlier page gave out             | the page behind that one                       |
| a page number (`page`, `page_number` ...)         | that page; 1 is the first                      |
| an offset (`offset`, `skip`, `startAt` ...)       | the page that begins there; 0 is the first     |
| none of them                                      | the first page                                 |

A token is known by its value, whatever the parameter's name. `limit`, `per_page`, `page_size` and
the like say how long a page is, and `since`, `updated_after` and the like where the cursor begins.
"""

from __future__ import annotations

import dataclasses
import datetime
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rivven_connect._json import JsonObject
from rivven_connect.testing.simulator._messages import SimulatedReply, SimulatedRequest

_NUMBERS = ("page", "page_number", "pagenumber", "page[number]", "p")
_OFFSETS = ("offset", "page[offset]", "skip", "$skip", "startat", "start_at", "start")
_SIZES = (
    *("limit", "per_page", "perpage", "page_size", "pagesize", "page[size]", "page[limit]", "size"),
    *("count", "top", "$top", "first", "max_results", "maxresults", "hitsperpage"),
)
_SINCE = (
    *("since", "updated_since", "modified_since", "updated_after", "modified_after"),
    *("created_after", "after", "from", "start_date", "start_time", "gte"),
)
_LARGEST_PAGE = 10_000
_BEHIND_THE_LAST = 3
"""As many different pages behind the last may be asked for, by several readers for instance."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPage:
    """One page of a stream, as the service knows it; a shape makes the answer's body of it."""

    stream: str
    records: list[JsonObject]
    number: int
    """Counted from 1."""
    offset: int
    """How many records come before this page."""
    size: int
    """How many records a full page has."""
    total: int
    """How many records there are."""
    next_token: str | None
    """What asks for the next page as a parameter's value; None on the last page."""
    next_url: str | None
    """What asks for the next page as it stands; None on the last page."""

    @property
    def has_more(self) -> bool:
        """Whether another page follows."""
        return self.next_token is not None


def default_shape(page: SimulatedPage) -> SimulatedReply:
    """Return the page as a JSON object with `data` and every usual hint at the next page."""
    link = {"Link": f'<{page.next_url}>; rel="next"'} if page.next_url else {}
    body: JsonObject = {
        "data": page.records,
        "next": page.next_url,
        "next_cursor": page.next_token,
        "has_more": page.has_more,
        "page": page.number,
        "total": page.total,
    }
    return SimulatedReply(body, headers=link)


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins. `by_number`: the connector counts by itself; `gap`: the page is empty."""

    offset: int
    size: int
    since: str | None = None
    by_number: bool = False
    gap: bool = False


class PagedStream:
    """The pages of one stream; `make` gives its first N records.

    There are `pages` pages of `page_size` records, more records where the connector asks for longer
    pages: it must never see only one. With `empty_page`, the second page that a token leads to is
    empty, and one that counts pages or records by itself gets an empty page at the end.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[int], Sequence[JsonObject]],
        *,
        cursor: str | None,
        pages: int,
        page_size: int,
        empty_page: bool = False,
    ) -> None:
        self.name = name
        self.asked = False
        """Whether a request for this stream has come."""
        self.gave_empty_page = False
        self.is_counted = False
        """Whether the connector asks for pages by numbers or offsets of its own."""
        self._behind: set[int] = set()
        self._make = make
        self._cursor = cursor
        self._pages = pages
        self._page_size = page_size
        self._has_gap = empty_page
        self._largest = 0
        self._records: list[JsonObject] = []
        self._tokens: dict[str, _Place] = {}

    def records(self) -> list[JsonObject]:
        """Return all records that the service has."""
        self._grow(self._page_size)
        return self._records

    def page(self, request: SimulatedRequest, base_url: str) -> SimulatedPage:
        """Return the page that a request asks for."""
        self.asked = True
        parameters = request.parameters()
        place = self._place(parameters)
        self.is_counted |= place.by_number
        self._grow(place.size)
        found = self._since(place.since)
        records = [] if place.gap else found[place.offset : place.offset + place.size]
        if not records and found:
            self.gave_empty_page = True
        if place.by_number and place.offset >= len(found):
            self._behind.add(place.offset)
        following = self._following(place, len(found))
        return SimulatedPage(
            stream=self.name,
            records=[dict(one) for one in records],
            number=place.offset // place.size + 1,
            offset=place.offset,
            size=place.size,
            total=len(found),
            next_token=None if following is None else self._token(following),
            next_url=self._url(request, base_url, following),
        )

    @property
    def runs_on(self) -> bool:
        """Whether the connector asks for one page after the other behind the last.

        Who waits for new records asks for the same one again and again.
        """
        return len(self._behind) > _BEHIND_THE_LAST

    def _grow(self, size: int) -> None:
        """Have `pages` pages of the largest size that was asked for, if not more."""
        if size > self._largest:
            self._largest = size
            self._records = list(self._make(self._pages * size))

    def _place(self, parameters: Mapping[str, str]) -> _Place:
        for value in parameters.values():
            if (known := self._tokens.get(value)) is not None:
                return known
        names = {name.lower(): value for name, value in parameters.items()}
        size = min(_whole(names, _SIZES) or self._page_size, _LARGEST_PAGE)
        since = self._since_asked(names)
        if (number := _whole(names, _NUMBERS)) is not None:
            return _Place(max(number - 1, 0) * size, size, since, by_number=True)
        if (offset := _whole(names, _OFFSETS)) is not None:
            return _Place(offset, size, since, by_number=True)
        return _Place(0, size, since)

    def _following(self, place: _Place, total: int) -> _Place | None:
        """Return the place behind a page, or None behind the last."""
        end = place.offset if place.gap else place.offset + place.size
        if place.by_number:
            # Who counts by himself takes an empty page for the end: it can stand nowhere else.
            last = total + place.size if self._has_gap and total else total
            return dataclasses.replace(place, offset=end) if end < last else None
        if end >= total:
            return None
        gap = self._has_gap and not place.gap and place.offset == 0
        return dataclasses.replace(place, offset=end, gap=gap)

    def _token(self, place: _Place) -> str:
        token = f"token-{self.name}-{len(self._tokens) + 1}"
        known = next((one for one, other in self._tokens.items() if other == place), None)
        self._tokens.setdefault(known or token, place)
        return known or token

    def _url(
        self, request: SimulatedRequest, base_url: str, following: _Place | None
    ) -> str | None:
        if following is None:
            return None
        query = dict(request.query)
        query = {name: value for name, value in query.items() if value not in self._tokens}
        if following.by_number:
            for name in query:
                if name.lower() in _NUMBERS:
                    query[name] = str(following.offset // following.size + 1)
                elif name.lower() in _OFFSETS:
                    query[name] = str(following.offset)
        else:
            query["cursor"] = self._token(following)
        path = urllib.parse.quote(request.path)
        return f"{base_url}{path}?{urllib.parse.urlencode(query)}"

    def _since_asked(self, names: Mapping[str, str]) -> str | None:
        field = (self._cursor or "").lower()
        own = [field, f"{field}_since", f"{field}_after", f"{field}_from", f"min_{field}"]
        own += [f"{field}_gte", f"{field}__gte", f"{field}[gte]"] if field else []
        return next((names[name] for name in (*own, *_SINCE) if names.get(name)), None)

    def _since(self, since: str | None) -> list[JsonObject]:
        """Return the records whose cursor is at or above `since`."""
        field = self._cursor
        if since is None or field is None:
            return self._records
        try:
            return [
                one for one in self._records if _comparable(one[field]) >= _like(since, one[field])
            ]
        except (KeyError, TypeError, ValueError):
            return self._records  # a parameter that means something else


def _whole(names: Mapping[str, str], wanted: Iterable[str]) -> int | None:
    """Return the number that stands under one of the names."""
    for name in wanted:
        text = names.get(name, "")
        if text.isascii() and text.isdigit():
            return int(text)
    return None


def _comparable(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return datetime.datetime.fromisoformat(value)
        except ValueError:
            return value
    return value


def _like(text: str, value: Any) -> Any:
    """Return the text of a parameter as what `value` can be compared with."""
    return float(text) if isinstance(value, int | float) else _comparable(text)
