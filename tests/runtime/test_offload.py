"""Where blocking calls are made: in the loop while they are short there, else in a thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable

import pytest

from rivven_connect._offload import SHORT_S, Offload


class Disk:
    """Calls that take as long as they are told, by the clock that the loop asks."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, in_loop: float, in_thread: float
    ) -> None:
        self._takes = {True: in_loop, False: in_thread}
        self._now = 0.0
        self.in_loop: list[bool] = []
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self._now)

    def call(self) -> int:
        """Say how many calls there have been."""
        is_loop = threading.current_thread() is threading.main_thread()
        self._now += self._takes[is_loop]
        self.in_loop.append(is_loop)
        return len(self.in_loop)


@pytest.fixture
def make_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Disk]:
    """Return a maker of disks for the running loop."""
    return lambda in_loop, in_thread: Disk(monkeypatch, in_loop=in_loop, in_thread=in_thread)


async def _run(disk: Disk, calls: int) -> None:
    offload = Offload()
    assert [await offload.run(disk.call) for _ in range(calls)] == list(range(1, calls + 1))


async def test_what_waits_for_the_interpreter_in_a_thread_and_is_short_itself_is_made_in_the_loop(
    make_disk: Callable[..., Disk],
) -> None:
    """Beside a busy loop a commit of 1 ms takes 20 in a thread, and costs several times as much."""
    disk = make_disk(in_loop=0.001, in_thread=0.020)
    await _run(disk, 100)
    assert disk.in_loop == [False] + [True] * 99


async def test_a_slow_disk_seldom_holds_up_the_loop(make_disk: Callable[..., Disk]) -> None:
    disk = make_disk(in_loop=0.020, in_thread=0.020)
    await _run(disk, 1000)
    assert 1 <= disk.in_loop.count(True) <= 10
    assert True not in disk.in_loop[-200:-100]


async def test_a_very_slow_disk_never_does(make_disk: Callable[..., Disk]) -> None:
    disk = make_disk(in_loop=0.5, in_thread=0.5)
    await _run(disk, 1000)
    assert True not in disk.in_loop


async def test_a_disk_that_becomes_fast_is_found_out(make_disk: Callable[..., Disk]) -> None:
    disk = make_disk(in_loop=0.020, in_thread=0.020)
    offload = Offload()
    for _ in range(100):
        await offload.run(disk.call)
    disk._takes = {True: 0.0005, False: 0.020}
    for _ in range(300):
        await offload.run(disk.call)
    assert all(disk.in_loop[-100:])


async def test_one_slow_call_is_followed_by_a_few_in_the_thread(
    make_disk: Callable[..., Disk],
) -> None:
    disk = make_disk(in_loop=0.0005, in_thread=0.0005)
    offload = Offload()
    for number in range(40):
        disk._takes[True] = 0.050 if number == 10 else 0.0005
        await offload.run(disk.call)
    assert disk.in_loop == [False] + [True] * 10 + [False] * 4 + [True] * 25


async def test_no_call_is_made_beside_one_in_the_thread() -> None:
    """They may share a connection: a call whose turn is in the loop goes behind it instead."""
    order: list[str] = []
    may_end = threading.Event()

    def slow() -> None:
        may_end.wait(5)
        order.append("slow")

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        offload = Offload(executor)
        await offload.run(lambda: None)
        await offload.run(lambda: time.sleep(2 * SHORT_S))
        for _ in range(3):
            await offload.run(lambda: None)
        last_of_stint = asyncio.ensure_future(offload.run(slow))
        await asyncio.sleep(0)
        behind = asyncio.ensure_future(offload.run(lambda: order.append("behind")))
        await asyncio.sleep(0.01)
        assert order == []
        may_end.set()
        await asyncio.gather(last_of_stint, behind)
    assert order == ["slow", "behind"]


async def test_errors_arrive_from_either_place() -> None:
    offload = Offload()

    def fail() -> None:
        raise OSError("no")

    for _ in range(3):
        with pytest.raises(OSError, match="no"):
            await offload.run(fail)
