"""What the s3 sink writes, the s3 source reads, whoever keeps the objects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rivven_connect import ConfiguredCatalog, EventBatch, SinkRegistry, SourceRegistry
from rivven_connect._object_store.opening import open_bucket
from rivven_connect.connectors.s3_sink import S3Sink
from rivven_connect.connectors.s3_sink._generated import S3SinkConfig
from rivven_connect.connectors.s3_source import S3Source
from rivven_connect.connectors.s3_source._generated import S3SourceConfig
from services.object_store import ObjectStore
from tests.connectors.azure_kit import ACCOUNT, BlobService, blob_service
from tests.connectors.object_kit import proxied, s3_block

SIGNATURE = "not-a-real-signature"
SAS_TOKEN = f"sv=2023-11-03&sig={SIGNATURE}"
S3_SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=not-a-real-key/20260131/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
"""Takes the place of Google's token, which the S3 server cannot read; it checks none."""
ACCOUNT_KEY = "bm90LWEtcmVhbC1rZXk="


@pytest.fixture
def azure() -> Iterator[BlobService]:
    with blob_service() as service:
        service.containers["lake"] = {}
        yield service


@pytest.fixture(params=["s3", "gcs", "azure", "azure-sas", "local"])
def place(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    object_store: ObjectStore,
    bucket: str,
    azure: BlobService,
) -> Iterator[dict[str, Any]]:
    """What a config says of a bucket of each kind."""
    block: dict[str, Any] = {"account_name": ACCOUNT, "endpoint": azure.endpoint}
    match request.param:
        case "s3":
            yield {"bucket": bucket, "s3": s3_block(object_store.endpoint)}
        case "gcs":
            bucket = bucket.replace(
                "-", ""
            )  # the client encodes the rest, and the server does not decode it
            object_store.create_bucket(bucket)
            with proxied(object_store.endpoint) as proxy:
                proxy.instead = {"authorization": S3_SIGNATURE}
                key = {"gcs_base_url": proxy.endpoint, "disable_oauth": True}
                key |= dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
                secret = {"endpoint": proxy.endpoint, "service_account_key": json.dumps(key)}
                yield {"provider": "gcs", "bucket": bucket, "gcs": secret}
        case "azure":
            block["account_key"] = ACCOUNT_KEY
            yield {"provider": "azure", "bucket": "lake", "azure": block}
        case "azure-sas":
            block["sas_token"] = SAS_TOKEN
            yield {"provider": "azure", "bucket": "lake", "azure": block}
        case _:
            yield {"provider": "local", "bucket": "lake", "local": {"root": str(tmp_path)}}


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
async def test_what_is_written_is_read(place: dict[str, Any], format_: str) -> None:
    small = [{"id": n, "kind": f"ü/{n % 3}"} for n in range(9)]
    large = [{"id": 100 + n, "text": f"{n}" * 400_000} for n in range(30)]
    config = S3SinkConfig.parse(
        {**place, "prefix": "a b", "format": format_, "partition_fields": ["kind"]}
    )
    sink = S3Sink()
    assert (await sink.check(config)).is_success()
    await sink.open(config)
    await sink.write_batches(
        config, [EventBatch(stream="../s", records=small), EventBatch(stream="l", records=large)]
    )
    await sink.flush(config)
    await sink.close()
    wanted = S3SourceConfig.parse({**place, "prefix": "a b", "stream": "x"})
    source = S3Source()
    assert (await source.check(wanted)).is_success()
    await source.open(wanted)
    catalog = ConfiguredCatalog.from_catalog(await source.discover(wanted))
    batches = [item async for item in source.read(wanted, catalog, None)]
    assert all(isinstance(item, EventBatch) for item in batches)
    found = [row for item in batches if isinstance(item, EventBatch) for row in item.rows()]
    assert sorted(row["id"] for row in found) == [*range(9), *range(100, 130)]
    assert sorted(map(str, found)) == sorted(map(str, [*small, *large]))


async def test_a_signature_in_a_url_is_in_no_message(azure: BlobService) -> None:
    block = {"account_name": ACCOUNT, "endpoint": azure.endpoint, "sas_token": SAS_TOKEN}
    config = S3SinkConfig.parse({"provider": "azure", "bucket": "nowhere", "azure": block})
    verdict = str(await S3Sink().check(config))
    assert any(SIGNATURE in query for query in azure.queries)
    assert "ContainerNotFound" in verdict
    assert SIGNATURE not in verdict
    assert "sig=" not in verdict


@pytest.mark.parametrize("name", ["s3", "gcs", "azure-blob"])
def test_the_connectors_have_other_names(name: str) -> None:
    assert SinkRegistry.installed().get(name) is not None
    assert SourceRegistry.installed().get(name) is not None


def test_no_extra_is_loaded_before_it_is_used() -> None:
    code = """
import sys
import rivven_connect.connectors.s3_sink, rivven_connect.connectors.s3_source
print(sorted({"obstore", "pyarrow", "zstandard", "urllib.request"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"[]\n"


def test_the_folders_above_a_local_object_are_brought_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new folder is lost with its name, whatever was synced inside of it."""
    config = S3SinkConfig.parse(
        {"provider": "local", "bucket": "lake", "local": {"root": str(tmp_path)}}
    )
    synced: set[str] = set()
    monkeypatch.setattr(
        os, "fsync", lambda number: synced.add(os.readlink(f"/proc/self/fd/{number}"))
    )
    open_bucket(config).put("a/b/c.jsonl", b"{}")
    names = ("", "/lake", "/lake/a", "/lake/a/b", "/lake/a/b/c.jsonl")
    assert synced == {f"{tmp_path}{name}" for name in names}
