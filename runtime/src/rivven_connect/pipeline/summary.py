"""What a run did: counts per connector, for people and for programs."""

from __future__ import annotations

import enum
import time

import msgspec
import msgspec.structs


class ConnectorStatus(enum.StrEnum):
    """Where a connector stands in a run."""

    STARTING = "starting"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    STOPPED = "stopped"
    FAILED = "failed"


class ConnectorCounts(msgspec.Struct):
    """Records of one connector that reached an end in this run.

    `read` = `written` (of a source: handed to its sinks) + `filtered` + `dead_letters` + `dropped`,
    unless a transform makes several records of one.
    """

    kind: str
    name: str
    connector: str
    read: int = 0
    written: int = 0
    filtered: int = 0
    dead_letters: int = 0
    dropped: int = 0
    retries: int = 0
    bytes: int = 0
    errors: int = 0
    rate_limited: int = 0
    rate_limit_wait_ms: int = 0
    status: ConnectorStatus = ConnectorStatus.STARTING

    def stored(self) -> dict[tuple[str, str], int]:
        """Return the counters that the state store adds up over runs."""
        owner = f"{self.kind}:{self.name}"
        names = ("read", "written", "filtered", "dead_letters", "dropped", "bytes")
        return {(owner, name): value for name in names if (value := getattr(self, name))}

    def add(self, other: ConnectorCounts) -> None:
        """Add what another part of the run did."""
        for name in _COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_COUNTERS = (
    "read", "written", "filtered", "dead_letters", "dropped", "retries", "bytes", "errors",
    "rate_limited", "rate_limit_wait_ms",
)  # fmt: skip


class Gauges(msgspec.Struct):
    """How one connector stands at this moment; plain values, so any thread may read them."""

    in_flight_records: int = 0
    """Read and not committed (sources), or waiting to be written (sinks)."""
    in_flight_bytes: int = 0
    last_progress: float = msgspec.field(default_factory=time.monotonic)
    """Monotonic seconds when it last read, wrote or committed something."""
    lag_s: float | None = None
    """Seconds between the newest committed event's own time and its commit."""
    circuit: str = "closed"
    """`closed`, `open` or `half_open`."""
    pinned: bool = False
    """Whether a failure keeps the checkpoint where it is."""


class RunSummary(msgspec.Struct):
    """The counts of a whole run, live while it lasts."""

    pipeline: str
    sources: dict[str, ConnectorCounts] = msgspec.field(default_factory=dict)
    sinks: dict[str, ConnectorCounts] = msgspec.field(default_factory=dict)
    gauges: dict[tuple[str, str], Gauges] = msgspec.field(default_factory=dict)
    """(`source` or `sink`, name) -> how it stands."""
    drained: bool = False
    """Whether a signal ended the run before its sources did."""
    failed: bool = False
    """Whether an error ended the run."""
    started: float = msgspec.field(default_factory=time.monotonic)
    finished: float | None = None

    @property
    def duration_s(self) -> float:
        """Seconds from start to end, or to now."""
        return (self.finished or time.monotonic()) - self.started

    def connectors(self) -> list[ConnectorCounts]:
        """Return the counts of every source, then of every sink."""
        return [*self.sources.values(), *self.sinks.values()]

    def mark(self, status: ConnectorStatus) -> None:
        """Set the status of every connector that has not failed."""
        for one in self.connectors():
            if one.status is not ConnectorStatus.FAILED:
                one.status = status

    def to_dict(self) -> dict[str, object]:
        """Return the summary as plain JSON."""
        return {
            "pipeline": self.pipeline,
            "failed": self.failed,
            "duration_s": round(self.duration_s, 3),
            "drained": self.drained,
            "sources": [msgspec.structs.asdict(one) for one in self.sources.values()],
            "sinks": [msgspec.structs.asdict(one) for one in self.sinks.values()],
        }

    def render(self) -> str:
        """Return the summary for a person: one line per connector."""
        verb = "stopped on request" if self.drained else "finished"
        if self.failed:
            verb = "failed"
        lines = [f"{self.pipeline} {verb} after {self.duration_s:.1f} s"]
        width = max((len(one.name) for one in self.connectors()), default=0)
        lines += [_line(one, width) for one in self.connectors()]
        return "\n".join(lines)


def _line(one: ConnectorCounts, width: int) -> str:
    done = one.read if one.kind == "source" else one.written
    verb = "read" if one.kind == "source" else "written"
    extras = [
        f"{value:,} {label}"
        for label, value in (
            ("filtered", one.filtered),
            ("dead letters", one.dead_letters),
            ("dropped", one.dropped),
            ("retries", one.retries),
        )
        if value
    ]
    tail = f"  ({', '.join(extras)})" if extras else ""
    return (
        f"  {one.kind:<6} {one.name:<{width}}  {done:>10,} {verb:<7} {_bytes(one.bytes):>9}{tail}"
    )


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return ""
