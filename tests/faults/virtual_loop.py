"""An event loop whose clock jumps: hours of timers in milliseconds, the same each time.

`time()` is a number that moves to the next timer when nothing else is ready. What goes to an executor
runs in this thread, a random while later, in the order in which it was given. Nothing else about
asyncio is changed: callbacks run in their order, and chance comes in through delays.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SLOWEST_CALL_S = 0.05
"""Most virtual seconds that an executor takes for a call."""


class Crashed(Exception):
    """The loop was left in the middle of its work, as by SIGKILL."""


class Stuck(Exception):
    """Nothing is ready and no timer runs: the program would wait for ever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own; it must not wait for sockets, pipes or threads."""

    def __init__(self, seed: int) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self))
        self._chance = random.Random(seed)
        self._free_at: dict[object, float] = {}
        self._pending: list[asyncio.TimerHandle] = []
        self.is_dead = False
        """Whether `crash` was called: nothing that was begun has an effect any more."""

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._now

    def skip(self, seconds: float) -> None:
        """Move the clock."""
        self._now += seconds

    def crash(self) -> None:
        """Stop at once. Of the calls in executors, some come to their end and some do not."""
        waiting = sorted(one for one in self._pending if not one.cancelled())
        for handle in waiting[: self._chance.randint(0, len(waiting))]:
            handle._run()
        self.is_dead = True
        self.stop()

    def run_in_executor(
        self, executor: Any, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run a call here, a random while later; calls to one executor do not overtake."""
        future: asyncio.Future[T] = self.create_future()
        if self.is_dead:
            future.cancel()
            return future
        begun = max(self.time(), self._free_at.get(executor, 0.0))
        at = begun + self._chance.uniform(1e-6, SLOWEST_CALL_S)
        # The default executor has many threads; any other stands for one.
        if executor is not None:
            self._free_at[executor] = at
        handle = self.call_at(at, self._call, future, func, args)
        self._pending.append(handle)
        self._pending = [one for one in self._pending if one.when() >= self.time()]
        return future

    def _call(
        self, future: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        if self.is_dead or future.done():
            return
        try:
            value = func(*args)
        except Exception as error:  # noqa: BLE001  # it belongs to whoever waits for the call
            future.set_exception(error)
        else:
            future.set_result(value)

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector that would have to be woken."""


class _Jumping(selectors.SelectSelector):
    """Instead of waiting, moves the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck
        self._loop.skip(max(0.0, timeout))
        return []


def run(
    coroutine: Coroutine[Any, Any, T],
    seed: int,
    *,
    crash_after: float | None = None,
    at: Mapping[float, Callable[[], object]] | None = None,
) -> T:
    """Run a coroutine to its end in a virtual loop, with chance seeded; return its value.

    Args:
        coroutine: what to run.
        seed: of `random`, and of how long executors take.
        crash_after: virtual seconds after which the loop is left as by SIGKILL.
        at: what to call when, in virtual seconds.

    Raises:
        Crashed: `crash_after` has passed.
        Stuck: the coroutine waits for what never comes.
        AssertionError: it has ended and left tasks behind.
    """
    known = random.getstate()
    random.seed(seed)
    loop = VirtualLoop(seed)
    asyncio.set_event_loop(loop)
    try:
        return _run(loop, coroutine, crash_after, at or {})
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
        random.setstate(known)


def _run(
    loop: VirtualLoop,
    coroutine: Coroutine[Any, Any, T],
    crash_after: float | None,
    at: Mapping[float, Callable[[], object]],
) -> T:
    main = loop.create_task(coroutine, name="main")
    main.add_done_callback(_stop)
    timers = [loop.call_later(when, call) for when, call in at.items()]
    if crash_after is not None:
        timers.append(loop.call_later(crash_after, loop.crash))
    try:
        loop.run_forever()
    except Stuck as error:
        main.remove_done_callback(_stop)
        report = [_where(task) for task in asyncio.all_tasks(loop)]
        loop.is_dead = True
        _bury(loop)
        raise Stuck("; ".join(report)) from error
    main.remove_done_callback(_stop)
    for timer in timers:
        timer.cancel()
    if loop.is_dead:
        _bury(loop)
        raise Crashed
    left = [_where(task) for task in asyncio.all_tasks(loop)]
    if left:
        _bury(loop)
        raise AssertionError(f"tasks were left behind: {left}")
    return main.result()


def _stop(task: asyncio.Task[Any]) -> None:
    task.get_loop().stop()


def _bury(loop: VirtualLoop) -> None:
    """End the tasks of a dead loop, so that nothing of them is left for the next test."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


def _where(task: asyncio.Task[Any]) -> str:
    frames = task.get_stack(limit=1)
    place = f"{frames[-1].f_code.co_qualname}:{frames[-1].f_lineno}" if frames else "nowhere"
    return f"{task.get_name()} in {place}"
