"""What the config says of each stream: how it is asked for, and what its records are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
import msgspec.structs

from rivven_connect import ConnectorError, Json, JsonObject, StreamSpec, SyncMode
from rivven_connect.connectors.http_source._generated.config import (
    Cursor,
    CursorPages,
    HttpSourceConfig,
    LinkHeader,
    NextUrl,
    NoPages,
    Offsets,
    PageNumbers,
    StreamOptions,
)
from rivven_connect.connectors.http_source.document import pointer_steps

Pagination: TypeAlias = NoPages | PageNumbers | Offsets | CursorPages | LinkHeader | NextUrl


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What one page is asked for with; `url` is relative to the API's, or absolute."""

    method: str
    url: str
    query: dict[str, str]
    body: Json = None

    def with_value(self, name: str, value: Json, place: str) -> Asked:
        """Return the same with a parameter in the query or in the body.

        Raises:
            ConnectorError: the body cannot take it.
        """
        if place == "query":
            return msgspec.structs.replace(self, query={**self.query, name: _text(value)})
        body = {} if self.body is None else self.body
        if not isinstance(body, dict):
            raise ConnectorError.configuration(
                f"parameter {name!r} cannot be put into a body that is no object; set place: query"
            )
        return msgspec.structs.replace(self, body={**body, name: value})


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of the API."""

    name: str
    first: Asked
    records_pointer: str
    records: tuple[str, ...]
    """The steps of the pointer."""
    body_headers: Mapping[str, str]
    """Headers of a request that has a body."""
    pagination: Pagination
    cursor: Cursor | None
    primary_key: tuple[str, ...]
    schema: JsonObject

    def spec(self) -> StreamSpec[Any]:
        """Return what the runtime has to know of the stream."""
        modes = (SyncMode.INCREMENTAL, SyncMode.FULL_REFRESH)
        return StreamSpec(
            name=self.name,
            hook="read_discovered",
            primary_key=tuple((name,) for name in self.primary_key),
            cursor=self.cursor.field if self.cursor else None,
            cursor_order=self.cursor.order if self.cursor else "unordered",
            sync_modes=modes if self.cursor else modes[1:],
        )

    def asked(self, cursor: Json) -> Asked:
        """Return what the first page is asked for with, from `cursor` on."""
        value = self.cursor.start if self.cursor and cursor is None else cursor
        if self.cursor is None or value is None:
            return self.first
        return self.first.with_value(self.cursor.parameter, value, self.cursor.place)


def endpoints_of(config: HttpSourceConfig) -> list[Endpoint]:
    """Return the streams of the config, in its order.

    Raises:
        ConnectorError: two have one name.
    """
    if config.streams is None:
        return [_endpoint(config, StreamOptions(name=config.stream), config.schema_)]
    found = [_endpoint(config, one, one.schema_) for one in config.streams]
    names = [one.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConnectorError.configuration(f"two streams are called {twice[0]!r}")
    return found


def _endpoint(config: HttpSourceConfig, own: StreamOptions, schema: JsonObject | None) -> Endpoint:
    records = config.records if own.records is None else own.records
    named = {name.lower() for name in (*config.headers, *config.public_headers)}
    return Endpoint(
        name=own.name,
        first=Asked(
            method=own.method or config.method,
            url=_appended(config.url, own.path),
            query={**config.query, **own.query},
            body=config.body if own.body is None else own.body,
        ),
        records_pointer=records,
        records=pointer_steps(records),
        body_headers={} if "content-type" in named else {"Content-Type": "application/json"},
        pagination=own.pagination or config.pagination or NoPages(type="none"),
        cursor=own.cursor or config.cursor,
        primary_key=tuple(own.primary_key or config.primary_key or ()),
        schema=schema or {},
    )


def _appended(url: str, path: str) -> str:
    """Return the URL with a path behind its own; a query stays, a fragment is never sent."""
    if not path:
        return url
    front, mark, query = url.partition("#")[0].partition("?")
    return f"{front.rstrip('/')}/{path.lstrip('/')}{mark}{query}"


def _text(value: Json) -> str:
    """Return a value as a parameter of a query: text as it is, the rest as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
