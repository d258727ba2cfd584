"""Shows a run: live on a terminal, a log line every few seconds elsewhere."""

from __future__ import annotations

import abc
import collections
import contextlib
import ctypes
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from rivven_connect._problems import escape_text
from rivven_connect._redaction import redact
from rivven_connect.pipeline.monitoring import RunState
from rivven_connect.pipeline.summary import ConnectorCounts, Gauges

_log = logging.getLogger("rivven_connect.pipeline")

LOG_EVERY_S = 10.0
_REFRESHES_PER_SECOND = 4
_RATE_OVER_S = 5


_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES = -3, 512 * 1024
_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES = -1, 2 * 1024 * 1024


def collect_seldom() -> None:
    """Let garbage collections be few: what is loaded stays, and records die by themselves."""
    gc.set_threshold(50_000, 20, 50)


def settle_memory() -> None:
    """Set the policy of what is read: what is there by now stays, and freed pieces go back.

    Nothing is collected first: that costs as much as all that a short run does, and finds next to
    nothing.

    glibc gives a large block pages of its own, until one of that size is freed: from then on it
    takes it from the heap, which is left with holes (mallopt(3), M_MMAP_THRESHOLD). Pieces are such
    blocks, so the threshold is set to stay; and the heap is not cut back for every batch, to grow
    again with the next one. Other C libraries have no such call.
    """
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
        set_option(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)


class Progress(abc.ABC):
    """Shows what a run does, from a thread of its own that only reads."""

    def started(self) -> None:
        """Reading begins."""
        settle_memory()

    @abc.abstractmethod
    def showing(self, state: RunState) -> contextlib.AbstractContextManager[None]:
        """Show `state` while the block runs."""


class LogProgress(Progress):
    """Logs counts and rates every ten seconds."""

    def __init__(self, every_s: float = LOG_EVERY_S) -> None:
        self._every_s = every_s
        self._state: RunState | None = None

    def started(self) -> None:
        """Log that reading begins."""
        super().started()
        if self._state is not None:
            _log.info("pipeline %s started", self._state.live().pipeline)

    @contextlib.contextmanager
    def showing(self, state: RunState) -> Iterator[None]:
        """Log how `state` is while the block runs."""
        self._state = state
        ended = threading.Event()
        thread = threading.Thread(
            target=self._log, args=(state, ended), name="progress", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _log(self, state: RunState, ended: threading.Event) -> None:
        rates = Rates(samples=2)
        rates.sample(state)
        while not ended.wait(self._every_s):
            rates.sample(state)
            shown = [
                f"{one.name} {done(one):,} ({rates.per_second(one):,.0f}/s)"
                for one, _ in state.connectors()
            ]
            from rivven_connect.pipeline.health import health_body  # noqa: PLC0415  # not at once

            _log.info("progress: %s", ", ".join(shown), extra={"fields": health_body(state)})


class LiveProgress(Progress):
    """Draws a table on the terminal, four times a second."""

    @contextlib.contextmanager
    def showing(self, state: RunState) -> Iterator[None]:
        """Draw `state` while the block runs, then remove the table."""
        from rich.console import Console  # noqa: PLC0415  # only where there is a terminal
        from rich.live import Live  # noqa: PLC0415

        rates = Rates(samples=_RATE_OVER_S * _REFRESHES_PER_SECOND)
        with Live(
            console=Console(stderr=True),
            get_renderable=lambda: table(state, rates),
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
        ):
            yield


class Rates:
    """Records per second of each connector, between the oldest and the newest of some samples."""

    def __init__(self, *, samples: int) -> None:
        self._samples: collections.deque[tuple[float, dict[tuple[str, str], int]]]
        self._samples = collections.deque(maxlen=samples)

    def sample(self, state: RunState, now: float | None = None) -> None:
        """Note the counts as they are now; `now` is in seconds of any clock."""
        counts = {(one.kind, one.name): done(one) for one, _ in state.connectors()}
        self._samples.append((time.monotonic() if now is None else now, counts))

    def per_second(self, one: ConnectorCounts) -> float:
        """Return a connector's rate; 0 until there are two samples."""
        if len(self._samples) < 2:
            return 0.0
        (began, before), (ended, after) = self._samples[0], self._samples[-1]
        key = (one.kind, one.name)
        return max(0, after.get(key, 0) - before.get(key, 0)) / max(ended - began, 0.001)


def table(state: RunState, rates: Rates) -> Any:
    """Return a table of all connectors for the terminal."""
    from rich.table import Table  # noqa: PLC0415  # loaded by then
    from rich.text import Text  # noqa: PLC0415

    rates.sample(state)
    title = f"{_safe(state.live().pipeline)}  {state.uptime_s:.0f} s"
    found = Table(title=Text(title), title_justify="left")
    for column in ("", "connector", "records", "per second", "bytes", "lag", "retries",
                   "dead letters", "state"):  # fmt: skip
        is_text = column in {"", "connector", "state"}
        found.add_column(column, justify="left" if is_text else "right")
    for one, gauges in state.connectors():
        found.add_row(
            one.kind,
            Text(_safe(one.name)),
            f"{done(one):,}",
            f"{rates.per_second(one):,.0f}",
            _size(one.bytes),
            "" if gauges.lag_s is None else f"{gauges.lag_s:,.1f} s",
            f"{one.retries:,}",
            f"{one.dead_letters:,}",
            _standing(one, gauges),
        )
    return found


def done(one: ConnectorCounts) -> int:
    """Return what a connector has done: records read by a source, written by a sink."""
    return one.read if one.kind == "source" else one.written


def _standing(one: ConnectorCounts, gauges: Gauges) -> str:
    if gauges.circuit != "closed":
        return f"circuit {gauges.circuit.replace('_', '-')}"
    return "checkpoint held" if gauges.pinned else str(one.status)


def _safe(name: str) -> str:
    return escape_text(redact(name))


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def is_interactive() -> bool:
    """Whether a person watches stderr on a terminal that can redraw."""
    capable = os.environ.get("TERM") != "dumb"
    return sys.stderr.isatty() and capable and threading.current_thread() is threading.main_thread()
