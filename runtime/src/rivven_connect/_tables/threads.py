"""A thread of its own for a session that blocks, so that the loop never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from rivven_connect._batch import Batch
from rivven_connect._offload import finish_in_thread
from rivven_connect._sink import WriteResult
from rivven_connect._tables.session import TableSession

SessionT = TypeVar("SessionT", bound=TableSession[Any])
T = TypeVar("T")


class SessionThread(Generic[SessionT]):
    """One session, made and used and closed in one thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: ThreadPoolExecutor | None = None
        self._session: SessionT | None = None
        self._unanswered: tuple[str, str, int] | None = None
        self._committed: tuple[str, str, int] | None = None

    async def run(self, make: Callable[[], SessionT], work: Callable[[SessionT], T]) -> T:
        """Do some work in the thread; it goes on to its end even if this task is cancelled.

        Raises:
            Exception: what making the session, or the work, raises.
        """
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._work, make, work)

    async def write_transaction(self, make: Callable[[], SessionT], batch: Batch) -> WriteResult:
        """Write a transaction; given again because its answer was lost, it is not written twice.

        Raises:
            Exception: what making the session, or the work, raises.
        """
        place = (batch.pipeline, batch.sink, batch.epoch)
        may_be_done = self._unanswered == place != self._committed
        self._unanswered = place
        result = await self.run(
            make, lambda session: session.write_transaction(batch, may_be_done=may_be_done)
        )
        self._unanswered = None
        if not result.has_failures():
            self._committed = place
        return result

    async def close(self) -> None:
        """Close the session, after what still runs."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                await finish_in_thread(self._close_session, thread)
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
