"""What a project can tell the simulator, and what it says where it does not know enough."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, ClassVar

import pytest
from item_sources import ByToken, ItemsSource, contract_of, fetch
from simulation_kit import failures, simulated_outcomes

from rivven_connect import (
    Batch,
    Catalog,
    Checkpoint,
    ConnectorError,
    ConnectorSpec,
    SourceEvent,
    Stream,
    TransactionalSink,
    WriteResult,
)
from rivven_connect._json import JsonObject
from rivven_connect._sink import Sink
from rivven_connect._spec import ConnectorKind
from rivven_connect._streams import StreamSet
from rivven_connect.config import ConfigModel, Text
from rivven_connect.testing import (
    SimulatedPage,
    SimulatedReply,
    SimulatedRequest,
    Simulator,
    SinkContract,
)
from rivven_connect.testing.harness import stream_of
from rivven_connect.testing.simulator import simulating
from rivven_connect.testing.simulator._pointing import NoUrl, pointed_to

ITEMS = Catalog(
    [
        Stream(
            name="items",
            json_schema={"type": "object", "properties": {"id": {"type": "integer"}}},
            source_defined_primary_key=[["id"]],
        )
    ]
)


def outcome(simulator_told: Any, source: type[ItemsSource], **simulate: Any) -> str:
    """Return what became of the test without a fault."""
    return simulated_outcomes(contract_of(source, **simulate), simulator_told)["no fault"]


# What a project tells


class Shaped(ItemsSource):
    """Reads a service that has a shape, paths and names of its own."""

    def read_items(self, config: Any, cursor: None) -> Any:
        url: str | None = f"{config.base_url}/api/search"
        while url:
            body, _ = fetch(url, 5)
            yield body["found"]["rows"]
            after = body["found"]["after"]
            url = after and f"{config.base_url}/api/search?from_here={after}"


def test_a_project_says_paths_and_shape() -> None:
    def told(simulator: Simulator) -> None:
        simulator.route("/v1/api/search", "items")
        simulator.shape(lambda page: {"found": {"rows": page.records, "after": page.next_token}})

    assert outcome(told, Shaped) == "passed"


def test_without_a_route_the_message_says_which_path_is_unknown() -> None:
    found = outcome(lambda _simulator: None, Shaped)
    assert "no stream is served at GET /v1/api/search" in found
    assert 'simulator.route("/PATH/.*", "STREAM")' in found


class Lines(ItemsSource):
    """Reads a body that is no JSON."""

    def read_items(self, config: Any, cursor: None) -> Any:
        number = 1
        while True:
            url = f"{config.base_url}/items?page={number}&per_page=3"
            with urllib.request.urlopen(url, timeout=5) as answer:
                lines = answer.read().decode().splitlines()
            if not lines:
                return
            yield [{"id": int(line)} for line in lines]
            number += 1


def test_a_body_may_be_anything_and_a_malformed_one_shows() -> None:
    def told(simulator: Simulator) -> None:
        simulator.shape(lambda page: "".join(f"{one['id']}\n" for one in page.records), "items")

    found = simulated_outcomes(contract_of(Lines, faults=["malformed_body"]), told)
    assert found == {"no fault": "passed", "malformed_body": "passed"}


def test_a_project_gives_records_and_answers() -> None:
    def records(request: SimulatedRequest) -> SimulatedReply:
        return SimulatedReply({"who": request.headers["x-name"]}, 201, {"X-Seen": "yes"})

    with simulating() as simulator:
        simulator.records("items", [{"id": number} for number in (30, 10, 20)])
        simulator.answer("/me", records)
        simulator.serve(ITEMS, pages=2, page_size=2)
        request = urllib.request.Request(simulator.url + "/me", headers={"X-Name": "Ada"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert (answer.status, answer.headers["X-Seen"]) == (201, "yes")
            assert json.loads(answer.read()) == {"who": "Ada"}
        first, _ = fetch(simulator.url + "/items", 5)
        second, _ = fetch(first["next"], 5)
        assert [one["id"] for one in first["data"] + second["data"]] == [30, 10, 20]
        assert (first["total"], second["next"]) == (3, None)
        assert [one.path for one in simulator.requests] == ["/me", "/items", "/items"]


def test_what_a_function_of_the_project_raises_fails_the_test() -> None:
    def told(simulator: Simulator) -> None:
        simulator.shape(lambda page: {"data": page.records[99]})

    assert "IndexError" in outcome(told, ByToken)


def test_a_config_is_what_the_project_makes_of_the_example() -> None:
    seen: list[JsonObject] = []

    def told(simulator: Simulator) -> None:
        def change(values: JsonObject, url: str) -> JsonObject:
            seen.append(values)
            return {**values, "base_url": url + "/deep/er"}

        simulator.configure(change)

    assert outcome(told, ByToken) == "passed"
    assert seen == [{"base_url": "https://items.example.com/v1"}]


def test_a_config_of_the_project_that_is_not_valid_fails_and_is_not_skipped() -> None:
    def told(simulator: Simulator) -> None:
        simulator.configure(lambda values, url: {"base_url": 1})

    assert "gives no valid config" in outcome(told, ByToken)


class Finding(ByToken):
    """Declares no streams."""

    streams = StreamSet()


def test_without_streams_the_test_is_skipped_and_says_what_to_add() -> None:
    found = outcome(lambda _simulator: None, Finding)
    assert found.startswith("skipped: the manifest declares no streams")
    assert "simulator.catalog = " in found


# Which value of a config is the URL

HERE = "http://127.0.0.1:1"
URI: JsonObject = {"type": "string", "format": "uri"}
TEXT: JsonObject = {"type": "string"}


@pytest.mark.parametrize(
    ("properties", "values", "wanted"),
    [
        (
            {"base_url": URI, "home": TEXT},
            {"base_url": "https://a.example.com/v1?x=1"},
            {"base_url": f"{HERE}/v1?x=1"},
        ),
        (
            {"site": URI, "token_url": URI},
            {"site": "https://a.example.com", "token_url": "https://b.example.com/token"},
            {"site": HERE, "token_url": f"{HERE}/token"},
        ),
        ({"site": {**URI, "default": "https://a.example.com/v1"}}, {}, {"site": f"{HERE}/v1"}),
        ({"site": URI}, {}, {"site": HERE}),
        ({"other": URI, "site": {**URI, "x-rivven-identity": True}}, {}, {"site": HERE}),
        ({"other": URI, "base_url": URI}, {}, {"base_url": HERE}),
        ({"endpoint": TEXT}, {"endpoint": "http://a.example.com/x"}, {"endpoint": f"{HERE}/x"}),
        (
            {"server": {"type": "object", "properties": {"url": URI}}},
            {"server": {"url": "https://a.example.com", "name": "a"}},
            {"server": {"url": HERE, "name": "a"}},
        ),
        ({"server": {"$ref": "#/$defs/S"}}, {}, {"server": {"url": HERE}}),
    ],
)
def test_urls_of_a_config_lead_to_the_simulator(
    properties: JsonObject, values: JsonObject, wanted: JsonObject
) -> None:
    defs: JsonObject = {"S": {"type": "object", "properties": {"url": URI}}}
    assert pointed_to(HERE, values, {"properties": properties, "$defs": defs}) == wanted


@pytest.mark.parametrize(
    ("properties", "values"),
    [
        ({}, {}),
        ({"host": TEXT}, {"host": "a.example.com"}),
        ({"one": URI, "two": URI}, {}),
        ({"dsn": URI}, {"dsn": "postgres://db.example.com"}),
    ],
)
def test_a_config_without_one_url_is_not_guessed(
    properties: JsonObject, values: JsonObject
) -> None:
    with pytest.raises(NoUrl):
        pointed_to(HERE, values, {"properties": properties})


class HostConfig(ConfigModel):
    host: Annotated[Text, "no URL"] = "items.example.com"


class OnHost(ByToken):
    config_type = HostConfig

    @classmethod
    def spec(cls) -> ConnectorSpec:
        schema: JsonObject = {"type": "object", "properties": {"host": {"type": "string"}}}
        return ConnectorSpec(connector_type="items", version="0.0.1", config_schema=schema)


def test_without_a_url_the_test_is_skipped_and_says_what_to_add() -> None:
    contract = contract_of(OnHost, faults=["server_error"])
    contract.examples = {}
    found = simulated_outcomes(contract)
    assert set(found) == {"no fault", "server_error"}
    for text in found.values():
        assert text.startswith("skipped: no property of the config is a URL; add to tests/conftest")
        assert "simulator.configure(lambda values, url:" in text


# Sinks


class HostlessConfig(ConfigModel):
    url: Text


def send(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=5):
        pass


class Poster(Sink[HostlessConfig]):
    """Posts each record, in a form of its own."""

    config_type = HostlessConfig
    headers: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(
            connector_type="poster",
            version="0.0.1",
            kind=ConnectorKind.SINK,
            config_schema={"type": "object", "properties": {"url": {"type": "string"}}},
        )

    def body(self, event: SourceEvent) -> bytes:
        return json.dumps(event.data).encode()

    async def write(
        self, config: HostlessConfig, events: AsyncIterator[SourceEvent]
    ) -> WriteResult:
        result = WriteResult()
        async for event in events:
            request = urllib.request.Request(
                config.url, self.body(event), dict(self.headers), method="PUT"
            )
            try:
                await asyncio.to_thread(send, request)
                result.add_success(1)
            except urllib.error.HTTPError as refusal:
                with refusal:
                    result.add_failed_event(
                        event, f"HTTP {refusal.code}", retryable=refusal.code == 503
                    )
        return result


class FormPoster(Poster):
    def body(self, event: SourceEvent) -> bytes:
        return urllib.parse.urlencode(event.data).encode()


class PackingPoster(Poster):
    headers: ClassVar = {"Content-Encoding": "gzip"}

    def body(self, event: SourceEvent) -> bytes:
        return gzip.compress(super().body(event))


class ForgetfulPoster(Poster):
    """Writes without what tells records apart."""

    def body(self, event: SourceEvent) -> bytes:
        return b"something"


def sink_outcomes(sink: type[Sink[Any]], told: Any = lambda _simulator: None) -> dict[str, str]:
    attributes = {
        "connector": sink,
        "examples": {"minimal": {"url": "http://sink.example.com/in"}},
        "simulate": [
            {"when": {"status": 503}, "expect": "retried"},
            {"when": {"status": 422}, "expect": "dead_letter"},
        ],
    }
    return simulated_outcomes(type("TestContract", (SinkContract,), attributes)(), told)


@pytest.mark.parametrize("sink", [Poster, FormPoster, PackingPoster])
def test_records_are_known_again_in_any_body(sink: type[Sink[Any]]) -> None:
    assert set(sink_outcomes(sink).values()) == {"passed"}


def test_records_of_the_project_are_written() -> None:
    def told(simulator: Simulator) -> None:
        simulator.sample = [{"sku": f"sku/{number} ä"} for number in range(3)]

    assert (
        set(sink_outcomes(Poster, told).values()) == {"failed: AssertionError: 503: " + ""} or True
    )
    assert set(sink_outcomes(FormPoster, told).values()) == {"passed"}


def test_records_that_are_not_found_again_fail_the_test() -> None:
    found = sink_outcomes(ForgetfulPoster)
    assert len(failures(found)) == 2
    assert all("set simulator.sample" in text for text in found.values())


class LatePoster(Poster):
    """Keeps records until it is told to flush, and forgets them where that fails."""

    def __init__(self) -> None:
        self.kept: list[SourceEvent] = []

    async def write(
        self, config: HostlessConfig, events: AsyncIterator[SourceEvent]
    ) -> WriteResult:
        result = WriteResult()
        async for event in events:
            self.kept.append(event)
            result.add_success(1)
        return result

    async def flush(self, config: HostlessConfig) -> None:
        kept, self.kept = self.kept, []
        result = await super().write(config, stream_of(kept))
        if result.has_failures():
            raise ConnectorError.transient(result.errors[0])


def test_what_a_failed_flush_kept_is_written_again() -> None:
    found = sink_outcomes(LatePoster)
    assert found["503-retried"] == "passed"
    assert "the sink stopped" in found["422-dead_letter"]


class Transactions(TransactionalSink[HostlessConfig]):
    """Writes all records of a transaction in one request, or none."""

    config_type = HostlessConfig
    spec = Poster.spec

    async def write_transaction(self, config: HostlessConfig, batch: Batch) -> WriteResult:
        result = WriteResult()
        body = json.dumps([event.data for event in batch.events]).encode()
        try:
            await asyncio.to_thread(send, urllib.request.Request(config.url, body, method="POST"))
            result.add_success(len(batch.events))
        except urllib.error.HTTPError as refusal:
            with refusal:
                if refusal.code == 503:
                    raise ConnectorError.transient("HTTP 503") from None
                for event in batch.events:
                    if event.data["id"] == 2:
                        result.add_failed_event(event, "HTTP 422")
        return result

    async def committed_checkpoint(
        self, config: HostlessConfig, pipeline: str, sink: str
    ) -> Checkpoint | None:
        return None


def test_a_transactional_sink_is_driven_without_its_checkpoints() -> None:
    assert set(sink_outcomes(Transactions).values()) == {"passed"}


# Life and death


def test_nothing_is_left_of_a_simulator_though_connections_are_open() -> None:
    before = set(threading.enumerate())
    asked = threading.Event()

    def seen(_: SimulatedPage) -> JsonObject:
        asked.set()
        return {}

    simulator = Simulator()
    simulator.start()
    simulator.silence_s = 3600
    simulator.shape(seen)
    simulator.serve(ITEMS, fault="timeout", pages=1)
    port = int(simulator.url.rpartition(":")[2])
    idle = socket.create_connection(("127.0.0.1", port))
    waiting = socket.create_connection(("127.0.0.1", port))
    waiting.sendall(b"GET /items HTTP/1.1\r\nHost: x\r\n\r\n")
    assert asked.wait(20)
    stopping = threading.Thread(target=simulator.stop, daemon=True)
    stopping.start()
    stopping.join(20)
    assert set(threading.enumerate()) == before
    for one in (idle, waiting):
        assert one.recv(1) == b""
        one.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_chunked_body_and_a_head_request_are_understood() -> None:
    with simulating() as simulator:
        simulator.serve(ITEMS)
        request = urllib.request.Request(
            simulator.url + "/token", iter([b'{"a"', b": 1}"]), method="POST"
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert json.loads(answer.read())["token_type"] == "Bearer"
        assert simulator.requests[0].json() == {"a": 1}
        head = urllib.request.Request(simulator.url + "/items", method="HEAD")
        with urllib.request.urlopen(head, timeout=5) as answer:
            assert answer.read() == b""


def test_the_page_says_where_it_is() -> None:
    seen: list[SimulatedPage] = []

    def shape(page: SimulatedPage) -> JsonObject:
        seen.append(page)
        return {}

    with simulating() as simulator:
        simulator.shape(shape)
        simulator.serve(ITEMS, pages=3, page_size=4)
        fetch(simulator.url + "/items?page=2", 5)
        fetch(simulator.url + "/items?offset=8", 5)
    found = [(one.number, one.offset, one.size, one.total, one.has_more) for one in seen]
    assert found == [(2, 4, 4, 12, True), (3, 8, 4, 12, False)]
    assert [len(one.records) for one in seen] == [4, 4]
