"""The certificates that aiohttp reads when it is imported are read when TLS needs them; nobody may notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from http_kit import TLS, respond, serve

_OURS = """
import asyncio, json, ssl, sys
import rivven_connect.http._session
import aiohttp.connector

contexts = aiohttp.connector._SSL_CONTEXT_VERIFIED, aiohttp.connector._SSL_CONTEXT_UNVERIFIED
counted = [ssl.SSLContext.cert_store_stats(one)["x509"] for one in contexts]


async def ask(url):
    {ask}


answers = [asyncio.run(ask(sys.argv[1])) for _ in range(2)]
after = contexts[0].cert_store_stats()["x509"], len(contexts[1].get_ca_certs())
classes = {{type(one) is ssl.SSLContext for one in contexts}}
patched = "set_default_verify_paths" in vars(ssl.SSLContext)
print(json.dumps([counted, answers, after, list(classes), patched]))
"""

_CLIENT = """
    async with rivven_connect.http.HttpClient(url) as client:
        return (await client.request("GET")).status
"""

_BARE = """
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status
"""

_OPENED = """
import asyncio, json, sys
from rivven_connect.http import HttpClient, _session

read = []


async def main():
    for url in ("http://127.0.0.1", "https://127.0.0.1", "https://127.0.0.1"):
        async with HttpClient(url):
            read.append(_session._system_trust.cache_info().misses)


asyncio.run(main())
print(json.dumps(read))
"""

_PATCHED = """
import json, ssl

asked = []
mine = lambda context: asked.append(context)  # who trusts one authority only
ssl.SSLContext.set_default_verify_paths = mine
import rivven_connect.http._session
import aiohttp.connector

print(json.dumps([
    len(asked),
    ssl.SSLContext.set_default_verify_paths is mine,
    aiohttp.connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509"],
]))
"""

_REPLACED = """
import json, ssl
from rivven_connect.http._late_trust import late_trust


class Theirs(ssl.SSLContext):
    pass


with late_trust():
    theirs = Theirs(ssl.PROTOCOL_TLS_CLIENT)
    theirs.set_default_verify_paths()

Plain, ssl.SSLContext = ssl.SSLContext, Theirs  # as `truststore` does
with late_trust():
    is_patched = "set_default_verify_paths" in vars(Plain)
print(json.dumps([type(theirs) is Theirs, theirs.cert_store_stats()["x509"], is_patched]))
"""


def _run(script: str, *arguments: str, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("ask", [_CLIENT, _BARE], ids=["our client", "bare aiohttp"])
def test_the_systems_certificates_are_read_by_the_first_connection(ask: str) -> None:
    file = TLS / "trusted.pem"
    with serve(respond(200, b"ok"), tls=file) as server:
        found = _run(_OURS.format(ask=ask.strip()), server.url, SSL_CERT_FILE=str(file))
    counted, answers, after, are_plain, patched = found
    assert counted == [0, 0]
    assert answers == [200, 200]
    assert after == [1, 1]
    assert are_plain == [True]
    assert not patched


def test_plain_http_reads_no_certificates_and_all_clients_share_what_https_reads() -> None:
    assert _run(_OPENED) == [0, 1, 1]


def test_who_decides_what_is_trusted_goes_on_doing_so() -> None:
    assert _run(_PATCHED, SSL_CERT_FILE=str(TLS / "trusted.pem")) == [2, True, 0]


def test_contexts_of_other_classes_are_left_alone() -> None:
    assert _run(_REPLACED, SSL_CERT_FILE=str(TLS / "trusted.pem")) == [True, 1, False]
