"""Batchers: chunks by records, bytes and age."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from rivven_connect._batch import BatchConfig
from rivven_connect._batcher import (
    AsyncBatcher,
    Batcher,
    BatcherConfig,
    Chunk,
    chunk_events,
    partition_events,
)
from rivven_connect._errors import ConnectorError
from rivven_connect._events import SourceEvent
from rivven_connect.testing import events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__(_Jumping(self))
        self.now = 0.0

    def time(self) -> float:
        return self.now


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self._loop.now += timeout
        return super().select(0)


def run(scenario: Callable[[VirtualTimeLoop], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualTimeLoop)
        runner.run(scenario(loop))


def ids(chunk: Chunk | None) -> list[int]:
    return [] if chunk is None else [event.data["id"] for event in chunk.events]


def big(size: int, identifier: int = 0) -> SourceEvent:
    return SourceEvent.record("s", {"id": identifier, "text": "x" * size})


def test_the_config_is_the_batch_config() -> None:
    assert BatcherConfig is BatchConfig
    assert BatcherConfig() == BatchConfig(10_000, 10 * 1024 * 1024, 5_000)


def test_a_chunk_goes_when_its_size_is_reached() -> None:
    batcher = Batcher(BatcherConfig(max_records=2))
    found = [ids(batcher.add(event)) for event in events.records("s", 5)]
    assert found == [[], [0, 1], [], [2, 3], []]
    assert ids(batcher.flush()) == [4]
    assert batcher.flush() is None


def test_a_chunk_goes_before_it_would_exceed_its_bytes() -> None:
    one = big(100).estimated_size()
    batcher = Batcher(BatcherConfig(max_bytes=2 * one))
    found = [ids(batcher.add(big(100, n))) for n in range(3)]
    assert found == [[], [], [0, 1]]
    assert (len(batcher), batcher.bytes) == (1, one)


def test_an_oversize_event_travels_alone() -> None:
    config = BatcherConfig(max_bytes=1_000)
    sizes = [10, 5_000, 10]
    chunks = list(chunk_events([big(size, n) for n, size in enumerate(sizes)], config))
    assert [ids(chunk) for chunk in chunks] == [[0], [1], [2]]


def test_zero_bytes_means_no_limit() -> None:
    config = BatcherConfig(max_bytes=0, max_records=100)
    assert [ids(c) for c in chunk_events([big(9_999, n) for n in range(3)], config)] == [[0, 1, 2]]


def test_total_bytes_is_the_sum_of_the_events() -> None:
    found = events.records("s", 3)
    (chunk,) = chunk_events(found, BatcherConfig())
    assert chunk.total_bytes == sum(event.estimated_size() for event in found)
    assert len(chunk) == 3


def test_age_counts_from_the_first_event() -> None:
    now = [0.0]
    batcher = Batcher(BatcherConfig(max_wait_ms=5_000), clock=lambda: now[0])
    assert (batcher.time_until_flush(), batcher.should_flush()) == (None, False)
    now[0] = 10
    batcher.add(big(1))
    now[0] = 12
    batcher.add(big(1))
    assert batcher.time_until_flush() == 3
    now[0] = 99
    assert (batcher.time_until_flush(), batcher.should_flush()) == (0, True)


def test_partition_keeps_order_inside_and_between_keys() -> None:
    found = partition_events(events.records("s", 5), lambda event: event.data["id"] % 2 == 0)
    assert {key: [e.data["id"] for e in part] for key, part in found.items()} == {
        True: [0, 2, 4],
        False: [1, 3],
    }
    assert list(found) == [True, False]


def test_the_timer_fires_without_another_event() -> None:
    """Regression: the original looks at the clock only when an event arrives."""

    async def scenario(loop: VirtualTimeLoop) -> None:
        delivered: asyncio.Queue[tuple[float, list[int]]] = asyncio.Queue()

        async def deliver(chunk: Chunk) -> None:
            delivered.put_nowait((round(loop.time(), 6), ids(chunk)))

        async with AsyncBatcher(BatcherConfig(max_wait_ms=5_000), deliver) as batcher:
            await batcher.add(big(1, 1))
            assert await delivered.get() == (5, [1])
            await asyncio.sleep(2)
            await batcher.add(big(1, 2))
            assert await delivered.get() == (12, [2])

    run(scenario)


def test_a_chunk_that_is_full_takes_the_timer_of_its_time_along() -> None:
    async def scenario(loop: VirtualTimeLoop) -> None:
        delivered: list[tuple[float, list[int]]] = []

        async def deliver(chunk: Chunk) -> None:
            delivered.append((round(loop.time(), 6), ids(chunk)))

        config = BatcherConfig(max_records=2, max_wait_ms=5_000)
        async with AsyncBatcher(config, deliver) as batcher:
            await batcher.add(big(1, 1))
            await asyncio.sleep(4)
            await batcher.add(big(1, 2))
            await batcher.add(big(1, 3))
            await asyncio.sleep(20)
        assert delivered == [(4, [1, 2]), (9, [3])]

    run(scenario)


def test_leaving_the_block_delivers_the_rest() -> None:
    async def scenario(_loop: VirtualTimeLoop) -> None:
        delivered: list[list[int]] = []

        async def deliver(chunk: Chunk) -> None:
            delivered.append(ids(chunk))

        async with AsyncBatcher(None, deliver) as batcher:
            await batcher.add(big(1, 1))
            await batcher.flush()
            await batcher.add(big(1, 2))
            assert len(batcher) == 1
        assert delivered == [[1], [2]]

    run(scenario)


def test_an_exception_in_the_block_delivers_nothing_more() -> None:
    delivered: list[list[int]] = []

    async def scenario(_loop: VirtualTimeLoop) -> None:
        async def deliver(chunk: Chunk) -> None:
            delivered.append(ids(chunk))

        async with AsyncBatcher(None, deliver) as batcher:
            await batcher.add(big(1, 1))
            raise KeyError("author's bug")

    with pytest.raises(KeyError):
        run(scenario)
    assert delivered == []


def test_a_failed_delivery_by_the_timer_surfaces_at_the_next_call() -> None:
    async def scenario(_loop: VirtualTimeLoop) -> None:
        async def deliver(_chunk: Chunk) -> None:
            raise ConnectorError.connection("down")

        async with AsyncBatcher(BatcherConfig(max_wait_ms=1_000), deliver) as batcher:
            await batcher.add(big(1))
            await asyncio.sleep(2)
            await batcher.add(big(1))
            pytest.fail("the failed delivery is hidden")

    with pytest.raises(ConnectorError, match="down"):
        run(scenario)


def test_a_failed_delivery_surfaces_when_the_block_ends() -> None:
    async def scenario(_loop: VirtualTimeLoop) -> None:
        async def deliver(_chunk: Chunk) -> None:
            raise ConnectorError.connection("down")

        async with AsyncBatcher(BatcherConfig(max_wait_ms=1_000), deliver) as batcher:
            await batcher.add(big(1))
            await asyncio.sleep(2)

    with pytest.raises(ConnectorError, match="down"):
        run(scenario)


def test_deliveries_never_overlap_and_keep_order() -> None:
    async def scenario(_loop: VirtualTimeLoop) -> None:
        delivered: list[int] = []
        running = 0

        async def deliver(chunk: Chunk) -> None:
            nonlocal running
            running += 1
            assert running == 1
            await asyncio.sleep(3)
            delivered.extend(ids(chunk))
            running -= 1

        config = BatcherConfig(max_records=3, max_wait_ms=1_000)
        async with AsyncBatcher(config, deliver) as batcher:
            for number in range(20):
                await batcher.add(big(1, number))
                await asyncio.sleep(0.4)
        assert delivered == list(range(20))

    run(scenario)


def test_no_task_is_left_after_cancellation() -> None:
    async def scenario(_loop: VirtualTimeLoop) -> None:
        async def deliver(_chunk: Chunk) -> None: ...

        async def work() -> None:
            async with AsyncBatcher(None, deliver) as batcher:
                await batcher.add(big(1))
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scenario)
