"""Streams in a manifest: how many fit, and where they stand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rivven_generator.importers.yaml_text import manifest_yaml

_ROOM: Final = 960_000
"""Bytes for the streams; a manifest has at most 1 MiB."""
_VALUES: Final = 45_000
_OBJECTS: Final = 4_500
"""Values and described objects for the streams; `lint.limits` allows a little more."""
_DEEPEST_PROSE: Final = 60
"""Columns of indentation from which on a line may hold as little as one word."""


def fitting(streams: Sequence[dict[str, Any]]) -> Iterator[bool]:
    """Yield for each stream whether it fits into the manifest, beside those before it that do."""
    most = [_most_bytes(stream) for stream in streams]
    is_close = sum(most) > _ROOM
    used = values = objects = 0
    for stream, size in zip(streams, most, strict=True):
        # What surely fits, or surely does not, need not be written to be measured.
        is_worth_it = is_close and used < _ROOM and size < 3 * _ROOM
        exact = len(manifest_yaml({"streams": [stream]}).encode()) if is_worth_it else size
        more_values, more_objects = _counts(stream)
        fits = (
            used + exact <= _ROOM
            and values + more_values <= _VALUES
            and objects + more_objects <= _OBJECTS
        )
        if fits:
            used, values, objects = used + exact, values + more_values, objects + more_objects
        yield fits


def _counts(stream: dict[str, Any]) -> tuple[int, int]:
    """Return how many values a stream is made of, and how many objects its schema describes."""
    values = objects = 0
    waiting: list[Any] = [stream]
    while waiting:
        value = waiting.pop()
        values += 1
        if isinstance(value, dict):
            objects += isinstance(value.get("properties"), dict)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return values, objects


def _most_bytes(stream: dict[str, Any]) -> int:
    """Return the bytes that a stream has as YAML, or a little more."""
    size = 0
    waiting: list[tuple[Any, int]] = [(stream, 4)]
    while waiting:
        value, indent = waiting.pop()
        if isinstance(value, dict):
            size += sum(indent + _escaped(key) + 3 for key in value)
            waiting += [(item, indent + 2) for item in value.values()]
        elif isinstance(value, list):
            size += (indent + 3) * len(value)
            waiting += [(item, indent + 2) for item in value]
        elif isinstance(value, str):
            words = value.count(" ") if indent > _DEEPEST_PROSE else len(value) // 40
            size += _escaped(value) + (value.count("\n") + words + 1) * (indent + 2)
        else:
            size += len(json.dumps(value)) + 1
    return size


def _escaped(text: str) -> int:
    return len(json.dumps(text))


def with_streams(manifest: Mapping[str, Any], streams: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the manifest with its streams where a person would write them: before the tests."""
    rest = {key: value for key, value in manifest.items() if key != "tests"}
    tests = {"tests": manifest["tests"]} if "tests" in manifest else {}
    return {**rest, "streams": list(streams), **tests} if streams else dict(manifest)
