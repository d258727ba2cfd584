"""The contract of sources, as tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

import pytest

from rivven_connect._adapters import close_iterator, opened
from rivven_connect._catalog import (
    Catalog,
    ConfiguredCatalog,
    ConfiguredStream,
    SyncMode,
    catalog_from_json,
)
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import Json, JsonObject, decode_json, encode_json
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorKind
from rivven_connect._state import State
from rivven_connect._streams import value_at
from rivven_connect.testing._cancelling import cancel_after
from rivven_connect.testing._contract import (
    Contract,
    contract_test,
    expect,
    expect_no_tasks_but,
    expect_steady_check,
    fail,
)
from rivven_connect.testing._reading import (
    Reading,
    SavedState,
    at_highest,
    evenly,
    incremental_catalog,
    is_of,
    read_bounded,
    some,
    take_item,
)
from rivven_connect.testing._secrecy import listening
from rivven_connect.testing._source_simulation import SourceSimulation
from rivven_connect.testing.assertions import assert_matches_schema, canonical


class SourceContract(SourceSimulation, Contract):
    """What every source keeps; endless sources are read up to `record_limit` and `read_seconds`.

    Override `record_key` where neither primary key nor content says which record an event is.
    """

    kind = ConnectorKind.SOURCE
    connector: ClassVar[type[Source[Any]]]

    record_limit: ClassVar[int] = 1_000
    """Events that one reading takes at most, to the end of a batch."""

    read_seconds: ClassVar[float] = 2
    """Seconds that one reading takes at most."""

    state_limit: ClassVar[int] = 20
    """From how many of the emitted states, evenly spaced, reading is resumed."""

    resume_seconds: ClassVar[float] = 10
    """Seconds after which no further state is tried."""

    @contract_test
    async def test_check_gives_the_same_verdict_twice(self, config: Any) -> None:
        """`check` returns a `CheckResult`, and running it changes nothing that it looks at."""
        await expect_steady_check(self.connector, config)

    @contract_test
    async def test_discover_returns_the_declared_streams(self, config: Any) -> None:
        """`discover` lists each stream once, the declared ones among them."""
        catalog = await self._discover(config)
        names = [stream.full_name() for stream in catalog.streams]
        expect(len(names) == len(set(names)), f"discover() lists a stream twice: {sorted(names)}")
        missing = {spec.full_name() for spec in self.connector.streams} - set(names)
        expect(not missing, f"discover() leaves out declared streams: {sorted(missing)}")
        modeless = [s.full_name() for s in catalog.streams if not s.supported_sync_modes]
        expect(not modeless, f"streams without a sync mode: {modeless}")
        again = catalog_from_json(decode_json(encode_json(catalog)))
        expect(again == catalog, "the catalog changes when it is written as JSON and read again")

    @contract_test
    async def test_events_belong_to_discovered_streams(self, config: Any) -> None:
        """Every event is of a stream that was asked for."""
        catalog, reading = await self._read_all(config)
        known = {(c.stream.name, c.stream.namespace) for c in catalog.streams}
        found = {(event.stream, event.namespace) for event in reading.events}
        expect(
            found <= known, f"events of streams that nobody chose: {sorted(found - known, key=str)}"
        )

    @contract_test
    async def test_records_match_their_schema(self, config: Any) -> None:
        """Every record fits the JSON Schema that `discover` gives for its stream."""
        catalog, reading = await self._read_all(config)
        for chosen in catalog.streams:
            events = [event for event in reading.events if is_of(event, chosen)]
            records = [e.after() for e in events if e.event_type is not EventType.DELETE]
            try:
                assert_matches_schema(records, chosen.stream.json_schema)
            except AssertionError as error:
                fail(f"stream {chosen.stream.full_name()}: {error}")

    @contract_test
    async def test_resuming_from_any_state_loses_nothing(self, config: Any) -> None:
        """What came up to a state, and what a resumed source gives, is everything."""
        self._require_replayable()
        catalog, full = await self._read_all(config)
        self._require_states(catalog, full)
        wanted = self._keys(catalog, full.events)
        deadline = time.monotonic() + self.resume_seconds
        for saved in evenly(full.saved, self.state_limit):
            missing = wanted - self._keys(catalog, full.events[: saved.after])
            resumed = await self._resume(config, catalog, saved, missing)
            lost = missing - self._keys(catalog, resumed.events)
            expect(
                not lost,
                f"resuming from {canonical(saved.states)}, emitted after {saved.after} of "
                f"{len(full.events)} events, loses {len(lost)}: {some(lost)}",
            )
            if time.monotonic() > deadline:
                break

    @contract_test
    async def test_resuming_at_the_end_gives_only_ties(self, config: Any) -> None:
        """A source that resumes does not start over; at most records at the very cursor repeat."""
        self._require_replayable()
        catalog, full = await self._read_all(config)
        self._require_states(catalog, full)
        if not any(c.sync_mode is SyncMode.INCREMENTAL for c in catalog.streams) or not full.saved:
            pytest.skip("no stream is incremental")
        resumed = await self._read(
            config, catalog, full.saved[-1].state(), limit=len(full.events) + self.record_limit
        )
        new = self._keys(catalog, resumed.events) - self._keys(catalog, full.events)
        expect(not (new and full.complete), f"resuming at the end gives new records: {some(new)}")
        for chosen in catalog.streams:
            if chosen.sync_mode is SyncMode.INCREMENTAL:
                self._expect_only_ties(catalog, chosen, full, resumed)

    @contract_test
    async def test_cancelled_reading_leaves_nothing_behind(self, config: Any) -> None:
        """Cancelled before or after its first item, `read` stops, and `close` ends every task."""
        catalog = incremental_catalog(await self._discover(config))
        for first_items in (0, 1):
            known = asyncio.all_tasks()
            async with opened(self.connector(), config) as source:
                items = source.read(config, catalog, None)
                try:
                    await cancel_after(items, first_items, self.read_seconds)
                finally:
                    await close_iterator(items)
            await expect_no_tasks_but(known)

    @contract_test
    async def test_what_a_cancelled_reading_left_is_read_later(self, config: Any) -> None:
        """After a cancelled reading a new source goes on at the last state, and nothing is lost."""
        self._require_replayable()
        catalog, full = await self._read_all(config)
        cancelled = Reading()
        states: dict[str, JsonObject] = {}
        async with opened(self.connector(), config) as source:
            items = source.read(config, catalog, None)
            try:
                await cancel_after(_noted(items, cancelled, states), 1, self.read_seconds)
            finally:
                await close_iterator(items)
        saved = cancelled.saved[-1] if cancelled.saved else SavedState(0, "", {})
        missing = self._keys(catalog, full.events) - self._keys(
            catalog, cancelled.events[: saved.after]
        )
        later = await self._resume(config, catalog, saved, missing)
        lost = missing - self._keys(catalog, later.events)
        expect(not lost, f"after a cancelled reading, resuming loses {len(lost)}: {some(lost)}")

    @contract_test
    async def test_no_secret_is_shown(self, config: Any) -> None:
        """Neither logs nor `check`, `discover`, states and positions hold a secret of the config."""
        with listening(config) as heard:
            async with opened(self.connector(), config) as source:
                for detail in (await source.check(config)).checks:
                    heard.add("the result of check()", detail.message)
                catalog = await source.discover(config)
            heard.add("the catalog", catalog)
            found = await self._read(
                config, incremental_catalog(catalog), None, limit=self.record_limit
            )
            heard.add("a state", [saved.states for saved in found.saved])
            heard.add("an event's envelope", [(e.position, e.metadata) for e in found.events])
            heard.add("the error of an unreadable record", [one.error for one in found.poison])

    @contract_test
    async def test_closed_reading_leaves_nothing_behind(self, config: Any) -> None:
        """An iterator that is closed after its first item leaves no task or thread."""
        catalog = incremental_catalog(await self._discover(config))
        known = asyncio.all_tasks()
        async with opened(self.connector(), config) as source:
            items = source.read(config, catalog, None)
            try:
                async with asyncio.timeout(self.read_seconds) as bound:
                    await anext(items, None)
            except TimeoutError:
                if not bound.expired():
                    raise
            finally:
                await close_iterator(items)
        await expect_no_tasks_but(known)

    def record_key(self, event: SourceEvent, chosen: ConfiguredStream | None) -> Json:
        """Return what names the record of an event: key and cursor, position, or its content."""
        if event.is_cdc and event.position is not None:
            return [event.event_type, event.position]
        record = event.after()
        if chosen is None or not chosen.primary_key or event.is_cdc or not isinstance(record, dict):
            return [event.event_type, event.data]
        cursor = record.get(chosen.cursor_field) if chosen.cursor_field else None
        return [[value_at(record, tuple(path)) for path in chosen.primary_key], cursor]

    async def _discover(self, config: Any) -> Catalog:
        async with opened(self.connector(), config) as source:
            return await source.discover(config)

    async def _read(
        self, config: Any, catalog: ConfiguredCatalog, state: State | None, *, limit: int
    ) -> Reading:
        return await read_bounded(
            self.connector, config, catalog, state, limit=limit, seconds=self.read_seconds
        )

    async def _read_all(self, config: Any) -> tuple[ConfiguredCatalog, Reading]:
        catalog = incremental_catalog(await self._discover(config))
        return catalog, await self._read(config, catalog, None, limit=self.record_limit)

    async def _resume(
        self, config: Any, catalog: ConfiguredCatalog, saved: SavedState, missing: set[str]
    ) -> Reading:
        return await read_bounded(
            self.connector,
            config,
            catalog,
            saved.state(),
            limit=10 * self.record_limit,
            seconds=2 * self.read_seconds,
            enough=lambda events: missing <= self._keys(catalog, events),
        )

    def _keys(self, catalog: ConfiguredCatalog, events: Sequence[SourceEvent]) -> set[str]:
        chosen = {(c.stream.name, c.stream.namespace): c for c in catalog.streams}
        return {
            canonical(
                [e.namespace, e.stream, self.record_key(e, chosen.get((e.stream, e.namespace)))]
            )
            for e in events
        }

    def _require_replayable(self) -> None:
        if not self.connector.spec().replayable:
            pytest.skip("not replayable: a position cannot be read again")

    @staticmethod
    def _require_states(catalog: ConfiguredCatalog, full: Reading) -> None:
        """An incremental stream that came to its end has a state; else the next run starts over."""
        for chosen in catalog.streams:
            name = chosen.stream.full_name()
            read = any(is_of(event, chosen) for event in full.events)
            if full.complete and read and chosen.sync_mode is SyncMode.INCREMENTAL:
                expect(full.covered(name), f"stream {name} is incremental and gives out no state")

    def _expect_only_ties(
        self, catalog: ConfiguredCatalog, chosen: ConfiguredStream, full: Reading, resumed: Reading
    ) -> None:
        name = chosen.stream.full_name()
        covered = [e for e in full.events[: full.covered(name)] if is_of(e, chosen)]
        repeated = self._keys(catalog, [e for e in resumed.events if is_of(e, chosen)])
        before = self._keys(catalog, covered)
        if chosen.cursor_field is not None:
            before -= self._keys(catalog, at_highest(covered, chosen.cursor_field))
            repeated &= before
            expect(
                not repeated, f"stream {name} repeats records below its cursor: {some(repeated)}"
            )
        elif len(before) > 1:
            expect(not before <= repeated, f"stream {name} starts over: it ignores its state")


async def _noted(
    items: AsyncIterator[Any], reading: Reading, states: dict[str, JsonObject]
) -> AsyncIterator[Any]:
    """Yield the items, and enter each into the reading first."""
    async for item in items:
        take_item(reading, states, item)
        yield item
