"""How a run is, in one word and in figures: what `/health` answers and `rivven status` reads."""

from __future__ import annotations

import enum
import importlib.metadata
import time
from collections.abc import Iterator

from rivven_connect._redaction import redact
from rivven_connect.pipeline.monitoring import RunState
from rivven_connect.pipeline.summary import ConnectorCounts, ConnectorStatus, Gauges


class Health(enum.StrEnum):
    """How a whole run is."""

    STARTING = "starting"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    STOPPING = "stopping"

    @property
    def is_ready(self) -> bool:
        """Whether the run does its work, if with difficulty."""
        return self in {Health.HEALTHY, Health.DEGRADED}


def health_of(state: RunState) -> tuple[Health, list[str]]:
    """Return how the run is, and the reasons why it is not healthy."""
    summary = state.summary
    failed = [f"{one.kind} {one.name} has failed" for one in _with(state, ConnectorStatus.FAILED)]
    if state.has_stalled():
        failed.append(f"no progress for {max(state.idle_s(), state.stall_timeout_s):.1f} s")
    if failed or (summary is not None and summary.failed):
        return Health.UNHEALTHY, failed or ["the run has failed"]
    if state.is_draining or (summary is not None and summary.finished is not None):
        return Health.STOPPING, []
    if summary is None:
        return Health.STARTING, []
    troubles = list(_troubles(state))
    return (Health.DEGRADED, troubles) if troubles else (Health.HEALTHY, [])


def health_body(state: RunState) -> dict[str, object]:
    """Return what `/health` answers; docs/reference/observing.md describes it.

    Only names, counts and states of connectors are in it: nothing of their configs.
    """
    health, reasons = health_of(state)
    return {
        "status": str(health),
        "reasons": [redact(one) for one in reasons],
        "pipeline": redact(state.live().pipeline),
        "version": importlib.metadata.version("rivven-connect"),
        "uptime_s": round(state.uptime_s, 3),
        "loop_lag_s": round(state.loop_lag_s, 3),
        "connectors": [_connector(*one) for one in state.connectors()],
    }


def _connector(one: ConnectorCounts, gauges: Gauges) -> dict[str, object]:
    return {
        "kind": one.kind,
        "name": redact(one.name),
        "connector": redact(one.connector),
        "status": str(one.status),
        "read": one.read,
        "written": one.written,
        "filtered": one.filtered,
        "dead_letters": one.dead_letters,
        "dropped": one.dropped,
        "retries": one.retries,
        "bytes": one.bytes,
        "errors": one.errors,
        "rate_limited": one.rate_limited,
        "rate_limit_wait_ms": one.rate_limit_wait_ms,
        "in_flight_records": gauges.in_flight_records,
        "in_flight_bytes": gauges.in_flight_bytes,
        "circuit": gauges.circuit,
        "pinned": gauges.pinned,
        "lag_s": gauges.lag_s if gauges.lag_s is None else round(gauges.lag_s, 3),
        "last_progress_age_s": round(max(0.0, time.monotonic() - gauges.last_progress), 3),
    }


def _troubles(state: RunState) -> Iterator[str]:
    """Yield what is wrong and may pass."""
    if state.is_waiting:
        yield "waiting before another try"
    for one, gauges in state.connectors():
        found = []
        if gauges.circuit != "closed":
            found.append(f"circuit {gauges.circuit.replace('_', '-')}")
        if gauges.pinned:
            found.append("a failure holds the checkpoint")
        if one.status is ConnectorStatus.UNHEALTHY and not found:
            found.append("unhealthy")
        if found:
            yield f"{one.kind} {one.name}: {', '.join(found)}"


def _with(state: RunState, status: ConnectorStatus) -> list[ConnectorCounts]:
    return [one for one, _ in state.connectors() if one.status is status]
