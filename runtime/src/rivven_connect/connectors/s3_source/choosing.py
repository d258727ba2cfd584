"""Which objects are read, and what they hold by the endings of their keys."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

import msgspec

from rivven_connect import ConnectorError
from rivven_connect._problems import escape_text
from rivven_connect.connectors.s3_source._generated import S3SourceConfig

_FORMATS = {
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "json",
    "csv": "csv",
    "parquet": "parquet",
}
_COMPRESSIONS = {"gz": "gzip", "gzip": "gzip", "zst": "zstd", "zstd": "zstd"}


class Kind(msgspec.Struct, frozen=True):
    """What an object holds."""

    format: str
    compression: str


def matcher_of(config: S3SourceConfig) -> Callable[[str], bool]:
    """Return what says of a key whether its object is read."""
    prefix = config.prefix.strip("/")
    start = len(prefix) + 1 if prefix else 0
    pattern = re.compile(fnmatch.translate(config.pattern))
    return lambda key: pattern.match(key[start:]) is not None


def kind_of(config: S3SourceConfig, key: str) -> Kind:
    """Return what an object holds, by the config or by the ending of its key.

    Raises:
        ConnectorError: neither says it.
    """
    parts = key.rpartition("/")[2].lower().split(".")[1:]
    compression = "none"
    if parts and parts[-1] in _COMPRESSIONS:
        compression = _COMPRESSIONS[parts.pop()]
    if config.compression != "auto":
        compression = config.compression
    found = config.format
    if found == "auto":
        named = _FORMATS.get(parts[-1]) if parts else None
        if named is None:
            raise ConnectorError.configuration(
                f"{escape_text(key, limit=300)}: its ending names no format; set `format`, or choose "
                "other objects with `pattern`"
            )
        return Kind(named, "none" if named == "parquet" else compression)
    return Kind(found, "none" if found == "parquet" else compression)
