"""Where blocking calls are made: in the loop while they are short there, else in a thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import threading

import pytest

from rivven_connect._offload import Offload


class Disk:
    """Calls that take as long as they are told, by the clock that the loop asks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.in_loop = self.in_thread = 0.0
        """Seconds that the next call takes there."""
        self.now = 0.0
        self.places: list[bool] = []
        """Of each call, whether it was made in the loop."""
        self.blocked = 0.0
        """Seconds that calls have kept the loop to themselves."""
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)

    def call(self) -> int:
        """Say how many calls there have been."""
        is_loop = threading.current_thread() is threading.main_thread()
        taken = self.in_loop if is_loop else self.in_thread
        self.now += taken
        self.blocked += taken * is_loop
        self.places.append(is_loop)
        return len(self.places)

    async def work(self, offload: Offload, calls: int, *, between: float = 0.005) -> None:
        """Make calls, with other work of the loop between them."""
        for _ in range(calls):
            assert await offload.run(self.call) == len(self.places)
            self.now += between


async def test_what_is_short_in_the_loop_is_made_there_however_long_it_takes_in_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beside a busy loop a commit of 1 ms takes 20 in a thread, and costs several times as much."""
    disk = Disk(monkeypatch)
    disk.in_loop, disk.in_thread = 0.001, 0.020
    await disk.work(Offload(), 500)
    assert disk.places == [False] + [True] * 499


async def test_a_slow_disk_hardly_holds_up_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    disk.in_loop = disk.in_thread = 0.020
    await disk.work(Offload(), 1000)
    assert any(disk.places)
    assert disk.blocked < 0.015 * disk.now


async def test_one_slow_call_is_followed_by_few_in_the_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = Disk(monkeypatch)
    disk.in_loop = disk.in_thread = 0.001
    offload = Offload()
    await disk.work(offload, 100)
    disk.in_loop = 0.010
    await disk.work(offload, 1)
    disk.in_loop = 0.001
    await disk.work(offload, 100)
    assert 10 < disk.places[100:].count(False) < 30
    assert all(disk.places[-70:])


async def test_a_very_slow_disk_never_does(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    disk.in_loop = disk.in_thread = 0.5
    await disk.work(Offload(), 1000)
    assert not any(disk.places)


async def test_a_quick_disk_that_sometimes_stalls_hardly_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = Disk(monkeypatch)
    offload = Offload()
    for number in range(5000):
        disk.in_loop = disk.in_thread = 0.0005 if number % 10 else 0.4
        await disk.work(offload, 1)
    assert disk.blocked < 0.015 * disk.now


async def test_a_disk_that_becomes_quick_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    offload = Offload()
    disk.in_loop = disk.in_thread = 0.020
    await disk.work(offload, 100)
    disk.in_loop = 0.0005
    await disk.work(offload, 200)
    assert all(disk.places[-100:])


async def test_calls_of_all_kinds_share_a_part_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six sinks whose disk takes 2 ms each would leave the loop no time for anything else."""
    disk = Disk(monkeypatch)
    disk.in_loop, disk.in_thread = 0.002, 0.0
    offloads = [Offload() for _ in range(6)]
    for _ in range(500):
        for offload in offloads:
            await disk.work(offload, 1, between=0.001)
    assert 0.25 * disk.now < disk.blocked < 0.4 * disk.now


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
        offload._away_until = math.inf
        first = asyncio.ensure_future(offload.run(slow))
        await asyncio.sleep(0)
        offload._away_until = -math.inf
        behind = asyncio.ensure_future(offload.run(lambda: order.append("behind")))
        await asyncio.sleep(0.01)
        assert order == []
        may_end.set()
        await asyncio.gather(first, behind)
    assert order == ["slow", "behind"]


async def test_errors_arrive_from_either_place() -> None:
    offload = Offload()

    def fail() -> None:
        raise OSError("no")

    for _ in range(3):
        with pytest.raises(OSError, match="no"):
            await offload.run(fail)
