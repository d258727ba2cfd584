"""M4 for a source: an API misbehaves in mid-run, in each of its ways, and then heals; F13, F17."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from figures import Record
from http_kit import (
    BUSY,
    LARGEST_BODY,
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
from sizes import FULL

from rivven_connect import ErrorKind

CANARIES = {"TOKEN": "canary-of-the-token-7f3", "TEAM": "canary-of-a-header-9a1"}
BUDGET_S = 90
"""What one run may take: the limits of the pipeline end each exchange after a second."""
PAGES, SIZE = 6, 10
SICK_PAGE = 3
RECORDS = frozenset(range(PAGES * SIZE))


MORE: Mapping[str, tuple[Answer, ErrorKind]] = {
    "a_page_for_people": (
        respond(200, b"<html>Please wait</html>", Content_Type="text/html"),
        ErrorKind.TRANSIENT,
    ),
    "half_a_document": (respond(200, b'{"data": [{"k": 1}, {"k"'), ErrorKind.TRANSIENT),
    "nothing": (respond(200), ErrorKind.TRANSIENT),
    "bytes": (respond(200, b"\x89PNG\xff", Content_Type="image/png"), ErrorKind.TRANSIENT),
    "deep": (respond(200, b"[" * 100_000), ErrorKind.TRANSIENT),
    "another_document": (respond(200, b'{"error": "quota"}'), ErrorKind.CONFIG),
    "no_list": (respond(200, b'{"data": "none"}'), ErrorKind.CONFIG),
    "no_records": (respond(200, b'{"data": [1, 2], "next": null}'), ErrorKind.DATA),
    "next_is_metadata": (
        respond(200, b'{"data": [], "next": "http://169.254.169.254/latest/"}'),
        ErrorKind.CONFIG,
    ),
    "next_is_this": (respond(200, b'{"data": [], "next": "/in?at=3"}'), ErrorKind.CONFIG),
    "indiscreet_500": (echo(500), ErrorKind.TRANSIENT),
    "indiscreet_401": (echo(401), ErrorKind.AUTH),
    "forbidden": (respond(403), ErrorKind.PERMISSION),
    "gone": (respond(410), ErrorKind.NOT_FOUND),
    "bad_request": (respond(400, b"no"), ErrorKind.DATA),
}
CASES: Mapping[str, tuple[Answer, ErrorKind]] = {
    **MISBEHAVIOURS,
    **MORE,
    **BUSY,
}
SOME = ("truncated_chunk", "redirect_elsewhere", "endless", "next_is_metadata", "429_huge")
"""What the quick run tries."""
PASSING = {
    ErrorKind.CONNECTION,
    ErrorKind.TIMEOUT,
    ErrorKind.TRANSIENT,
    ErrorKind.RATE_LIMITED,
}
MODES: Mapping[str, dict[str, Any]] = {
    "ascending": {
        "cursor": {"field": "at", "parameter": "since", "order": "ascending"},
        "retry_count": 0,
    },
    "full": {"retry_count": 3, "max_retry_after_ms": 60},
}
"""A stream whose every page is a resume point, retried by the engine; one without, retried in place."""


class Api:
    """Pages of records, linked by URLs; one page is sick, twice or until it is healed."""

    def __init__(self, sickness: Answer, *, times: float) -> None:
        self._sickness = sickness
        self.left = times
        self.headers: list[Mapping[str, str]] = []

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        query = {
            name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()
        }
        # Without parameters come those whom the sickness sent elsewhere.
        is_strayed = not query.keys() & {"at", "start"}
        if self.left and (is_strayed or query.get("at") == str(SICK_PAGE)):
            self.left -= 1
            await self._sickness(request, writer)
            return
        page, since = int(query.get("at", 0)), int(query.get("since", 0))
        rows = [{"k": k, "at": k // 3} for k in sorted(RECORDS) if k // 3 >= since]
        start = page * SIZE
        more = f"/in?at={page + 1}&since={since}" if start + SIZE < len(rows) else None
        found = {"data": rows[start : start + SIZE], "next": more}
        await respond(200, json.dumps(found).encode())(request, writer)


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)


class Pipeline:
    """A pipeline file, its runs, and all that they say and leave behind."""

    def __init__(self, folder: Path, url: str, **config: Any) -> None:
        self.folder = folder
        self.said = b""
        values = {
            "url": f"{url}?start=1",
            "records": "/data",
            "pagination": {"type": "next_url", "path": "/next"},
            "primary_key": ["k"],
            "timeout_ms": 1000,
            "max_body_bytes": LARGEST_BODY,
            "auth": {"type": "bearer", "token": "${env:TOKEN}"},
            "headers": {"X-Team": "${env:TEAM}"},
            **config,
        }
        retry = {
            "max_retries": 20,
            "initial_backoff_ms": 1,
            "max_backoff_ms": 5,
            "max_retry_after_ms": 60,
        }
        sink = {"connector": "jsonl", "topics": ["api"], "config": {"path": "out.jsonl"}}
        text = {
            "version": "1.0",
            "sources": {"api": {"connector": "http", "config": values}},
            "sinks": {"out": sink},
            "settings": {"retry": retry, "log": {"level": "debug", "format": "json"}},
        }
        (folder / "pipeline.yaml").write_text(json.dumps(text), encoding="utf-8")

    def run(self) -> int:
        """Run it; return the exit code."""
        done = subprocess.run(
            [sys.executable, "-c", "from rivven_connect.cli import main; main()", "run", "pipeline.yaml"],
            cwd=self.folder,
            capture_output=True,
            timeout=BUDGET_S,
            check=False,
        )  # fmt: skip
        self.said += done.stdout + done.stderr
        return done.returncode

    def written(self) -> Counter[int]:
        """Return how often each record is in the file."""
        path = self.folder / "out.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return Counter(json.loads(line)["k"] for line in lines)

    def secrets_shown(self) -> list[str]:
        """Return the secrets that came out anywhere."""
        files = [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]
        everything = self.said + b"".join(files)
        return [value for value in CANARIES.values() if value.encode() in everything]


def cases() -> Iterator[tuple[str, str]]:
    for number, name in enumerate(CASES if FULL else SOME):
        modes = list(MODES) if FULL else [list(MODES)[number % len(MODES)]]
        yield from ((name, mode) for mode in modes)


@pytest.mark.parametrize(("name", "mode"), tuple(cases()))
def test_m4_f13_f17_an_api_that_misbehaves_and_heals_is_read_whole(
    tmp_path: Path, name: str, mode: str, figures: Record
) -> None:
    sickness, kind = CASES[name]
    passes = kind in PASSING
    with serve(respond()) as other:
        if name == "redirect_elsewhere":
            sickness = redirect(other.url)
        api = Api(sickness, times=2 if passes else float("inf"))
        with serve(api) as server:
            pipeline = Pipeline(tmp_path, server.url, **MODES[mode])
            code = pipeline.run()
            assert code == (0 if passes else 3), pipeline.said.decode()[-3000:]
            before = pipeline.written()
            assert set(before) >= set(range(SICK_PAGE * SIZE)), "what came before is written"
            if not passes:
                assert set(before) < RECORDS
                api.left = 0
                assert pipeline.run() == 0, pipeline.said.decode()
    assert other.connections == 0
    _judge(pipeline, figures, repeats=not passes and mode == "full")


def test_m4_a_certificate_that_expires_in_mid_run(tmp_path: Path, figures: Record) -> None:
    servers: list[HostileServer] = []

    async def expire(request: Request, writer: asyncio.StreamWriter) -> None:
        """End the connection, and present another certificate to the next one."""
        context = servers[0].context
        assert context is not None
        context.load_cert_chain(TLS / "expired.pem")
        writer.close()

    api = Api(expire, times=1)
    with serve(api, tls=TLS / "trusted.pem") as server:
        servers.append(server)
        pipeline = Pipeline(
            tmp_path, server.url, ca_file=str(TLS / "trusted.pem"), **MODES["ascending"]
        )
        assert pipeline.run() == 3, pipeline.said.decode()
        assert b"the certificate is not trusted" in pipeline.said
        assert set(pipeline.written()) == set(range(SICK_PAGE * SIZE))
        assert server.context is not None
        server.context.load_cert_chain(TLS / "trusted.pem")
        assert pipeline.run() == 0, pipeline.said.decode()
    _judge(pipeline, figures, repeats=False)


def _judge(pipeline: Pipeline, figures: Record, *, repeats: bool) -> None:
    """Nothing is lost, nothing secret was said, and nothing comes twice but of a stream begun anew."""
    written = pipeline.written()
    repeated = sum(written.values()) - len(written)
    assert set(written) == RECORDS
    assert repeats or repeated == 0, written
    shown = pipeline.secrets_shown()
    assert shown == []
    figures(
        "M4",
        http_source_cases=1,
        lost=len(RECORDS - set(written)),
        requests_to_others=0,
        secrets_shown=len(shown),
    )


def test_the_secrets_would_have_been_found(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, "http://127.0.0.1:1/in")
    assert os.environ["TOKEN"] == CANARIES["TOKEN"]
    pipeline.said = CANARIES["TOKEN"].encode()
    (tmp_path / "left").write_text(CANARIES["TEAM"])
    assert set(pipeline.secrets_shown()) == set(CANARIES.values())
