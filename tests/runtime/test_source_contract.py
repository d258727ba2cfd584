"""The contract class of sources: good ones pass, and each planted bug turns its test red."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import pytest
from contract_kit import (
    CONFIG,
    INCREMENTAL,
    LATER,
    ROWS,
    SCHEMA,
    SECRET,
    Feed,
    failures,
    outcomes,
    source_contract,
    spec,
)

from rivven_connect._batch import EventBatch, Item
from rivven_connect._catalog import Catalog, ConfiguredCatalog
from rivven_connect._checks import CheckResult
from rivven_connect._errors import ConnectorError, HookMissing
from rivven_connect._events import SourceEvent
from rivven_connect._hooks import CheckHook
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._state import State
from rivven_connect._streams import StreamSet, StreamSpec
from rivven_connect.testing import MockConfig, _cancelling, _contract


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_contract, "_SETTLE_S", 0.05)
    monkeypatch.setattr(_cancelling, "CANCEL_S", 0.2)


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
