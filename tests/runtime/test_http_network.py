"""Where the HTTP client connects to, and where it never does."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from http_kit import HostileServer, raw, redirect, respond, serve

from rivven_connect import ConnectorError, ErrorKind
from rivven_connect._network import NotPublicError, is_public, require_allowed
from rivven_connect.http import (
    HttpClient,
    HttpLimits,
    network_policy,
    same_origin_url,
    set_network_policy,
)

PRIVATE = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.9.9.9",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1",
    "192.168.1.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.9", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1",
    "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1",
    "2001:0:1234::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "localhost", "", "2130706433", "0x7f.1", "127.1", "1.2.3", "example.com",
)  # fmt: skip
PUBLIC = (
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.32.0.1",
    "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
)  # fmt: skip


@pytest.fixture
def public_only() -> Iterator[None]:
    set_network_policy("public_only")
    yield
    set_network_policy("any")


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address: str, public_only: None) -> None:
    assert not is_public(address)
    with pytest.raises(NotPublicError):
        require_allowed(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_that_are_public(address: str, public_only: None) -> None:
    assert is_public(address)
    require_allowed(address)


def test_the_default_allows_everything() -> None:
    assert network_policy() == "any"
    require_allowed("127.0.0.1")


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="no such network policy"):
        set_network_policy("none")  # type: ignore[arg-type]  # that is the test


def test_the_policy_and_the_module_need_no_aiohttp() -> None:
    code = (
        "import sys\n"
        "for name in ('aiohttp', 'yarl'): sys.modules[name] = None\n"
        "from rivven_connect import ConnectorError\n"
        "from rivven_connect.http import HttpClient, set_network_policy\n"
        "set_network_policy('public_only')\n"
        "try: HttpClient('http://h/')\n"
        "except ConnectorError as error: print(error.kind, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("config HTTP needs ")
    assert "rivven-connect[http]" in done.stdout


LOCAL_NAMES = ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1")


@pytest.mark.parametrize("host", LOCAL_NAMES)
async def test_public_only_refuses_what_it_would_connect_to(host: str, public_only: None) -> None:
    with serve(respond()) as server:
        url = server.url.replace("127.0.0.1", host)
        async with HttpClient(url) as client:
            with pytest.raises(ConnectorError, match=r"public_only|cannot be used") as failed:
                await client.request("POST", body=b"1", headers={"X-Key": "canary"})
    assert failed.value.kind is ErrorKind.CONFIG
    assert server.connections == 0


async def test_any_connects_to_these() -> None:
    with serve(respond()) as server:
        async with HttpClient(server.url.replace("127.0.0.1", "localhost")) as client:
            assert (await client.request("GET")).status == 200


async def test_a_name_that_resolves_anew_is_checked_again(
    public_only: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: whoever looks the name up first learns a public address, the next one a private."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]
    connected: list[Any] = []

    async def getaddrinfo(_loop: Any, _host: str, port: int, **_: Any) -> list[Any]:
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        stream = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*stream, (address, port)) for address in addresses]

    async def sock_connect(_loop: Any, _sock: Any, address: Any) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError(111, "refused")

    base = asyncio.base_events.BaseEventLoop
    monkeypatch.setattr(base, "getaddrinfo", getaddrinfo)
    loop_type = type(asyncio.get_running_loop())
    monkeypatch.setattr(loop_type, "sock_connect", sock_connect)
    for expected in (ErrorKind.CONNECTION, ErrorKind.CONFIG):
        async with HttpClient("http://rebound.example.com/") as client:
            with pytest.raises(ConnectorError) as failed:
                await client.request("GET")
        assert failed.value.kind is expected
    assert connected == ["93.184.216.34"]


BASE = "https://api.example.com/v1/items?page=1"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("?page=2", "https://api.example.com/v1/items?page=2"),
        ("/v1/items?page=2", "https://api.example.com/v1/items?page=2"),
        ("https://API.example.com:443/x#y", "https://api.example.com/x"),
        ("more", "https://api.example.com/v1/more"),
        ("https:///evil.example", "https://api.example.com/evil.example"),
    ],
)
def test_links_within_the_origin(link: str, expected: str) -> None:
    assert same_origin_url(BASE, link) == expected


@pytest.mark.parametrize("base", ["https://api.example.com/", "https://api.example.com:443/"])
@pytest.mark.parametrize("link", ["", "?page=2", "https://api.example.com:443/", "/"])
def test_the_usual_port_is_the_same_origin_named_or_not(base: str, link: str) -> None:
    found = same_origin_url(base, link)
    assert found.startswith("https://api.example.com/")


@pytest.mark.parametrize(
    "link",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://api.example.com/v1",
        "https://api.example.com:444/v1",
        "https://api.example.com.evil.example/",
        "https://evil.example/",
        "//evil.example/v1",
        "\\\\evil.example/v1",
        "https://api.example.com\\@evil.example/",
        "https://api.example.com@evil.example/",
        "https://user:pw@api.example.com/",
        "https://[::1",
        "https://api.example.com:99999/",
        "https://api.example.com /",
        "https://api.example.com\t.evil.example/",
        "/x\r\nX-Injected: 1",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/plain,x",
        "ftp://api.example.com/",
    ],
)
def test_links_that_lead_elsewhere(link: str) -> None:
    with pytest.raises(ConnectorError) as failed:
        same_origin_url(BASE, link)
    assert failed.value.fatal


@pytest.mark.parametrize(
    "url",
    ["ftp://h/", "file:///etc/passwd", "h/x", "", "http:", "http://", "unix:///x", "http://u:p@h/"],
)
async def test_urls_that_no_client_takes(url: str) -> None:
    with pytest.raises(ConnectorError) as failed:
        HttpClient(url)
    assert failed.value.kind is ErrorKind.CONFIG
    assert "u:p" not in str(failed.value)


@pytest.fixture
def other() -> Iterator[HostileServer]:
    with serve(respond(200, b"stolen")) as server:
        yield server


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("follow", [False, True])
async def test_nothing_leaves_the_origin(
    other: HostileServer, status: int, method: str, follow: bool
) -> None:
    with serve(redirect(other.url, status)) as server:
        async with HttpClient(
            server.url,
            headers={"X-Vendor-Key": "canary", "Authorization": "canary"},
            redirects="same_origin" if follow else "none",
        ) as client:
            with pytest.raises(ConnectorError) as failed:
                await client.request(method, body=b"canary")
            with pytest.raises(ConnectorError, match="another origin"):
                await client.request(method, other.url, body=b"canary")
    assert failed.value.fatal
    assert other.connections == 0


async def test_redirects_are_not_followed_unless_asked() -> None:
    with serve(redirect("/there"), respond(200, b"there")) as server:
        async with HttpClient(server.url) as client:
            with pytest.raises(ConnectorError, match="not followed"):
                await client.request("GET")
    assert [request.target for request in server.requests] == ["/in"]


@pytest.mark.parametrize(("method", "status"), [("GET", 302), ("GET", 303), ("POST", 307)])
async def test_a_redirect_within_the_origin_keeps_method_and_body(method: str, status: int) -> None:
    with serve(redirect("/there?x=1", status), respond(200, b"there")) as server:
        async with HttpClient(server.url, redirects="same_origin") as client:
            found = await client.request(method, body=b"1", headers={"X-Key": "k"})
    assert found.body == b"there"
    there = server.requests[1]
    assert (there.method, there.target, there.body) == (method, "/there?x=1", b"1")
    assert there.headers["x-key"] == "k"


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_redirect_that_may_change_the_method_is_not_followed_with_a_body(
    status: int,
) -> None:
    with serve(redirect("/there", status), respond(200, b"there")) as server:
        async with HttpClient(server.url, redirects="same_origin") as client:
            with pytest.raises(ConnectorError, match="not followed"):
                await client.request("POST", body=b"1")
    assert [request.target for request in server.requests] == ["/in"]


async def test_redirects_come_to_an_end() -> None:
    with serve(redirect("/in")) as server:
        limits = HttpLimits(max_redirects=2)
        async with HttpClient(server.url, redirects="same_origin", limits=limits) as client:
            with pytest.raises(ConnectorError, match="more than 2 redirects"):
                await client.request("GET")
    assert len(server.requests) == 3


async def test_nothing_is_taken_from_the_environment(
    other: HostileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("http_proxy", other.url)
    monkeypatch.setenv("HTTP_PROXY", other.url)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login canary password canary\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serve(respond(200, b"direct", Set_Cookie="id=canary")) as server:
        async with HttpClient(server.url) as client:
            for _ in range(2):
                assert (await client.request("GET")).body == b"direct"
    assert other.connections == 0
    sent = {name for request in server.requests for name in request.headers}
    assert sent == {"host", "accept", "accept-encoding", "user-agent"}


async def test_connections_are_shared_and_bounded() -> None:
    with serve(respond(200, b"ok")) as server:
        async with HttpClient(server.url, limits=HttpLimits(max_connections=2)) as client:
            await asyncio.gather(*(client.request("GET") for _ in range(20)))
    assert len(server.requests) == 20
    assert server.connections <= 2


async def test_a_cancelled_request_leaves_nothing_behind() -> None:
    with serve(raw(b"", then="wait"), respond(200, b"next")) as server:
        limits = HttpLimits(max_connections=1)
        async with HttpClient(server.url, limits=limits) as client:
            task = asyncio.create_task(client.request("GET"))
            assert await asyncio.to_thread(server.taken.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await client.request("GET")).body == b"next"
