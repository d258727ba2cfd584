"""`read`: prints what a source yields, as JSON Lines."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from rivven_connect._adapters import close_iterator, opened
from rivven_connect._batch import EventBatch, Item, Poison
from rivven_connect._catalog import Catalog, ConfiguredCatalog, ConfiguredStream
from rivven_connect._documents import load_document
from rivven_connect._errors import ConnectorError, InputError, PipelineError
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import JsonObject, encode_json
from rivven_connect._problems import Problem
from rivven_connect._redaction import redact, redact_json
from rivven_connect._state import State
from rivven_connect.cli.options import (
    CONNECTOR_HELP,
    config_options,
    connector_argument,
    edge_options,
)
from rivven_connect.cli.target import connector_errors, find_target


@click.command(
    help=f"""Print a source's events as JSON Lines.

    {CONNECTOR_HELP} Nothing is saved: the same command prints the same events. A line's `state` is
    what --state takes to go on behind it, as an object `{{stream: state}}`.

    \b
    Example:
      rivven-connect read source:jsonl --config jsonl.yaml --limit 10
    """
)
@connector_argument
@config_options
@click.option(
    "--state", "state_file", type=click.Path(path_type=Path), metavar="FILE", help="Resume here."
)
@click.option("--stream", "streams", multiple=True, metavar="S", help="Only this stream; repeat.")
@click.option(
    "--limit", type=click.IntRange(min=0), metavar="N", help="Stop after so many records."
)
@edge_options
def read(
    *,
    connector: str,
    config: Path | None,
    allow_inline_secrets: bool,
    state_file: Path | None,
    streams: tuple[str, ...],
    limit: int | None,
    as_json: bool,  # read by the edge; the output is JSON anyway
    debug: bool,  # read by the edge
) -> None:
    """Print a source's events."""
    target = find_target(connector, kind="source")
    parsed = target.config(config, allow_inline_secrets=allow_inline_secrets)
    state = _load_state(state_file) if state_file else None
    with connector_errors(f"{connector} cannot be read"):
        poisoned = asyncio.run(_print(target.factory.create(), parsed, streams, state, limit))
    if poisoned:
        raise PipelineError(f"{poisoned} records could not be parsed")


async def _print(
    source: Any, config: Any, streams: tuple[str, ...], state: State | None, limit: int | None
) -> int:
    """Print events until the end or the limit; return how many records were unreadable."""
    poisoned = printed = 0
    async with opened(source, config):
        catalog = _choose(await source.discover(config), streams)
        items: AsyncIterator[Item] = source.read(config, catalog, state)
        try:
            async for item in items:
                poisoned += isinstance(item, Poison)
                for line, is_record in _lines(item):
                    if is_record and printed == limit:
                        return poisoned
                    printed += is_record
                    sys.stdout.buffer.write(encode_json(line) + b"\n")
                sys.stdout.buffer.flush()
                if printed == limit:
                    return poisoned
        finally:
            await close_iterator(items)
    return poisoned


def _lines(item: Item) -> Iterator[tuple[JsonObject, bool]]:
    if isinstance(item, Poison):
        raw = base64.b64encode(item.raw).decode("ascii")
        yield (
            {
                "event_type": "poison",
                "stream": redact(item.stream),
                "error": redact(item.error),
                "raw_base64": raw,
            },
            True,
        )
    elif isinstance(item, EventBatch):
        yield from ((_line(event), True) for event in item.events())
        if not item.records and item.state is not None:
            yield (
                {
                    "event_type": EventType.STATE.value,
                    "stream": redact(item.stream),
                    "state": redact_json(item.state),
                },
                False,
            )
    else:
        yield _line(item), item.is_data


def _line(event: SourceEvent) -> JsonObject:
    found: JsonObject = {"event_type": event.event_type.value, "stream": redact(event.stream)}
    optional = {
        "namespace": event.namespace,
        "timestamp": event.timestamp,
        "metadata": event.metadata,
        "position": event.position,
        "state": event.state,
    }
    for key, value in optional.items():
        if value is not None:
            found[key] = redact_json(msgspec.to_builtins(value))
    # A record is never changed; what a log event or a state says is not a record.
    found["data"] = event.data if event.is_data else redact_json(event.data)
    return found


def _choose(catalog: Catalog, names: tuple[str, ...]) -> ConfiguredCatalog:
    if not names:
        return ConfiguredCatalog.from_catalog(catalog)
    offered = {one.full_name(): one for one in catalog.streams}
    chosen = []
    for name in names:
        stream = offered.get(name) or catalog.find_stream(name)
        if stream is None:
            problem = Problem(
                code="RVN720",
                message=f"there is no stream {name!r}",
                hint=f"it offers {', '.join(offered) or 'none'}",
                path="--stream",
            )
            raise InputError([problem])
        chosen.append(ConfiguredStream.from_stream(stream))
    return ConfiguredCatalog(chosen)


def _load_state(path: Path) -> State:
    document = load_document(path)
    try:
        return State.from_json(document.value)
    except ConnectorError as error:
        raise InputError([document.problem("RVN721", str(error))]) from None
