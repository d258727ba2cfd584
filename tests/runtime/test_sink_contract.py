"""The contract class of sinks: good ones pass, and each planted bug turns its test red."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from contract_kit import SECRET, Shelf, failures, outcomes, sink_contract

from rivven_connect._batch import BatchConfig
from rivven_connect._errors import ConnectorError, HookMissing
from rivven_connect._events import SourceEvent
from rivven_connect._sink import Sink, WriteResult
from rivven_connect.testing import MockConfig


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
