"""Who watches a run: everything here may be left as it is."""

from __future__ import annotations

import logging

from rivven_connect._redaction import redact
from rivven_connect.pipeline.summary import RunSummary

_log = logging.getLogger("rivven_connect.pipeline")


class Observer:
    """Told of what happens in a run; by default it logs what a person must know."""

    summary: RunSummary | None = None
    """The live counts, once reading has begun."""

    async def ready(self) -> None:
        """Everything is open; reading begins when this returns, or a stop interrupts it."""

    def started(self, summary: RunSummary) -> None:
        """Everything is open and reading begins; `summary` is live from now on."""
        self.summary = summary

    def committed(self, source: str, records: int) -> None:
        """A checkpoint of `source` is durable."""

    def retrying(self, connector: str, error: Exception, delay_ms: float) -> None:
        """`connector` failed in a way that may pass; it is tried again after `delay_ms`."""
        _log.warning("%s: %s; next try in %.0f ms", connector, redact(str(error)), delay_ms)

    def draining(self) -> None:
        """A stop was asked for: nothing more is read, and what was read is delivered."""
        _log.info("stopping: delivering what was read")
