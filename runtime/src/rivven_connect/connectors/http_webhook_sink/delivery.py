"""The requests of one write, as many at once as may be, until each record has its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterator, Sequence

import msgspec

from rivven_connect import ConnectorError, RecordError, RetryableError, SourceEvent
from rivven_connect.connectors.http_webhook_sink._generated import HttpWebhookSinkConfig
from rivven_connect.connectors.http_webhook_sink.outcomes import Outcomes
from rivven_connect.connectors.http_webhook_sink.payload import Arrays, Records, idempotency_key
from rivven_connect.connectors.http_webhook_sink.sending import Sender
from rivven_connect.connectors.http_webhook_sink.waves import Places, plan_waves


class Load(msgspec.Struct, kw_only=True, eq=False):
    """Records that are ready to be sent, as columns."""

    places: Sequence[int]
    """Where each stood in the write."""
    records: Arrays | Records
    urls: Sequence[str] | None = None
    """Where each goes; None where all go to the one URL."""
    keys: Sequence[Hashable] | None = None
    """What each is about; None where nothing is known, or it does not matter."""
    events: Sequence[SourceEvent] = ()
    """What they were made of, where a request needs to know."""


class Delivery:
    """Sends one load."""

    def __init__(
        self, config: HttpWebhookSinkConfig, sender: Sender, load: Load, outcomes: Outcomes
    ) -> None:
        self._config = config
        self._sender = sender
        self._load = load
        self._outcomes = outcomes
        self._is_over = False

    async def run(self) -> None:
        """Send everything; what may not be sent, because of what has failed, is postponed as well.

        Raises:
            FatalError: the receiver refuses every request. What was under way has come to its end.
        """
        load, config = self._load, self._config
        waves = plan_waves(load.urls, load.keys, len(load.records), batch_size=config.batch_size)
        for wave in waves:
            waiting = iter(wave)
            if len(wave) == 1:
                await self._work(waiting)
                continue
            workers = [self._work(waiting) for _ in wave[: config.max_concurrency]]
            for failure in await asyncio.gather(*workers, return_exceptions=True):
                if failure is not None:
                    raise failure

    async def _work(self, waiting: Iterator[Places]) -> None:
        """Send one request after the other."""
        try:
            for request in waiting:
                if self._is_over:
                    return
                await self._post_or_postpone(request)
        except ConnectorError:
            self._is_over = True
            raise

    async def _post_or_postpone(self, request: Places) -> None:
        if self._outcomes.is_blocked:
            self._postpone(request, self._outcomes.reason)
            return
        try:
            size = await self._post(request)
        except RetryableError as error:
            self._postpone(request, error)
        except RecordError as error:
            if len(request) == 1:
                self._outcomes.refused(self._load.places[request[0]], error.message)
                return
            # Which of them is at fault, only the receiver knows.
            middle = len(request) // 2
            await self._post_or_postpone(request[:middle])
            await self._post_or_postpone(request[middle:])
        else:
            self._outcomes.written(len(request), size)

    async def _post(self, request: Places) -> int:
        """Send one request; return how many bytes it took."""
        load, config = self._load, self._config
        url = load.urls[request[0]] if load.urls is not None else ""
        headers = {}
        if config.idempotency_header:
            key = idempotency_key([load.events[place] for place in request])
            if key is not None:
                headers[config.idempotency_header] = key
        return await self._sender.send(url, load.records.body(request), headers)

    def _postpone(self, request: Places, error: RetryableError) -> None:
        self._outcomes.postponed([self._load.places[place] for place in request], error)
