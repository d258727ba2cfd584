"""What the sink makes of a server that refuses, breaks or lies."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rivven_connect import ConnectorError, ErrorKind, EventBatch
from rivven_connect._network import set_network_policy
from rivven_connect.connectors.s3_sink import S3Sink
from rivven_connect.connectors.s3_sink._generated import S3SinkConfig
from services.object_store import ObjectStore
from tests.connectors.object_kit import (
    SECRET_ACCESS_KEY,
    Content,
    Passing,
    Proxy,
    error_body,
    json_rows,
    proxied,
    s3_block,
)

SHORT = {"timeout_ms": 2000, "connect_timeout_ms": 2000}


@pytest.fixture
def proxy(object_store: ObjectStore) -> Iterator[Proxy]:
    with proxied(object_store.endpoint) as found:
        yield found


def through(proxy: Proxy, bucket: str, **values: Any) -> S3SinkConfig:
    place = {"bucket": bucket, "s3": s3_block(proxy.endpoint)}
    return S3SinkConfig.parse({**place, **SHORT, **values})


def numbers(count: int, stream: str = "s") -> EventBatch:
    return EventBatch(stream=stream, records=[{"id": n} for n in range(count)])


async def flushed(
    sink: S3Sink, config: S3SinkConfig, *batches: EventBatch
) -> ConnectorError | None:
    """Write and flush; return the error of the flush, if any."""
    await sink.write_batches(config, batches)
    try:
        await sink.flush(config)
    except ConnectorError as error:
        return error
    return None


async def test_f18_a_full_disk_is_told_as_one(tmp_path: Path) -> None:
    os.mkdir(tmp_path / "lake")
    config = S3SinkConfig.parse(
        {"provider": "local", "bucket": "lake", "local": {"root": str(tmp_path)}}
    )
    sink = S3Sink()
    await sink.open(config)
    await sink.write_batches(config, [numbers(5_000)])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match=r"writing local bucket lake, s/.*: File too large"):
            await sink.flush(config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert await flushed(sink, config, numbers(5_000)) is None
    await sink.close()
    assert len(os.listdir(tmp_path / "lake" / "s")) == 5


@pytest.mark.parametrize("spoiled", [503, 500, "reset", "hang"])
async def test_a_flush_that_is_tried_again_replaces_what_it_wrote(
    proxy: Proxy, bucket: str, content: Content, spoiled: int | str
) -> None:
    config = through(proxy, bucket)
    sink = S3Sink()
    await sink.open(config)
    streams = [f"s{n}" for n in range(20)]
    assert await flushed(sink, config, *(numbers(1, name) for name in streams)) is None

    def spoil(request: Passing) -> int | str | None:
        return spoiled if "/s7/" in request.target else None

    proxy.spoil = spoil
    for _ in range(2):
        error = await flushed(sink, config, *(numbers(5, name) for name in streams))
        assert error is not None
        assert error.retryable
        assert " s7/" in error.message
        assert all(json_rows(raw) for raw in content.all().values())
    proxy.spoil = lambda _: None
    assert await flushed(sink, config, *(numbers(5, name) for name in streams)) is None
    found = content.all()
    assert len(found) == 40
    for name in streams:
        keys = [key for key in found if key.startswith(f"{name}/")]
        assert [len(json_rows(found[key])) for key in keys] == [1, 5]


@pytest.mark.parametrize("spoiled", [503, "reset"])
async def test_a_large_object_is_whole_or_not_there(
    proxy: Proxy, bucket: str, content: Content, spoiled: int | str
) -> None:
    config = through(proxy, bucket, timeout_ms=20_000)
    sink = S3Sink()
    await sink.open(config)
    large = EventBatch(stream="s", records=[{"id": n, "x": "x" * 1_000_000} for n in range(20)])
    seen: list[list[str]] = []

    def spoil(request: Passing) -> int | str | None:
        seen.append(content.listed())
        return spoiled if "partNumber=2" in request.target else None

    proxy.spoil = spoil
    error = await flushed(sink, config, large)
    assert error is not None
    assert error.retryable
    assert content.listed() == []
    assert "<UploadId>" not in content.uploads(), "what failed was not given up"
    proxy.spoil = lambda _: seen.append(content.listed())
    assert await flushed(sink, config, large) is None
    (raw,) = content.all().values()
    assert [row["id"] for row in json_rows(raw)] == list(range(20))
    assert not any(seen), "something was visible before the end"
    parts = {request.target for request in proxy.requests if "partNumber=" in request.target}
    assert len({target.partition("uploadId")[0] for target in parts}) >= 3


async def test_a_single_failed_request_is_repeated_by_the_client(
    proxy: Proxy, bucket: str, content: Content
) -> None:
    config = through(proxy, bucket)
    sink = S3Sink()
    await sink.open(config)
    proxy.spoil = lambda _: 503 if len(proxy.requests) == 1 else None
    assert await flushed(sink, config, numbers(3)) is None
    assert len(proxy.requests) == 2
    assert len(content.listed()) == 1


ANSWERS = [
    (401, "X", ErrorKind.AUTH),
    (403, "InvalidAccessKeyId", ErrorKind.AUTH),
    (403, "SignatureDoesNotMatch", ErrorKind.AUTH),
    (400, "ExpiredToken", ErrorKind.AUTH),
    (403, "AccessDenied", ErrorKind.PERMISSION),
    (404, "NoSuchBucket", ErrorKind.NOT_FOUND),
    (400, "InvalidRequest", ErrorKind.CONFIG),
    (301, "PermanentRedirect", ErrorKind.CONFIG),
    (408, "RequestTimeout", ErrorKind.TIMEOUT),
    (400, "RequestTimeout", ErrorKind.TIMEOUT),
    (409, "OperationAborted", ErrorKind.TRANSIENT),
    (429, "TooManyRequests", ErrorKind.RATE_LIMITED),
    (503, "SlowDown", ErrorKind.RATE_LIMITED),
    (500, "InternalError", ErrorKind.TRANSIENT),
]


@pytest.mark.parametrize(("status", "code", "kind"), ANSWERS)
async def test_every_answer_has_its_meaning(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, kind: ErrorKind
) -> None:
    from rivven_connect._object_store import clients
    from tests.connectors import object_kit

    monkeypatch.setattr(clients, "_RETRIES", 0)
    monkeypatch.setattr(object_kit, "error_body", lambda _: error_body(code))
    with proxied("http://127.0.0.1:1") as proxy:
        proxy.spoil = lambda _: status
        config = through(proxy, "lake")
        sink = S3Sink()
        await sink.open(config)
        error = await flushed(sink, config, numbers(1))
        checked = await sink.check(config)
    assert error is not None
    assert error.kind is kind
    assert f"HTTP {status} {code}" in error.message or status == 301
    assert not checked.is_success()
    for text in (str(error), str(checked)):
        assert SECRET_ACCESS_KEY not in text
        assert "hostile" not in text
        assert "http://" not in text
        assert "\x1b" not in text


async def test_a_server_that_cannot_be_reached_is_tried_again(unused_port: int) -> None:
    config = S3SinkConfig.parse(
        {"bucket": "lake", "s3": s3_block(f"http://127.0.0.1:{unused_port}"), **SHORT}
    )
    sink = S3Sink()
    await sink.open(config)
    error = await flushed(sink, config, numbers(1))
    assert error is not None
    assert (error.kind, error.retryable) == (ErrorKind.CONNECTION, True)
    assert "cannot be reached" in error.message


@pytest.fixture
def unused_port() -> int:
    from services.ports import free_port

    return free_port()


async def test_check_says_what_is_wrong_and_changes_nothing(
    proxy: Proxy, bucket: str, content: Content
) -> None:
    assert (await S3Sink().check(through(proxy, bucket, prefix="a/{stream}"))).is_success()
    assert content.listed() == []
    missing = await S3Sink().check(through(proxy, "no-such-bucket"))
    assert "NoSuchBucket" in str(missing)
    assert {request.method for request in proxy.requests} == {"GET"}


async def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, configured: Any) -> None:
    for name in [name for name in sys.modules if name.startswith("rivven_connect._object_store.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConnectorError, match=r"pip install 'rivven-connect\[s3\]'"):
        await S3Sink().open(configured())
    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "rivven_connect.connectors.s3_sink.columns", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConnectorError, match=r"pip install 'rivven-connect\[s3,parquet\]'"):
        await S3Sink().open(configured(format="parquet"))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(ConnectorError, match=r"pip install 'rivven-connect\[s3\]'"):
        await S3Sink().open(configured(compression="zstd"))


@pytest.fixture
def public_only() -> Iterator[None]:
    set_network_policy("public_only")
    yield
    set_network_policy("any")


@pytest.mark.usefixtures("public_only")
@pytest.mark.parametrize("host", ["127.0.0.1:9000", "localhost", "169.254.169.254", "[::1]:9"])
async def test_n2_an_endpoint_that_is_not_public_is_refused(host: str) -> None:
    config = S3SinkConfig.parse({"bucket": "lake", "s3": s3_block(f"http://{host}")})
    with pytest.raises(ConnectorError, match="public_only"):
        await S3Sink().open(config)


@pytest.mark.usefixtures("public_only")
async def test_n2_nobody_asks_a_metadata_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "GOOGLE_SERVICE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_KEY"):
        monkeypatch.delenv(name, raising=False)
    azure = {"provider": "azure", "azure": {"account_name": "me"}}
    for more in ({}, {"provider": "gcs"}, azure):
        config = S3SinkConfig.parse({"bucket": "lake", **more})
        with pytest.raises(ConnectorError, match="metadata service"):
            await S3Sink().open(config)
    await S3Sink().open(S3SinkConfig.parse({"bucket": "lake", "s3": {"anonymous": True}}))


async def test_damaged_credentials_are_not_shown() -> None:
    config = S3SinkConfig.parse(
        {"provider": "gcs", "bucket": "lake", "gcs": {"service_account_key": "{not-a-real-key"}}
    )
    with pytest.raises(ConnectorError) as caught:
        await S3Sink().open(config)
    assert "not-a-real-key" not in str(caught.value)
