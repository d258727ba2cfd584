"""What connectors and the engine record with `Metrics()` while a pipeline runs."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

from rivven_connect._metrics import Labels, MetricsSnapshot
from rivven_connect._redaction import redact

MOST_SERIES = 1_000
"""Series that are kept; what would make more of them is not recorded."""

_NOT_IN_NAMES = r"[^A-Za-z0-9_]"

_Key = tuple[tuple[str, str], ...]
Series = list[tuple[dict[str, str], tuple[int, float]]]
"""Labels, how often something was recorded, and the value: a sum, or a gauge's last one."""


class RecordedMetrics:
    """A backend of `Metrics` that keeps totals in bounded memory; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[str, str] = {}
        self._series: dict[str, dict[_Key, tuple[int, float]]] = {}
        self._count = 0

    def counter(self, name: str, value: float, labels: Labels) -> None:
        """Add `value` to a counter."""
        self._record("counter", name, value, labels)

    def gauge(self, name: str, value: float, labels: Labels) -> None:
        """Set a gauge."""
        self._record("gauge", name, value, labels)

    def histogram(self, name: str, value: float, labels: Labels) -> None:
        """Add one value to a distribution's count and sum."""
        self._record("histogram", name, value, labels)

    def snapshot(self) -> MetricsSnapshot:
        """Return nothing: this backend is read by the page `/metrics`."""
        return MetricsSnapshot({}, {}, {})

    def families(self) -> Iterator[tuple[str, str, Series]]:
        """Yield name, kind (`counter`, `gauge`, `histogram`) and series as they are now."""
        with self._lock:
            found = [(name, dict(series)) for name, series in self._series.items()]
        for name, series in found:
            yield name, self._kinds[name], [(dict(key), value) for key, value in series.items()]

    def _record(self, kind: str, name: str, value: float, labels: Labels) -> None:
        name = _legal(name)
        key = tuple(sorted((_legal(label), str(text)) for label, text in labels.items()))
        with self._lock:
            if self._kinds.setdefault(name, kind) != kind:
                return
            series = self._series.setdefault(name, {})
            if key not in series:
                if self._count >= MOST_SERIES:
                    return
                self._count += 1
            count, total = series.get(key, (0, 0.0))
            series[key] = (count + 1, value if kind == "gauge" else total + value)


def _legal(name: str) -> str:
    """Return the nearest name that Prometheus accepts; what it replaces may be part of a secret."""
    found = re.sub(_NOT_IN_NAMES, "_", redact(name))
    return f"_{found}" if found[:1].isdigit() or not found else found
