"""A whole pipeline that posts to servers which fail: nothing is lost, and little comes twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_kit import letters, make_source, plan_of, registries, rows, run_plan, saved_state
from http_kit import (
    MISBEHAVIOURS,
    Answer,
    HostileServer,
    Request,
    raw,
    reset,
    respond,
    serve,
)

from rivven_connect._errors import ErrorKind, RivvenError
from rivven_connect.connectors.http_webhook_sink import HttpWebhookSink
from rivven_connect.http import set_network_policy
from rivven_connect.pipeline import PipelinePlan

IDS = range(250)
RECEIVER = Path(__file__).parents[1] / "faults/webhook_receiver.py"
ACCEPTS = {
    "deflate_bomb",
    "endless",
    "gzip_bomb",
    "not_gzip",
    "too_large",
    "truncated_gzip",
    "unasked_coding",
}
"""Misbehaviours whose status says that the records were taken; what the body says is not asked."""
RETRIES = (
    "retry: {max_retries: 5, initial_backoff_ms: 1, max_backoff_ms: 5, max_retry_after_ms: 50}"
)


def plan(
    folder: Path, url: str, *, dead: bool = False, settings: str = "", **config: Any
) -> PipelinePlan:
    source, _ = make_source(rows(IDS))
    values = {"url": url, "batch_size": 40, "timeout_ms": 5000, "include_metadata": False, **config}
    letter = ", dead_letter: {path: dead.jsonl, max_ratio: 1.0}" if dead else ""
    text = (
        'version: "1.0"\n'
        "sources: {a: {connector: src}}\n"
        f"sinks: {{z: {{connector: dst, topics: [a], config: {json.dumps(values)}{letter}}}}}\n"
        f"settings: {{{RETRIES}{settings}}}\n"
    )
    return plan_of(folder, registries({"src": source}, {"dst": HttpWebhookSink}), text)


def received(server: HostileServer) -> Counter[int]:
    """Return how often each record was taken in whole, answered or not."""
    return Counter(row["id"] for body in server.bodies for row in body)


def test_everything_is_posted_once_where_nothing_fails(tmp_path: Path) -> None:
    with serve(respond()) as server:
        summary = run_plan(plan(tmp_path, server.url))
    assert received(server) == Counter(IDS)
    assert max(len(body) for body in server.bodies) <= 40
    assert summary.sinks["z"].written == len(IDS)


def test_a_receiver_that_takes_and_resets_gets_the_same_again(tmp_path: Path) -> None:
    with serve(reset, respond(), reset, reset, respond()) as server:
        made = plan(tmp_path, server.url, max_concurrency=1)
        run_plan(made)
    got = received(server)
    assert set(got) == set(IDS)
    bodies = [request.body for request in server.requests]
    assert bodies[0] == bodies[1]
    assert bodies[2] == bodies[3] == bodies[4]
    assert saved_state(made) == {"s": {"last": IDS[-1]}}


@pytest.mark.parametrize(
    "failing",
    [
        respond(429, Retry_After="1"),
        respond(503, Retry_After="Fri, 31 Dec 9999 23:59:59 GMT"),
        respond(500),
        raw(b""),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", then="reset"),
    ],
)
def test_what_passes_delays_and_loses_nothing(tmp_path: Path, failing: Answer) -> None:
    with serve(failing, failing, respond()) as server:
        run_plan(plan(tmp_path, server.url))
    answered = Counter(row["id"] for request in server.requests[2:] for row in request.json())
    assert answered == Counter(IDS)


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_no_misbehaviour_loses_a_record(tmp_path: Path, name: str) -> None:
    """The first answer misbehaves. Whether the run then ends or goes on, the next one completes it."""
    misbehaviour, kind = MISBEHAVIOURS[name]
    with serve(misbehaviour, respond()) as server:
        made = plan(tmp_path, server.url, timeout_ms=1000)
        if kind is ErrorKind.CONFIG:
            with pytest.raises(RivvenError):
                run_plan(made)
        else:
            run_plan(made)
            assert saved_state(made) == {"s": {"last": IDS[-1]}}
    first_counts = name in ACCEPTS or name == "reset_before_body"
    counted = server.requests if first_counts else server.requests[1:]
    done = {row["id"] for request in counted for row in request.json()}
    with serve(respond()) as server:
        run_plan(plan(tmp_path, server.url))
    assert done | set(received(server)) == set(IDS)


async def picky(request: Request, writer: asyncio.StreamWriter) -> None:
    """Refuse whole requests that hold a record divisible by 100."""
    bad = [row["id"] for row in request.json() if row["id"] % 100 == 0]
    await respond(422 if bad else 200, b"no hundreds")(request, writer)


def test_a_refused_batch_gives_up_the_refused_records_alone(tmp_path: Path) -> None:
    with serve(picky) as server:
        run_plan(plan(tmp_path, server.url, dead=True))
    refused = {0, 100, 200}
    taken: Counter[int] = Counter()
    for body in server.bodies:
        if not {row["id"] for row in body} & refused:
            taken.update(row["id"] for row in body)
    assert taken == Counter(set(IDS) - refused)
    found = letters(tmp_path / "dead.jsonl")
    assert {letter["record"]["id"] for letter in found} == refused
    assert all("HTTP 422" in json.dumps(letter) for letter in found)


@pytest.mark.parametrize("answer", [respond(401), respond(403), respond(422), respond(500)])
def test_what_stops_saves_no_progress(tmp_path: Path, answer: Answer) -> None:
    with serve(respond(), answer) as server:
        made = plan(tmp_path, server.url)
        with pytest.raises(RivvenError, match="HTTP"):
            run_plan(made)
        taken = {row["id"] for row in server.bodies[0]}
    last = saved_state(made).get("s", {}).get("last", -1)
    assert last <= max(taken)
    with serve(respond()) as server:
        run_plan(plan(tmp_path, server.url))
    assert taken | set(received(server)) == set(IDS)


@pytest.fixture
def network_restored() -> Iterator[None]:
    yield
    set_network_policy("any")


def test_public_only_stops_before_anything_is_sent(tmp_path: Path, network_restored: None) -> None:
    with serve(respond()) as server, pytest.raises(RivvenError, match=r"settings\.network"):
        run_plan(plan(tmp_path, server.url, settings=", network: public_only"))
    assert server.connections == 0


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    stored = tmp_path / "received.jsonl"
    with subprocess.Popen(
        [sys.executable, str(RECEIVER), str(stored), "--reset-every", "3"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}/in", stored
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0


def test_the_durable_receiver_of_the_fault_tests(
    tmp_path: Path, receiver: tuple[str, Path]
) -> None:
    url, stored = receiver
    run_plan(plan(tmp_path, url))
    lines = stored.read_text(encoding="utf-8").splitlines()
    found = Counter(json.loads(line)["id"] for line in lines)
    assert set(found) == set(IDS)
    assert max(found.values()) > 1, "no connection was reset"
