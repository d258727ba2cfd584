"""The contract classes: good connectors pass, and each planted bug turns its test red."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import inspect
import itertools
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, ClassVar

import pytest

from rivven_connect._batch import BatchConfig, EventBatch, Item
from rivven_connect._catalog import Catalog, ConfiguredCatalog, Stream, SyncMode
from rivven_connect._checks import CheckResult
from rivven_connect._errors import ConnectorError, HookMissing
from rivven_connect._events import SourceEvent
from rivven_connect._hooks import CheckHook
from rivven_connect._json import JsonObject
from rivven_connect._sink import BatchSink, Sink, WriteResult
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._state import State
from rivven_connect._streams import StreamSet, StreamSpec
from rivven_connect._transform import Transform, Transformed
from rivven_connect.testing import (
    MockConfig,
    SinkContract,
    SourceContract,
    TransformContract,
    _cancelling,
    _contract,
)
from rivven_connect.testing.contracts import Contract

CONFIG = MockConfig()
INCREMENTAL = (SyncMode.FULL_REFRESH, SyncMode.INCREMENTAL)
SCHEMA: JsonObject = {
    "type": "object",
    "required": ["id", "at"],
    "properties": {"id": {"type": "integer"}, "at": {"type": "integer"}},
}
ROWS = [{"id": number, "at": number // 4} for number in range(30)]


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_contract, "_SETTLE_S", 0.05)
    monkeypatch.setattr(_cancelling, "CANCEL_S", 0.2)


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


# Sources


class LedgerStreams(StreamSet):
    entries: ClassVar[StreamSpec[Any]] = StreamSpec(
        name="entries",
        hook="read_entries",
        primary_key=(("id",),),
        cursor="at",
        cursor_order="ascending",
        sync_modes=INCREMENTAL,
    )


class Ledger(Source[MockConfig]):
    """A good source over a hook: pages of three, ties of four."""

    config_type = MockConfig
    streams = LedgerStreams()
    checks = (CheckHook("reachable", "check_reachable"),)

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return spec(ConnectorKind.SOURCE)

    async def check_reachable(self, config: MockConfig) -> None:
        await asyncio.sleep(0)

    async def discover(self, config: MockConfig) -> Catalog:
        return Catalog([stream.stream(SCHEMA) for stream in self.streams])

    def read_entries(self, config: MockConfig, cursor: int | None) -> Iterator[Any]:
        rows = [row for row in ROWS if cursor is None or row["at"] >= cursor]
        for start in range(0, len(rows), 3):
            yield [dict(row) for row in rows[start : start + 3]]


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


class Endless(Feed):
    async def read(
        self, config: MockConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        for index in itertools.count(self.resume_at(state)):
            yield self.event(index, {"id": index, "at": index})


class Trickle(Feed):
    """Never ends, and gives little."""

    async def read(
        self, config: MockConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        async for item in super().read(config, catalog, state):
            yield item
        await asyncio.Event().wait()


def source_contract(source: type[Source[Any]], **attributes: Any) -> SourceContract:
    values = {"connector": source, "read_seconds": 0.3, "record_limit": 200, **attributes}
    contract: SourceContract = type("TestContract", (SourceContract,), values)()
    return contract


@pytest.mark.parametrize("source", [Ledger, Feed, Endless, Trickle])
def test_a_good_source_passes_everything(source: type[Source[Any]]) -> None:
    found = outcomes(source_contract(source, examples={"minimal": {}}))
    assert {name for name, text in found.items() if text != "passed"} == {
        "test_spec_equals_generated_file"
    }
    assert found["test_spec_equals_generated_file"] == "skipped"


class LosesTies(Ledger):
    def read_entries(self, config: MockConfig, cursor: int | None) -> Iterator[Any]:
        for page in super().read_entries(config, None):
            yield [row for row in page if cursor is None or row["at"] > cursor]


class IgnoresCursor(Ledger):
    def read_entries(self, config: MockConfig, cursor: int | None) -> Iterator[Any]:
        yield from super().read_entries(config, None)


class IgnoresState(Feed):
    def resume_at(self, state: State | None) -> int:
        return 0


class IgnoresStateForEver(Endless):
    def resume_at(self, state: State | None) -> int:
        return 0


class SkipsOne(Feed):
    def event(self, index: int, row: Any) -> SourceEvent:
        return SourceEvent(stream="feed", data=row, state={"done": index + 2})


class StateBeforeRecords(Feed):
    async def read(
        self, config: MockConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        if self.resume_at(state) == 0:
            yield EventBatch("feed", [], state={"done": len(self.rows)})
            yield EventBatch("feed", list(self.rows), state={"done": len(self.rows)})


class NoState(Feed):
    def event(self, index: int, row: Any) -> SourceEvent:
        return SourceEvent(stream="feed", data=row)


class InventsAfterTheEnd(Feed):
    async def read(
        self, config: MockConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        if state is not None:
            yield SourceEvent(stream="feed", data={"id": 999, "at": 999})
        async for item in super().read(config, catalog, state):
            yield item


class WrongSchema(Feed):
    rows = (*ROWS, {"id": "text", "at": 99})


class ForeignStream(Feed):
    def event(self, index: int, row: Any) -> SourceEvent:
        return SourceEvent(stream="nobody_asked", data=row, state={"done": index + 1})


class FlakyCheck(Feed):
    results = itertools.cycle([True, False])

    async def check(self, config: MockConfig) -> CheckResult:
        return CheckResult.builder().check_if("flaky", lambda: next(self.results)).build()


class CheckReturnsBool(Feed):
    async def check(self, config: MockConfig) -> CheckResult:
        wrong: Any = True
        return wrong  # type: ignore[no-any-return]  # the planted bug


class ForgetsStream(Ledger):
    async def discover(self, config: MockConfig) -> Catalog:
        return Catalog()


class ListsTwice(Feed):
    async def discover(self, config: MockConfig) -> Catalog:
        return Catalog((await super().discover(config)).streams * 2)


class LeaksTask(Feed):
    forgotten: ClassVar[set[asyncio.Task[Any]]] = set()

    async def read(
        self, config: MockConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        self.forgotten.add(asyncio.create_task(asyncio.sleep(3600)))
        async for item in super().read(config, catalog, state):
            yield item


class LeaksThread(Feed):
    release = threading.Event()

    async def open(self, config: MockConfig) -> None:
        threading.Thread(target=self.release.wait, daemon=True, name="forgotten").start()


class SwallowsCancellation(Feed):
    async def read(
        self, config: MockConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        for index in range(self.resume_at(state), len(self.rows)):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            yield self.event(index, self.rows[index])


class ClosesOnce(Feed):
    def __init__(self) -> None:
        self.client: list[str] | None = ["open"]

    async def close(self) -> None:
        if self.client is None:
            raise ConnectorError.internal("closed twice")
        self.client = None


class ClosesOnlyAfterOpen(Feed):
    client: Any = None

    async def open(self, config: MockConfig) -> None:
        self.client = ["open"]

    async def close(self) -> None:
        self.client.clear()


class SaysSink(Feed):
    @classmethod
    def spec(cls) -> ConnectorSpec:
        return spec(ConnectorKind.SINK)


class YieldsTexts(Feed):
    async def read(
        self, config: MockConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        wrong: Any = "a record"
        yield wrong


LATER = "test_what_a_cancelled_reading_left_is_read_later"
SECRET = "test_no_secret_is_shown"
RESUMING = "test_resuming_from_any_state_loses_nothing"
READING = {
    "test_events_belong_to_discovered_streams",
    "test_records_match_their_schema",
    "test_resuming_at_the_end_gives_only_ties",
    "test_resuming_from_any_state_loses_nothing",
}


@pytest.mark.parametrize(
    ("source", "red", "says"),
    [
        (LosesTies, {RESUMING, LATER}, "loses"),
        (IgnoresCursor, {"test_resuming_at_the_end_gives_only_ties"}, "below its cursor"),
        (IgnoresState, {"test_resuming_at_the_end_gives_only_ties"}, "ignores its state"),
        (IgnoresStateForEver, {"test_resuming_at_the_end_gives_only_ties"}, "ignores its state"),
        (SkipsOne, {RESUMING, LATER}, "loses 1"),
        (StateBeforeRecords, {"test_resuming_from_any_state_loses_nothing"}, "loses 30"),
        (
            NoState,
            READING
            - {"test_events_belong_to_discovered_streams", "test_records_match_their_schema"},
            "no state",
        ),
        (InventsAfterTheEnd, {"test_resuming_at_the_end_gives_only_ties"}, "999"),
        (WrongSchema, {"test_records_match_their_schema"}, "/id"),
        (ForeignStream, {"test_events_belong_to_discovered_streams"}, "nobody_asked"),
        (FlakyCheck, {"test_check_gives_the_same_verdict_twice"}, "flaky"),
        (CheckReturnsBool, {"test_check_gives_the_same_verdict_twice", SECRET}, "bool"),
        (ListsTwice, {"test_discover_returns_the_declared_streams"}, "twice"),
        (SwallowsCancellation, {"test_cancelled_reading_leaves_nothing_behind"}, "swallows"),
        (ClosesOnce, {"test_open_and_close_may_be_repeated"}, "closed twice"),
        (ClosesOnlyAfterOpen, {"test_open_and_close_may_be_repeated"}, "NoneType"),
        (SaysSink, {"test_spec_describes_this_connector"}, "sink"),
    ],
)
def test_a_planted_bug_in_a_source_is_found(
    source: type[Source[Any]], red: set[str], says: str
) -> None:
    found = failures(source_contract(source))
    assert set(found) == red
    assert all(says in text for text in found.values()), found


def test_a_forgotten_stream_is_found() -> None:
    found = failures(source_contract(ForgetsStream))
    assert "entries" in found["test_discover_returns_the_declared_streams"]


def test_a_leaked_task_is_found() -> None:
    found = failures(source_contract(LeaksTask))
    assert "sleep" in found["test_cancelled_reading_leaves_nothing_behind"]
    assert "test_closed_reading_leaves_nothing_behind" in found


def test_a_leaked_thread_is_found() -> None:
    try:
        found = failures(source_contract(LeaksThread))
    finally:
        LeaksThread.release.set()
    assert "forgotten" in found["test_open_and_close_may_be_repeated"]


def test_a_source_that_yields_no_events_is_found() -> None:
    found = failures(source_contract(YieldsTexts))
    assert set(found) == READING | {LATER, SECRET}
    assert all("not str" in text for text in found.values())


class Hanging(Feed):
    async def discover(self, config: MockConfig) -> Catalog:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


def test_a_source_that_hangs_is_found() -> None:
    contract = source_contract(Hanging, time_limit_s=0.1)
    found = failures(contract)
    assert "not done within 0.1 s" in found["test_discover_returns_the_declared_streams"]


class Unwritten(Ledger):
    def check_reachable(self, config: MockConfig) -> Any:
        raise HookMissing("check_reachable")

    def read_entries(self, config: MockConfig, cursor: int | None) -> Iterator[Any]:
        raise HookMissing("read_entries")


def test_an_unwritten_hook_is_an_expected_failure_never_a_pass() -> None:
    found = outcomes(source_contract(Unwritten))
    reading = READING | {
        "test_cancelled_reading_leaves_nothing_behind",
        "test_closed_reading_leaves_nothing_behind",
    }
    assert {found[name] for name in reading} == {"xfailed: not written yet: read_entries"}
    assert (
        found["test_check_gives_the_same_verdict_twice"]
        == "xfailed: not written yet: check_reachable"
    )


class NotReplayable(Feed):
    @classmethod
    def spec(cls) -> ConnectorSpec:
        return spec(ConnectorKind.SOURCE, replayable=False)


def test_what_cannot_be_read_again_is_not_resumed() -> None:
    found = outcomes(source_contract(NotReplayable))
    assert found["test_resuming_from_any_state_loses_nothing"] == "skipped"
    assert found["test_resuming_at_the_end_gives_only_ties"] == "skipped"


def test_an_example_that_does_not_parse_is_found() -> None:
    found = failures(source_contract(Feed, examples={"bad": {"unknown": 1}}))
    assert set(found) == {"test_examples_are_accepted"}


def test_at_most_so_many_states_are_tried() -> None:
    tried = 0

    class Counting(Feed):
        def resume_at(self, state: State | None) -> int:
            nonlocal tried
            tried += state is not None
            return super().resume_at(state)

    contract = source_contract(Counting, state_limit=5)
    contract.test_resuming_from_any_state_loses_nothing(CONFIG)
    assert tried == 5


# Sinks


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


def test_a_good_sink_passes_everything() -> None:
    found = outcomes(sink_contract(Shelf))
    assert {name for name, text in found.items() if text != "passed"} == {
        "test_spec_equals_generated_file"
    }


class Miscounts(Shelf):
    async def write_batch(self, config: MockConfig, events: Sequence[SourceEvent]) -> WriteResult:
        result = WriteResult()
        result.add_success(max(0, len(events) - 1))
        return result


class NamesCopies(Shelf):
    async def write_batch(self, config: MockConfig, events: Sequence[SourceEvent]) -> WriteResult:
        return await super().write_batch(config, [copy.copy(event) for event in events])


class NamesOneTwice(Shelf):
    async def write_batch(self, config: MockConfig, events: Sequence[SourceEvent]) -> WriteResult:
        result = await super().write_batch(config, events)
        result.failed_events += result.failed_events[:1]
        return result


class ChokesOnOddRecords(Shelf):
    async def write_batch(self, config: MockConfig, events: Sequence[SourceEvent]) -> WriteResult:
        result = WriteResult()
        for event in events:
            result.add_success(1, len(event.data.keys()))
        return result


class ChokesOnNothing(Shelf):
    async def write_batch(self, config: MockConfig, events: Sequence[SourceEvent]) -> WriteResult:
        if not events:
            raise ConnectorError.internal("nothing to write")
        return await super().write_batch(config, events)


class WritesNothingEver(Shelf):
    def batch_config(self, config: MockConfig) -> BatchConfig:
        return BatchConfig(max_records=0)


class ReturnsCount(Shelf):
    async def write_batch(self, config: MockConfig, events: Sequence[SourceEvent]) -> WriteResult:
        wrong: Any = len(events)
        return wrong  # type: ignore[no-any-return]  # the planted bug

    async def write(self, config: MockConfig, events: AsyncIterator[SourceEvent]) -> WriteResult:
        return await self.write_batch(config, [event async for event in events])


class SinkClosesOnce(Shelf):
    closed = False

    async def close(self) -> None:
        if self.closed:
            raise ConnectorError.internal("closed twice")
        self.closed = True


ACCOUNTED = "test_every_event_is_accounted_for"
NAMED = "test_a_refused_event_is_named"
NOTHING = "test_nothing_to_write_is_fine"


@pytest.mark.parametrize(
    ("sink", "red", "says"),
    [
        (Miscounts, {ACCOUNTED, NAMED}, "do not add up"),
        (NamesCopies, {NAMED}, "not a copy"),
        (NamesOneTwice, {NAMED}, "twice"),
        (ChokesOnOddRecords, {NAMED}, "AttributeError"),
        (ChokesOnNothing, {NOTHING}, "nothing to write"),
        (WritesNothingEver, {"test_batch_limits_are_positive"}, "max_records is 0"),
        (ReturnsCount, {ACCOUNTED, NAMED, NOTHING, SECRET}, "returned int"),
        (SinkClosesOnce, {"test_open_and_close_may_be_repeated"}, "closed twice"),
    ],
)
def test_a_planted_bug_in_a_sink_is_found(sink: type[Sink[Any]], red: set[str], says: str) -> None:
    found = failures(sink_contract(sink))
    assert set(found) == red
    assert all(says in text for text in found.values()), found


class UnwrittenSink(Shelf):
    async def write_batch(self, config: MockConfig, events: Sequence[SourceEvent]) -> WriteResult:
        raise HookMissing("write_batch")


def test_an_unwritten_sink_is_an_expected_failure() -> None:
    found = outcomes(sink_contract(UnwrittenSink))
    assert {found[name] for name in (ACCOUNTED, NAMED, NOTHING)} == {
        "xfailed: not written yet: write_batch"
    }


class RefusesWholeBatch(Shelf):
    async def write_batch(self, config: MockConfig, events: Sequence[SourceEvent]) -> WriteResult:
        if any(not isinstance(event.data, dict) for event in events):
            raise ConnectorError.data("the batch holds a record that is no object")
        return await super().write_batch(config, events)


def test_a_sink_may_refuse_a_batch_without_knowing_which_record() -> None:
    assert failures(sink_contract(RefusesWholeBatch)) == {}


# Transforms


class Upper(Transform[MockConfig]):
    """A good transform."""

    config_type = MockConfig

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return spec(ConnectorKind.TRANSFORM)

    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        if isinstance(event.data, dict) and "name" in event.data:
            event.data["name"] = event.data["name"].upper()
        return event


CASES = [
    {
        "name": "upper",
        "config": {},
        "input": {"stream": "s", "data": {"name": "a", "n": 1}},
        "output": [{"stream": "s", "data": {"n": 1, "name": "A"}}],
    },
    {
        "name": "a change keeps its type",
        "config": {},
        "input": {"event_type": "delete", "data": {"name": "a"}},
        "output": [{"event_type": "delete", "data": {"name": "A"}}],
    },
]


def transform_contract(transform: type[Transform[Any]]) -> TransformContract:
    values = {"connector": transform, "cases": CASES}
    contract: TransformContract = type("TestContract", (TransformContract,), values)()
    return contract


def test_a_good_transform_passes_everything() -> None:
    found = outcomes(transform_contract(Upper))
    assert {name for name, text in found.items() if text != "passed"} == {
        "test_spec_equals_generated_file"
    }


class Shouts(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        super().transform(config, event)
        if isinstance(event.data, dict):
            event.data["name"] = "A!"
        return event


class Drops(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        return None


class ChangesType(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        super().transform(config, event)
        return SourceEvent.record(event.stream, event.data)


class TrueForOne(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        super().transform(config, event)
        if isinstance(event.data, dict) and event.data.get("n") == 1:
            event.data["n"] = True
        return event


class ReturnsDict(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        wrong: Any = event.data
        return wrong  # type: ignore[no-any-return]  # the planted bug


class Counts(Upper):
    number = itertools.count()

    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        if event.stream == "contract_sample" and isinstance(event.data, dict):
            event.data["number"] = next(self.number)
        return super().transform(config, event)


class ReversesBatches(Upper):
    async def transform_batch(
        self, config: MockConfig, events: Sequence[SourceEvent]
    ) -> list[SourceEvent]:
        return (await super().transform_batch(config, events))[::-1]


BY_CASE = "test_every_case_gives_its_output"


@pytest.mark.parametrize(
    ("transform", "red", "says"),
    [
        (Shouts, {BY_CASE}, "'upper': event 0"),
        (Drops, {BY_CASE}, "expected 1 events, got 0"),
        (ChangesType, {BY_CASE}, "delete"),
        (TrueForOne, {BY_CASE}, "true"),
        (
            Counts,
            {
                "test_same_input_gives_same_output",
                "test_batches_give_what_single_events_give",
            },
            "number",
        ),
        (ReversesBatches, {"test_batches_give_what_single_events_give"}, "as a batch"),
    ],
)
def test_a_planted_bug_in_a_transform_is_found(
    transform: type[Transform[Any]], red: set[str], says: str
) -> None:
    found = failures(transform_contract(transform))
    assert set(found) == red
    assert all(says in text for text in found.values()), found


def test_a_transform_that_returns_no_events_is_found() -> None:
    assert "not dict" in failures(transform_contract(ReturnsDict))["test_output_is_events"]


class UnwrittenTransform(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        raise HookMissing("transform")


def test_an_unwritten_transform_is_an_expected_failure() -> None:
    found = outcomes(transform_contract(UnwrittenTransform))
    assert {text for text in found.values() if text.startswith("xfailed")} == {
        "xfailed: not written yet: transform"
    }
    assert found[BY_CASE].startswith("xfailed")


class Fussy(Upper):
    def transform(self, config: MockConfig, event: SourceEvent) -> Transformed:
        event.data["name"] = event.data["name"].upper()
        return event


def test_a_transform_may_raise_about_a_record_that_it_cannot_take() -> None:
    assert failures(transform_contract(Fussy)) == {}
