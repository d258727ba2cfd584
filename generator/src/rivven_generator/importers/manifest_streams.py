"""Streams in a manifest: how many fit, and where they stand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rivven_generator.importers.yaml_text import manifest_yaml

_ROOM: Final = 960_000
"""Bytes for the streams; a manifest has at most 1 MiB."""
_SURELY_FITS: Final = 150_000
"""Characters of JSON that stay below it as YAML, however deep they are indented."""


def fitting(streams: Sequence[dict[str, Any]]) -> Iterator[bool]:
    """Yield for each stream whether it fits into the manifest, beside those before it that do."""
    sizes = [len(json.dumps(stream)) for stream in streams]
    if sum(sizes) <= _SURELY_FITS:
        yield from (True for _ in streams)
        return
    used = 0
    for stream, size in zip(streams, sizes, strict=True):
        fits = size <= _ROOM and used < _ROOM
        if fits:
            written = len(manifest_yaml({"streams": [stream]}).encode())
            fits = used + written <= _ROOM
            used += written if fits else 0
        yield fits


def with_streams(manifest: Mapping[str, Any], streams: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the manifest with its streams where a person would write them: before the tests."""
    rest = {key: value for key, value in manifest.items() if key != "tests"}
    tests = {"tests": manifest["tests"]} if "tests" in manifest else {}
    return {**rest, "streams": list(streams), **tests} if streams else dict(manifest)
