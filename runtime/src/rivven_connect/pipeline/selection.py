"""Which streams a pipeline reads, how, and what each sink is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from rivven_connect._catalog import (
    Catalog,
    ConfiguredCatalog,
    ConfiguredStream,
    DestinationSyncMode,
    Stream,
    SyncMode,
)
from rivven_connect._cursor import COMPLETE
from rivven_connect._errors import ConnectorError, InputError
from rivven_connect._hooks import FINISHED
from rivven_connect._json import JsonObject
from rivven_connect._problems import Problem
from rivven_connect._state import GLOBAL_STREAM
from rivven_connect.pipeline.file import StreamBlock
from rivven_connect.pipeline.loading import LoadedPipeline
from rivven_connect.pipeline.plan import SinkPlan, SourcePlan

_MODES = {
    "append": DestinationSyncMode.APPEND,
    "overwrite": DestinationSyncMode.OVERWRITE,
    "upsert": DestinationSyncMode.APPEND_DEDUP,
}


def configured_catalog(
    plan: SourcePlan, catalog: Catalog, loaded: LoadedPipeline
) -> ConfiguredCatalog:
    """Return the streams that the pipeline chose, each in its mode; without a choice, all.

    Raises:
        InputError: the source does not offer a chosen stream, or not in the chosen mode.
    """
    if plan.streams is None:
        return ConfiguredCatalog.from_catalog(catalog)
    chosen: list[ConfiguredStream] = []
    problems: list[Problem] = []
    for index, block in enumerate(plan.streams):
        at = ("sources", plan.name, "streams", index)
        stream = _find(catalog, block.name)
        if stream is None:
            names = [one.full_name() for one in catalog.streams]
            hint = _near(block.name, names) or f"it offers {', '.join(names)}"
            message = f"{plan.name} does not offer a stream {block.name!r}"
            problems.append(loaded.problem("RVN720", at, message, hint=hint))
            continue
        problems += _unknown_fields(stream, block, at, loaded)
        try:
            chosen.append(_configured(stream, block))
        except ConnectorError as error:
            problems.append(loaded.problem("RVN720", at, str(error)))
    if problems:
        raise InputError(problems)
    return ConfiguredCatalog(chosen)


def read_again(catalog: ConfiguredCatalog, state: Mapping[str, JsonObject]) -> list[str]:
    """Return the streams that are read whole, as they were by an earlier sync that has ended."""
    ended = state.get(GLOBAL_STREAM, {}).get(FINISHED, 0)
    return [
        name
        for one in catalog.streams
        if one.sync_mode is SyncMode.FULL_REFRESH
        and 0 < state.get(name := one.stream.full_name(), {}).get(COMPLETE, 0) <= ended
    ]


def catalog_for_sink(
    plan: SinkPlan, sources: Iterable[tuple[SourcePlan, ConfiguredCatalog]]
) -> ConfiguredCatalog:
    """Return the streams that a sink will get, in its write mode.

    A name that several sources use is one stream, with the fields of all.
    """
    found: dict[str, ConfiguredStream] = {}
    for source, catalog in sources:
        if source.topic in plan.topics:
            for one in catalog.streams:
                changed = msgspec.structs.replace(one, destination_sync_mode=_MODES[plan.mode])
                name = one.stream.full_name()
                found[name] = _merged(found[name], changed) if name in found else changed
    return ConfiguredCatalog(list(found.values()))


def _unknown_fields(
    stream: Stream, block: StreamBlock, at: tuple[str | int, ...], loaded: LoadedPipeline
) -> Iterator[Problem]:
    """Yield the chosen fields that the stream's schema does not know, if it has one."""
    known = sorted(stream.json_schema.get("properties", {}))
    for index, name in enumerate(block.fields or ()):
        if known and name not in known:
            hint = _near(name, known) or f"it has {', '.join(known)}"
            message = f"stream {block.name!r} has no field {name!r}"
            yield loaded.problem("RVN724", (*at, "fields", index), message, hint=hint)


def _merged(first: ConfiguredStream, second: ConfiguredStream) -> ConfiguredStream:
    old, new = first.stream.json_schema, second.stream.json_schema
    if old == new:
        return first
    fields = {**old.get("properties", {}), **new.get("properties", {})}
    needed = [one for one in old.get("required", []) if one in new.get("required", [])]
    schema = {**old, **new, "properties": fields, "required": needed}
    stream = msgspec.structs.replace(first.stream, json_schema=schema)
    return msgspec.structs.replace(first, stream=stream)


def _configured(stream: Stream, block: StreamBlock) -> ConfiguredStream:
    configured = ConfiguredStream.from_stream(stream, mode=block.mode)
    return msgspec.structs.replace(configured, fields=block.fields)


def _find(catalog: Catalog, name: str) -> Stream | None:
    """Return the stream of that full name, or else of that bare name."""
    full = [one for one in catalog.streams if one.full_name() == name]
    return full[0] if full else catalog.find_stream(name)


def _near(name: str, known: Sequence[str]) -> str:
    import difflib  # noqa: PLC0415  # only after a typing error

    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""
