"""A source and a sink that are good, and contracts run as pytest would run them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

import pytest

from rivven_connect._batch import BatchConfig, Item
from rivven_connect._catalog import Catalog, ConfiguredCatalog, Stream, SyncMode
from rivven_connect._checks import CheckResult
from rivven_connect._events import SourceEvent
from rivven_connect._json import JsonObject
from rivven_connect._sink import BatchSink, Sink, WriteResult
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._state import State
from rivven_connect.testing import MockConfig, SinkContract, SourceContract
from rivven_connect.testing.contracts import Contract

CONFIG = MockConfig()
INCREMENTAL = (SyncMode.FULL_REFRESH, SyncMode.INCREMENTAL)
SCHEMA: JsonObject = {
    "type": "object",
    "required": ["id", "at"],
    "properties": {"id": {"type": "integer"}, "at": {"type": "integer"}},
}
ROWS = [{"id": number, "at": number // 4} for number in range(30)]
LATER = "test_what_a_cancelled_reading_left_is_read_later"
SECRET = "test_no_secret_is_shown"


def outcomes(contract: Contract, config: Any = CONFIG) -> dict[str, str]:
    """Run every test of a contract as pytest would, and return what came of each."""
    found = {}
    for name in sorted(name for name in dir(contract) if name.startswith("test_")):
        method = getattr(contract, name)
        if method is None:  # nothing is simulated
            continue
        takes_config = "config" in inspect.signature(method).parameters
        try:
            method(config) if takes_config else method()
        except pytest.skip.Exception:
            found[name] = "skipped"
        except pytest.xfail.Exception as missing:
            found[name] = f"xfailed: {missing}"
        except Exception as error:  # noqa: BLE001  # a red test, whatever it raised
            found[name] = f"failed: {type(error).__name__}: {error}"
        else:
            found[name] = "passed"
    return found


def failures(contract: Contract) -> dict[str, str]:
    """Return the tests that are red, and what they say."""
    return {name: text for name, text in outcomes(contract).items() if text.startswith("failed")}


def spec(kind: ConnectorKind, **fields: Any) -> ConnectorSpec:
    return ConnectorSpec(connector_type="planted", version="0.0.1", kind=kind, **fields)


class Feed(Source[MockConfig]):
    """A good source that overrides `read`: its state counts what was delivered."""

    config_type = MockConfig
    rows: ClassVar[Sequence[Any]] = ROWS

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return spec(ConnectorKind.SOURCE)

    async def check(self, config: MockConfig) -> CheckResult:
        return CheckResult.builder().check_passed("fine").build()

    async def discover(self, config: MockConfig) -> Catalog:
        stream = Stream(name="feed", json_schema=SCHEMA, supported_sync_modes=list(INCREMENTAL))
        return Catalog.single_stream(stream)

    async def read(
        self, config: MockConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        done = self.resume_at(state)
        for index, row in enumerate(self.rows[done:], start=done):
            await asyncio.sleep(0)
            yield self.event(index, row)

    def resume_at(self, state: State | None) -> int:
        saved = state.get_stream("feed") if state else None
        return saved.get("done", int, 0) if saved else 0

    def event(self, index: int, row: Any) -> SourceEvent:
        return SourceEvent(stream="feed", data=row, state={"done": index + 1})


def source_contract(source: type[Source[Any]], **attributes: Any) -> SourceContract:
    values = {"connector": source, "read_seconds": 0.3, "record_limit": 200, **attributes}
    contract: SourceContract = type("TestContract", (SourceContract,), values)()
    return contract


class Shelf(BatchSink[MockConfig]):
    """A good sink: takes objects, names everything else."""

    config_type = MockConfig

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return spec(ConnectorKind.SINK)

    def batch_config(self, config: MockConfig) -> BatchConfig:
        return BatchConfig(max_records=3)

    async def write_batch(self, config: MockConfig, events: Sequence[SourceEvent]) -> WriteResult:
        result = WriteResult()
        for event in events:
            if isinstance(event.data, dict):
                result.add_success(1, event.estimated_size())
            else:
                result.add_failed_event(event, "not an object")
        return result


def sink_contract(sink: type[Sink[Any]]) -> SinkContract:
    contract: SinkContract = type("TestContract", (SinkContract,), {"connector": sink})()
    return contract
