"""Shows a run: live on a terminal, a log line every few seconds elsewhere."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
from typing import Any

from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.summary import RunSummary

_log = logging.getLogger("rivven_connect.pipeline")

_LOG_EVERY_S = 10.0


def _begin() -> None:
    """Set the collector's policy of a run: what is loaded by now stays, and records die young."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class LogProgress(Observer):
    """Logs counts every few seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def started(self, summary: RunSummary) -> None:
        """Log that reading begins."""
        super().started(summary)
        _begin()
        self._next = time.monotonic() + _LOG_EVERY_S
        _log.info("pipeline %s started", summary.pipeline)

    def committed(self, source: str, records: int) -> None:  # the summary has both
        """Log progress if it is time again."""
        if self.summary is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + _LOG_EVERY_S
            _log.info("progress", extra={"fields": {"summary": self.summary.to_dict()}})

    def close(self) -> None:
        """There is nothing to remove."""


class LiveProgress(Observer):
    """Draws a table on the terminal, ten times a second at most."""

    def __init__(self) -> None:
        self._live: Any = None

    def started(self, summary: RunSummary) -> None:
        """Begin to draw; the drawing thread only reads."""
        from rich.console import Console  # noqa: PLC0415  # only where there is a terminal
        from rich.live import Live  # noqa: PLC0415

        super().started(summary)
        _begin()
        self._live = Live(
            console=Console(stderr=True),
            get_renderable=lambda: _table(summary),
            refresh_per_second=4,
            transient=True,
        )
        self._live.start()

    def close(self) -> None:
        """Remove the table."""
        if self._live is not None:
            self._live.stop()


def _table(summary: RunSummary) -> Any:
    from rich.table import Table  # noqa: PLC0415  # loaded by then

    table = Table(title=f"{summary.pipeline}  {summary.duration_s:.0f} s", title_justify="left")
    for column in ("", "connector", "records", "per second", "dead letters", "retries"):
        table.add_column(column, justify="left" if column in {"", "connector"} else "right")
    for one in summary.connectors():
        done = one.read if one.kind == "source" else one.written
        rate = done / max(summary.duration_s, 0.001)
        numbers = (f"{done:,}", f"{rate:,.0f}", f"{one.dead_letters:,}", f"{one.retries:,}")
        table.add_row(one.kind, one.name, *numbers)
    return table


def is_interactive() -> bool:
    """Whether a person watches stderr, and no other thread but ours will write there."""
    return sys.stderr.isatty() and threading.current_thread() is threading.main_thread()
