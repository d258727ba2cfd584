"""From one page to the next."""

from __future__ import annotations

import logging

import msgspec
import msgspec.structs

from rivven_connect import ConnectorError, Json
from rivven_connect.connectors.http_source._generated.config import (
    CursorPages,
    LinkHeader,
    NextUrl,
    Offsets,
    PageNumbers,
)
from rivven_connect.connectors.http_source.document import MISSING, Document, pointer_steps
from rivven_connect.connectors.http_source.endpoints import Asked, Endpoint
from rivven_connect.connectors.http_source.records import HALF, holds_half, records_of
from rivven_connect.http import link_url, same_origin_url

_log = logging.getLogger("rivven_connect.read")


class Paging:
    """Leads through the pages of one pass, and notices when it is led in a circle."""

    def __init__(self, endpoint: Endpoint, asked: Asked) -> None:
        self.endpoint = endpoint
        self._pagination = endpoint.pagination
        self._count = 0
        self._last = 0
        match self._pagination:
            case PageNumbers() as pages:
                self._count = pages.first
                asked = asked.with_value(pages.parameter, pages.first, pages.place)
            case Offsets() as pages:
                asked = asked.with_value(pages.limit_parameter, pages.limit, pages.place)
                asked = asked.with_value(pages.parameter, 0, pages.place)
        self.asked = asked
        """What the page is asked for with that comes next, or came last."""
        self._been = {_mark(asked)}

    def follow(self, page: Document) -> bool:
        """Go on to the page behind `page`; False at the end.

        Raises:
            ConnectorError: nobody can tell where that is, or it was read before.
        """
        found = self._behind(page)
        if found is None:
            return False
        self.asked = found
        mark = _mark(found)
        if mark in self._been:
            raise self._error(
                "the answer leads to a page that was read before: pages go in a circle"
            )
        self._been.add(mark)
        return True

    def _behind(self, page: Document) -> Asked | None:
        found: Asked | None = None
        match self._pagination:
            case PageNumbers() as pages if self._new_records(page):
                self._count += 1
                found = self.asked.with_value(pages.parameter, self._count, pages.place)
            case Offsets() as pages if new := self._new_records(page):
                self._count += new
                found = self.asked.with_value(pages.parameter, self._count, pages.place)
            case CursorPages() as pages if token := self._told(page, pages.path):
                found = self.asked.with_value(pages.parameter, token, pages.place)
            case LinkHeader() as pages if link := link_url(page.answer, pages.relation):
                found = self._at(page, link)
            case NextUrl() as pages if link := self._told(page, pages.path):
                found = self._at(page, link)
        return found

    def _new_records(self, page: Document) -> int:
        """Return how many records a counted page has.

        Raises:
            ConnectorError: they are those of the page before.
        """
        # Not the whole body: there may be a time in it, and then the pages would never end.
        content = hash(page.part(self.endpoint.records))
        found = len(records_of(page, self.endpoint))
        if found and content == self._last:
            raise self._error(
                "two pages hold the same, byte for byte: the API does not take the parameter of "
                "`pagination`"
            )
        self._last = content
        return found

    def _told(self, page: Document, pointer: str) -> Json:
        """Return what the answer says of the next page; None for nothing."""
        found = page.at(pointer_steps(pointer))
        if found is MISSING and len(self._been) == 1:
            _log.warning(
                "stream %s: the first answer has nothing at %s, so it is the only page",
                self.endpoint.name,
                pointer,
            )
        if page.holds_halves and holds_half(found):
            raise self._error(f"the way to the next page is no text that can be sent: {HALF}")
        return None if found is MISSING else found

    def _at(self, page: Document, link: Json) -> Asked:
        if not isinstance(link, str):
            raise self._error("the link to the next page is no text")
        try:
            url = same_origin_url(page.answer.url, link)
        except ConnectorError as error:
            raise self._error(error.message) from None
        return msgspec.structs.replace(self.asked, url=url, query={})

    def _error(self, text: str) -> ConnectorError:
        return ConnectorError.configuration(f"stream {self.endpoint.name!r}: {text}")


def _mark(asked: Asked) -> int:
    """Return a number that stands for a request; all of a pass are kept."""
    return hash(msgspec.json.encode([asked.url, asked.query, asked.body]))
