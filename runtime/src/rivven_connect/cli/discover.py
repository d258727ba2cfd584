"""`discover`: lists the streams that a source offers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click
import msgspec

from rivven_connect._adapters import opened
from rivven_connect._catalog import Catalog, Stream
from rivven_connect._problems import escape_text
from rivven_connect._redaction import redact
from rivven_connect.cli.options import (
    CONNECTOR_HELP,
    config_options,
    connector_argument,
    edge_options,
)
from rivven_connect.cli.target import connector_errors, find_target


@click.command(
    help=f"""List the streams that a source offers; with --json, the whole catalog.

    {CONNECTOR_HELP}

    \b
    Example:
      rivven-connect discover source:jsonl --config jsonl.yaml
    """
)
@connector_argument
@config_options
@edge_options
def discover(
    connector: str,
    config: Path | None,
    allow_inline_secrets: bool,
    as_json: bool,
    debug: bool,  # read by the edge
) -> None:
    """List a source's streams."""
    target = find_target(connector, kind="source")
    parsed = target.config(config, allow_inline_secrets=allow_inline_secrets)
    with connector_errors(f"{connector} cannot be discovered"):
        catalog = asyncio.run(_discover(target.factory.create(), parsed))
    if as_json:
        text = msgspec.json.encode(catalog).decode()
        click.echo(msgspec.json.format(redact(text), indent=2))
    elif not catalog.streams:
        click.echo("no streams", err=True)
    for stream in () if as_json else catalog.streams:
        click.echo(_line(stream))


async def _discover(source: Any, config: Any) -> Catalog:
    async with opened(source, config):
        found: Catalog = await source.discover(config)
        return found


def _line(stream: Stream) -> str:
    parts = [escape_text(redact(stream.full_name())), f"[{', '.join(stream.supported_sync_modes)}]"]
    if stream.source_defined_primary_key:
        key = ", ".join(".".join(path) for path in stream.source_defined_primary_key)
        parts.append(f"key {escape_text(redact(key))}")
    if stream.default_cursor_field:
        parts.append(
            f"cursor {escape_text(redact(stream.default_cursor_field))} ({stream.cursor_order})"
        )
    return "  ".join(parts)
