"""Clients of the monitoring endpoints, and a run that they can watch."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from engine_kit import SIMPLE, make_sink, make_source, rows, simple_plan

from rivven_connect.pipeline import PipelinePlan, RunSummary
from rivven_connect.pipeline.endpoints import serving
from rivven_connect.pipeline.monitoring import RunState
from rivven_connect.pipeline.recorded import RecordedMetrics
from rivven_connect.pipeline.summary import ConnectorCounts, ConnectorStatus, Gauges

BOTH = "health: {enabled: true, port: 0}, metrics: {enabled: true, port: 0}"


class Reply(NamedTuple):
    """What an endpoint answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def ask(url: str, path: str, method: str = "GET") -> Reply:
    """Ask an endpoint once; ten seconds are more than it may take."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, headers, answer.read().decode())


def connect(url: str) -> socket.socket:
    """Return a bare connection to an endpoint."""
    parts = urllib.parse.urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def small_plan(folder: Path, settings: str = BOTH) -> PipelinePlan:
    """Return the plan of a source `a` and a sink `z` with these settings."""
    source, _ = make_source(rows(range(5)))
    sink, _ = make_sink()
    return simple_plan(folder, source, sink, f"{SIMPLE}settings: {{{settings}}}\n")


def running(plan: PipelinePlan) -> RunState:
    """Return the state of a run that reads."""
    state = RunState(plan)
    state.started(counted(plan))
    return state


def counted(plan: PipelinePlan) -> RunSummary:
    """Return a running summary in which every figure differs from every other."""
    summary = RunSummary(plan.name)
    summary.sources["a"] = ConnectorCounts(
        "source", "a", "scripted", 101, 102, 103, 104, 105, 106, 107, 108, 109, 110,
        ConnectorStatus.RUNNING,
    )  # fmt: skip
    summary.sinks["z"] = ConnectorCounts(
        "sink", "z", "scripted", 201, 202, 203, 204, 205, 206, 207, 208, 209, 210,
        ConnectorStatus.RUNNING,
    )  # fmt: skip
    summary.gauges["source", "a"] = Gauges(111, 112, lag_s=1.5)
    summary.gauges["sink", "z"] = Gauges(211, 212, circuit="half_open", pinned=True)
    return summary


@contextlib.contextmanager
def served(plan: PipelinePlan, state: RunState) -> Iterator[list[str]]:
    """Serve the endpoints of a run and yield their addresses."""
    with serving(plan, state, RecordedMetrics()) as urls:
        yield urls
