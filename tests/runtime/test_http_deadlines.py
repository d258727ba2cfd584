"""Deadlines of requests: they hold as `asyncio.timeout` does, with one timer for many."""

from __future__ import annotations

import asyncio

import pytest
from http_kit import raw, serve

from rivven_connect import RetryableError
from rivven_connect.http import HttpClient, HttpLimits
from rivven_connect.http._deadlines import Deadlines


def now() -> float:
    return asyncio.get_running_loop().time()


async def wait(deadlines: Deadlines, seconds: float) -> float:
    """Wait for ever; return how long that was."""
    begin = now()
    with pytest.raises(TimeoutError), deadlines.until(begin + seconds):
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    return now() - begin


async def test_each_wait_ends_at_its_own_deadline() -> None:
    deadlines = Deadlines()
    seconds = [0.3, 0.02, 0.1, 0.1]
    found = await asyncio.gather(*(wait(deadlines, one) for one in seconds))
    for wanted, taken in zip(seconds, found, strict=True):
        assert wanted - 0.01 <= taken < wanted + 0.2
    assert found[1] < found[2] < found[0]
    assert await wait(deadlines, 0.02) < 0.2  # after all others


async def test_what_ends_in_time_is_left_alone() -> None:
    deadlines = Deadlines()
    with deadlines.until(now() + 0.02):
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    with deadlines.until(now() + 60):
        with pytest.raises(KeyError), deadlines.until(now() + 60):
            raise KeyError
        await asyncio.sleep(0)
    deadlines.close()


async def test_a_deadline_that_has_passed_ends_the_next_wait() -> None:
    assert await wait(Deadlines(), -1) < 0.2


async def test_many_waits_take_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []
    real = loop.call_at

    def call_at(*arguments: object) -> asyncio.TimerHandle:
        timers.append(real(*arguments))  # type: ignore[arg-type]  # as they came
        return timers[-1]

    monkeypatch.setattr(loop, "call_at", call_at)
    deadlines = Deadlines()
    for _ in range(100):
        with deadlines.until(now() + 60):
            pass
    assert len(timers) == 1
    deadlines.close()
    assert timers[0].cancelled()


async def test_a_cancellation_from_outside_is_no_timeout() -> None:
    deadlines = Deadlines()

    async def work(seconds: float) -> None:
        with deadlines.until(now() + seconds):
            await asyncio.Event().wait()

    async with asyncio.timeout(5):
        for seconds, is_late in ((60, False), (0, True)):
            task = asyncio.create_task(work(seconds))
            await asyncio.sleep(0)
            if is_late:  # both in the same turn of the loop
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    deadlines.close()


@pytest.mark.parametrize(("silence_ms", "total_ms"), [(100, 30_000), (30_000, 100)])
async def test_silence_ends_at_the_shorter_of_two_limits(silence_ms: int, total_ms: int) -> None:
    limits = HttpLimits(read_timeout_ms=silence_ms, total_timeout_ms=total_ms)
    with serve(raw(b"", then="wait")) as server:
        async with HttpClient(server.url, limits=limits) as client:
            begin = now()
            with pytest.raises(RetryableError, match="no whole answer in time"):
                await client.request("GET")
            with pytest.raises(RetryableError, match="no whole answer in time"):
                await client.request("GET", timeout_ms=29_000 if silence_ms < total_ms else 100)
            assert now() - begin < 10
