"""The records of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from rivven_connect import ConnectorError, Json, JsonObject, Page, Poison, Rows
from rivven_connect.connectors.http_source.document import MISSING, Document
from rivven_connect.connectors.http_source.endpoints import Endpoint

HALF = "a text holds half of a surrogate pair, which UTF-8 lacks"

_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list"}


def records_of(page: Document, endpoint: Endpoint) -> list[Json]:
    """Return what stands where the records are: all of a list, one object, nothing for null.

    Raises:
        ConnectorError: nothing stands there, or what cannot be records.
    """
    found = page.at(endpoint.records)
    if isinstance(found, list):
        return found
    if found is None:
        return []
    if isinstance(found, dict):
        return [found]
    told = "nothing" if found is MISSING else _kind(found)
    raise ConnectorError.configuration(
        f"stream {endpoint.name!r}: at {endpoint.records_pointer!r} of the answer is {told}, and no "
        "list of records; say in `records` where they are"
    )


def rows_of(page: Document, endpoint: Endpoint) -> Iterator[Rows[JsonObject]]:
    """Yield the records as one page, behind what is no object and cannot be a record.

    Raises:
        ConnectorError: as `records_of`.
    """
    records: list[Any] = records_of(page, endpoint)
    if page.holds_halves:
        given, records = records, []
        for one in given:
            if holds_half(one):
                yield Poison(endpoint.name, json.dumps(one).encode(), HALF)
            else:
                records.append(one)
    if set(map(type, records)) - {dict}:
        for one in records:
            if not isinstance(one, dict):
                error = f"a record is an object, and this is {_kind(one)}"
                yield Poison(endpoint.name, msgspec.json.encode(one), error)
        records = [one for one in records if isinstance(one, dict)]
    if records:
        yield Page(records, size=page.size)


def holds_half(value: Json) -> bool:
    """Whether a text in a value cannot be written as UTF-8."""
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return True
    return False


def _kind(value: Json) -> str:
    return _KINDS.get(type(value), "null")
