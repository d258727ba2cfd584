"""M4 for a sink: a receiver misbehaves in mid-run, in each of its ways, and then heals; F17."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from experiment import Experiment, Numbers, SinkKind, key_of
from figures import Record
from http_kit import (
    BUSY,
    MISBEHAVIOURS,
    TLS,
    Answer,
    HostileServer,
    Request,
    echo,
    redirect,
    respond,
    serve,
)
from oracle import Key, Level, lost, repeated, violations
from sizes import FULL

from rivven_connect import ErrorKind

CANARIES = {
    "TOKEN": "canary-of-the-token-7f3",
    "TEAM": "canary-of-a-header-9a1",
    "SIGN": "canary-of-signing-2c8",
}
HEALTHY_BEFORE = 3
"""Requests that are answered well before one is not."""
ACCEPTING = {
    "deflate_bomb",
    "endless",
    "gzip_bomb",
    "not_gzip",
    "too_large",
    "truncated_gzip",
    "unasked_coding",
    "wrong_type",
    "unknown_length",
}
"""Their status says that the records were taken; what else they say is not asked."""
STOPS = {ErrorKind.CONFIG, ErrorKind.AUTH, ErrorKind.PERMISSION, ErrorKind.NOT_FOUND}
"""Kinds of errors after which the pipeline stops with exit code 3, and is started again."""


MORE: Mapping[str, tuple[Answer, ErrorKind]] = {
    "wrong_type": (respond(200, b"\x89PNG", Content_Type="image/png"), ErrorKind.DATA),
    "unknown_length": (
        respond(200, b"<html>", Content_Type="text/html; charset=\xff"),
        ErrorKind.DATA,
    ),
    "refused": (respond(422, b"one of them is bad"), ErrorKind.DATA),
    "too_much": (respond(413), ErrorKind.DATA),
    "indiscreet_500": (echo(500), ErrorKind.TRANSIENT),
    "indiscreet_401": (echo(401), ErrorKind.AUTH),
    "forbidden": (respond(403), ErrorKind.PERMISSION),
    "gone": (respond(410), ErrorKind.NOT_FOUND),
}


CASES: Mapping[str, tuple[Answer, ErrorKind]] = {
    **MISBEHAVIOURS,
    **MORE,
    **BUSY,
}
SOME = (
    "reset_after_body",
    "redirect_elsewhere",
    "endless",
    "refused",
    "indiscreet_401",
    "429_huge",
)
"""What the quick run tries; the same in one process is in the tests of the runtime."""


class Store:
    """What a receiver has taken for good, in the order in which it came."""

    def __init__(self) -> None:
        self.keys: list[Key] = []

    def taking(self, answer: Answer) -> Answer:
        """Return the answer of somebody who keeps what he answers so."""

        async def take(request: Request, writer: asyncio.StreamWriter) -> None:
            self.keys += [key_of(row["data"]["k"]) for row in request.json()]
            await answer(request, writer)

        return take

    def kind(self, **config: Any) -> SinkKind:
        """Return the sink that posts here, with secrets wherever there may be some."""
        values = {
            "url": "URL",
            "batch_size": 10,
            "max_concurrency": 1,
            "timeout_ms": 1500,
            "auth": {"type": "bearer", "token": "${env:TOKEN}"},
            "headers": {"X-Team": "${env:TEAM}"},
            "signing": {"secret": "${env:SIGN}"},
            **config,
        }
        block = {
            "connector": "http-webhook",
            "config": values,
            "batch": {"max_records": 10, "max_wait_ms": 20},
            "dead_letter": {"path": "hook-letters.jsonl", "max_ratio": 1.0},
        }
        return SinkKind(name="hook", level=Level.L1, block=block, keys=lambda _: list(self.keys))


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)


def experiment(folder: Path, kind: SinkKind, url: str) -> Experiment:
    retry = {
        "max_retries": 3,
        "initial_backoff_ms": 1,
        "max_backoff_ms": 5,
        "max_retry_after_ms": 60,
    }
    return Experiment(folder / "run", Numbers(total=30), [kind], url=url, settings={"retry": retry})


@pytest.mark.parametrize("name", CASES if FULL else SOME)
def test_m4_f17_a_receiver_that_misbehaves_and_heals_gets_everything(
    tmp_path: Path, name: str, figures: Record
) -> None:
    store = Store()
    misbehaviour, kind = CASES[name]
    bad = store.taking(misbehaviour) if name in ACCEPTING else misbehaviour
    good = store.taking(respond(204))
    with serve(respond()) as other:
        if name == "redirect_elsewhere":
            bad = redirect(other.url)
        with serve(*[good] * HEALTHY_BEFORE, bad, good) as server:
            run = experiment(tmp_path, store.kind(), server.url)
            stops = kind in STOPS
            assert run.run() == (3 if stops else 0), run.errors()
            told = run.errors()
            if stops:
                assert run.run() == 0, run.errors()
                told += run.errors()
        _judge(run, told, figures, elsewhere=other.connections, stopped=stops)


def test_m4_a_certificate_that_expires_in_mid_run(tmp_path: Path, figures: Record) -> None:
    store = Store()
    servers: list[HostileServer] = []

    async def expire(request: Request, writer: asyncio.StreamWriter) -> None:
        """Take the records, and present another certificate to the next connection."""
        context = servers[0].context
        assert context is not None
        context.load_cert_chain(TLS / "expired.pem")
        await store.taking(respond(204, Connection="close"))(request, writer)
        writer.close()

    with serve(
        *[store.taking(respond(204))] * 2,
        expire,
        store.taking(respond(204)),
        tls=TLS / "trusted.pem",
    ) as server:
        servers.append(server)
        kind = store.kind(ca_file=str(TLS / "trusted.pem"))
        run = experiment(tmp_path, kind, server.url)
        assert run.run() == 3, run.errors()
        told = run.errors()
        assert "certificate" in told
        assert server.context is not None
        server.context.load_cert_chain(TLS / "trusted.pem")
        assert run.run() == 0, run.errors()
        _judge(run, told + run.errors(), figures, elsewhere=0, stopped=True)


def _judge(run: Experiment, told: str, figures: Record, *, elsewhere: int, stopped: bool) -> None:
    """Nothing is lost or repeated, nothing went elsewhere, nothing secret was said."""
    assert run.is_through()
    run.crashes += stopped  # what had arrived may not have been committed, as in a crash
    evidence = run.evidence()
    assert violations(evidence) == []
    assert evidence.sinks["hook"].dead_letters == []
    assert elsewhere == 0
    said = told.encode() + b"".join(_files(run.folder))
    found = [value for value in CANARIES.values() if value.encode() in said]
    assert found == []
    figures(
        "M4",
        webhook_cases=1,
        stopped_and_started_again=stopped,
        lost=len(lost(evidence)),
        repeated=repeated(evidence, Level.L1),
        requests_to_others=elsewhere,
        secrets_shown=len(found),
    )


def _files(folder: Path) -> list[bytes]:
    """Return all that a run left behind; its own file only names the secrets."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
