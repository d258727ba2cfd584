"""Reading a source as the runner does: what may pass is tried again from the last state."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from rivven_connect._adapters import close_iterator, opened
from rivven_connect._cancellation import connector_call
from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._errors import ConnectorError, HookMissing, RivvenError
from rivven_connect._events import SourceEvent
from rivven_connect._failures import classify
from rivven_connect._json import JsonObject, decode_json, encode_json
from rivven_connect._retry import RetryConfig, RetryGuard, Sleep
from rivven_connect._source import Source
from rivven_connect._state import State
from rivven_connect.testing._reading import Reading, take_item

QUICK_RETRIES = RetryConfig(max_retries=3, initial_backoff_ms=1, max_backoff_ms=10)
"""As many tries as the runner has without settings, and pauses that only the other side asks for."""


def may_pass(guard: RetryGuard, error: Exception) -> ConnectorError | None:
    """Return the error as one of ours if the runner tries again after it, else None."""
    failure = classify(error)
    if isinstance(failure, ConnectorError) and guard.should_retry(failure):
        return failure
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a source gave, over all tries, and the error that ended it."""

    reading: Reading
    failure: RivvenError | None
    hangs: bool = False
    """Whether it neither ended nor failed in time."""


class PatientReader:
    """Reads a source to its end, or to an error that the runner would stop at.

    A source without an end is read on for `patience_s` once it has given `enough`; in any case for
    no longer than `seconds`.
    """

    def __init__(
        self,
        connector: type[Source[Any]],
        config: Any,
        catalog: ConfiguredCatalog,
        *,
        sleep: Sleep,
        enough: Callable[[Sequence[SourceEvent]], bool],
        patience_s: float,
        seconds: float,
    ) -> None:
        self._connector = connector
        self._config = config
        self._catalog = catalog
        self._sleep = sleep
        self._enough = enough
        self._patience_s = patience_s
        self._seconds = seconds
        self._states: dict[str, JsonObject] = {}
        self._reading = Reading()
        self._guard = RetryGuard(QUICK_RETRIES)

    async def read(self) -> Outcome:
        """Return what the source gave, and what ended it.

        Raises:
            HookMissing: a hook has not been written.
        """
        try:
            async with asyncio.timeout(self._seconds) as bound:
                failure = await self._sessions()
        except TimeoutError:
            if not bound.expired():
                raise
            late = ConnectorError.timeout(f"read() has not ended after {self._seconds:g} s")
            return Outcome(self._reading, late, hangs=True)
        return Outcome(self._reading, failure)

    async def _sessions(self) -> RivvenError | None:
        while True:
            known = encode_json(self._states)
            try:
                await self._session()
            except HookMissing:
                raise
            except Exception as error:  # noqa: BLE001  # the runner's edge: `may_pass` decides
                # A source that delivers the same again and fails again gets no further.
                if encode_json(self._states) != known:
                    self._guard.reset()
                passing = may_pass(self._guard, error)
                if passing is None:
                    return classify(error)
                await self._sleep(self._guard.record_attempt(passing) / 1000)
            else:
                return None

    async def _session(self) -> None:
        """Read with a new instance, from the states that were given out."""
        saved = decode_json(encode_json(self._states))
        state = State.from_json(saved) if saved else None
        async with opened(self._connector(), self._config) as source:
            items = source.read(self._config, self._catalog, state)
            try:
                with connector_call("read"):
                    await self._take_all(items)
            finally:
                await close_iterator(items)

    async def _take_all(self, items: AsyncIterator[Any]) -> None:
        try:
            async with asyncio.timeout(None) as bound:
                async for item in items:
                    take_item(self._reading, self._states, item)
                    if bound.when() is None and self._enough(self._reading.events):
                        bound.reschedule(asyncio.get_running_loop().time() + self._patience_s)
            self._reading.complete = True
        except TimeoutError:
            if not bound.expired():
                raise
