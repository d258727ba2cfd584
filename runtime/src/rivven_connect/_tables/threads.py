"""A thread of its own for a session that blocks, so that the loop never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """Something that is closed."""

    def close(self) -> None:
        """Close it."""


SessionT = TypeVar("SessionT", bound=Closable)
T = TypeVar("T")


class SessionThread(Generic[SessionT]):
    """One session, made and used and closed in one thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: ThreadPoolExecutor | None = None
        self._session: SessionT | None = None

    async def run(self, make: Callable[[], SessionT], work: Callable[[SessionT], T]) -> T:
        """Do some work in the thread; it goes on to its end even if this task is cancelled.

        Raises:
            Exception: what making the session, or the work, raises.
        """
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._work, make, work)

    async def close(self) -> None:
        """Close the session, after what still runs."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                await asyncio.get_running_loop().run_in_executor(thread, self._close_session)
            finally:
                thread.shutdown()

    def _work(self, make: Callable[[], SessionT], work: Callable[[SessionT], T]) -> T:
        if self._session is None:
            self._session = make()
        return work(self._session)

    def _close_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
