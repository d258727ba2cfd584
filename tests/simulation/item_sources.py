"""Small sources over the standard library's client, one for each way to ask for the next page."""

from __future__ import annotations

import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar

from rivven_connect import ConnectorError, ConnectorSpec, GeneratedSpec, Source
from rivven_connect._json import JsonObject
from rivven_connect._streams import StreamSet, StreamSpec
from rivven_connect.config import Format, Integer, SourceConfig, Text
from rivven_connect.testing import SourceContract

SCHEMA: JsonObject = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer"}, "tags": {"type": "array", "items": {}}},
}


class ItemsConfig(SourceConfig):
    base_url: Annotated[Text, Format("uri")]
    timeout_ms: Integer = 10_000


class ItemsSpec(GeneratedSpec):
    @classmethod
    def catalog_schemas(cls) -> dict[str, JsonObject]:
        return {"items": SCHEMA}


class ItemStreams(StreamSet):
    items: ClassVar[StreamSpec[Any]] = StreamSpec(
        name="items", hook="read_items", primary_key=(("id",),)
    )


Pages = Iterator[list[Any]]
Get = Callable[[str], tuple[Any, str]]


class ItemsSource(Source[ItemsConfig]):
    """Reads items in pages; `pages` is the way."""

    config_type: ClassVar[type[Any]] = ItemsConfig
    spec_type = ItemsSpec
    streams: ClassVar[StreamSet] = ItemStreams()

    @classmethod
    def spec(cls) -> ConnectorSpec:
        schema: JsonObject = {
            "type": "object",
            "properties": {
                "base_url": {"type": "string", "format": "uri"},
                "timeout_ms": {"type": "integer"},
            },
        }
        return ConnectorSpec(connector_type="items", version="0.0.1", config_schema=schema)

    def read_items(self, config: ItemsConfig, cursor: None) -> Pages:
        url = config.base_url.rstrip("/") + "/items"

        def get(target: str) -> tuple[Any, str]:
            return fetch(target if "://" in target else url + target, config.timeout_ms / 1000)

        yield from self.pages(get)

    def pages(self, get: Get) -> Pages:
        raise NotImplementedError


def fetch(url: str, timeout: float) -> tuple[Any, str]:
    """Return the body as JSON, and the Link header."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return json.loads(answer.read()), answer.headers.get("Link", "")
    except urllib.error.HTTPError as refusal:
        with refusal:
            wait = float(refusal.headers.get("Retry-After", "0"))
            if refusal.code == 429:
                raise ConnectorError.rate_limited("HTTP 429", retry_after=wait) from None
            raise ConnectorError.transient(f"HTTP {refusal.code}") from None
    except json.JSONDecodeError:
        raise ConnectorError.transient("the body is not JSON") from None
    except OSError as error:
        raise ConnectorError.connection(type(error).__name__) from None


class ByNumber(ItemsSource):
    def pages(self, get: Get) -> Pages:
        for number in itertools.count(1):
            body, _ = get(f"?page={number}&per_page=7")
            if not body["data"]:
                return
            yield body["data"]


class ByShortPage(ItemsSource):
    """A page that is not full is the last."""

    def pages(self, get: Get) -> Pages:
        for number in itertools.count(1):
            body, _ = get(f"?page={number}&per_page=7")
            yield body["data"]
            if len(body["data"]) < 7:
                return


class ByOffset(ItemsSource):
    def pages(self, get: Get) -> Pages:
        offset = 0
        while True:
            body, _ = get(f"?offset={offset}&limit=7")
            yield body["data"]
            offset += len(body["data"])
            if offset >= body["total"]:
                return


class ByToken(ItemsSource):
    def pages(self, get: Get) -> Pages:
        token = ""
        while True:
            body, _ = get(f"?after={token}" if token else "")
            yield body["data"]
            token = body["next_cursor"]
            if not token:
                return


class ByLink(ItemsSource):
    def pages(self, get: Get) -> Pages:
        url = ""
        while True:
            body, link = get(url)
            yield body["data"]
            if 'rel="next"' not in link:
                return
            url = link[1 : link.index(">")]


class ByNumberAndLink(ItemsSource):
    """As GitHub's: the first page is asked for by number, the next ones by their links."""

    def pages(self, get: Get) -> Pages:
        url = "?page=1&per_page=7"
        while True:
            body, link = get(url)
            yield body["data"]
            if 'rel="next"' not in link:
                return
            url = link[1 : link.index(">")]


class ByNextUrl(ItemsSource):
    def pages(self, get: Get) -> Pages:
        url = ""
        while True:
            body, _ = get(url)
            yield body["data"]
            url = body["next"]
            if not url:
                return


class ByFlag(ItemsSource):
    def pages(self, get: Get) -> Pages:
        for number in itertools.count(1):
            body, _ = get(f"?page={number}")
            yield body["data"]
            if not body["has_more"]:
                return


WAYS: tuple[type[ItemsSource], ...] = (
    *(ByNumber, ByShortPage, ByOffset, ByToken, ByLink, ByNumberAndLink, ByNextUrl, ByFlag),
)


class Patient(ByToken):
    """Waits out a rate limit by itself."""

    def pages(self, get: Get) -> Pages:
        def waiting(url: str) -> tuple[Any, str]:
            try:
                return get(url)
            except ConnectorError as error:
                time.sleep(error.retry_after or 0)
                return get(url)

        return super().pages(waiting)


def contract_of(source: type[Source[Any]], **simulate: Any) -> Any:
    """Return a contract as a generated test has it."""
    attributes = {
        "connector": source,
        "examples": {"minimal": {"base_url": "https://items.example.com/v1"}},
        "simulate": {"pages": 3, "page_size": 5, "faults": [], **simulate},
        "read_seconds": 0.2,
    }
    return type("TestContract", (SourceContract,), attributes)()
