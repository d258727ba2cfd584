"""Streams: names, hooks, keys, cursors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec.structs

from rivven_connect.documents import Problem, escape_text
from rivven_generator import naming
from rivven_generator.lint.records import follow
from rivven_generator.lint.subject import Whole
from rivven_generator.structure import suggestion


def names(whole: Whole) -> Iterator[Problem]:
    """No two streams share a hook or a record type, on any file system."""
    seen: dict[str, int] = {}
    for index, stream in enumerate(whole.manifest.streams):
        keys = {naming.collision_key(stream.hook), naming.collision_key(stream.record_class)}
        first = min((seen[key] for key in keys if key in seen), default=None)
        for key in keys:
            seen.setdefault(key, index)
        if first is not None:
            where = whole.top.place(("streams", first, "name"))
            same = stream.name == whole.manifest.streams[first].name
            yield whole.top.problem(
                "RVN402",
                f"the stream at {where} is called the same"
                if same
                else f"this stream and the one at {where} get the same Python name",
                ("streams", index, "name"),
                hint="rename one of the two",
            )


def record_types(whole: Whole) -> Iterator[Problem]:
    """A stream's record type is not called like a class of the connector."""
    own = msgspec.structs.astuple(whole.manifest.class_names)
    for index, stream in enumerate(whole.manifest.streams):
        if stream.record_class in own:
            yield whole.top.problem(
                "RVN402",
                f"the record type of this stream and the connector's class are both `{stream.record_class}`",
                ("streams", index, "name"),
                hint="rename the stream, or choose another `package`",
            )


def hooks(whole: Whole) -> Iterator[Problem]:
    """A stream's hook is not a method that the contract gives another meaning."""
    for index, stream in enumerate(whole.manifest.streams):
        if naming.is_contract_hook(stream.hook):
            yield whole.top.problem(
                "RVN403",
                f"the hook `{stream.hook}` already means something else",
                ("streams", index, "name"),
                hint=f"call the stream `{stream.name}s`",
            )


def fields(whole: Whole) -> Iterator[Problem]:
    """Primary key and cursor are fields of the record schema, where it lists its fields."""
    for index, stream in enumerate(whole.manifest.streams):
        paths: list[tuple[tuple[str | int, ...], list[str]]] = [
            (("primary_key", number), path) for number, path in enumerate(stream.primary_key)
        ]
        if stream.cursor:
            paths.append((("cursor",), [stream.cursor]))
        for at, path in paths:
            missing, known = _undeclared(stream.schema_, path)
            if missing is not None:
                yield whole.top.problem(
                    "RVN406",
                    f"the record schema has no field `{escape_text(missing, limit=60)}`",
                    ("streams", index, *at),
                    hint=suggestion(missing, known),
                )


def _undeclared(root: Mapping[str, Any], path: list[str]) -> tuple[str | None, list[str]]:
    """Return the first name of `path` that a listing of fields lacks, and the listing."""
    node: Any = root
    for name in path:
        node = follow(root, node)
        declared = node.get("properties") if isinstance(node, Mapping) else None
        if not isinstance(declared, Mapping):
            return None, []
        if name not in declared:
            return name, list(declared)
        node = declared[name]
    return None, []


def modes(whole: Whole) -> Iterator[Problem]:
    """What needs a cursor has one; `incremental: true` says that the source reads by itself."""
    declared = whole.top.root.get("incremental") is True
    for index, stream in enumerate(whole.manifest.streams):
        if stream.cursor:
            continue
        at: tuple[str | int, ...] = ("streams", index)
        if "incremental" in stream.sync_modes and not declared:
            at = (*at, "sync_modes")
        elif stream.cursor_order == "ascending":
            at = (*at, "cursor_order")
        else:
            continue
        yield whole.top.problem(
            "RVN407", f"`{at[-1]}` needs a cursor", at, hint="declare `cursor`, or remove this"
        )
