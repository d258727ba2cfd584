"""`check`: asks a connector, or every connector of a pipeline, whether it can do its work."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click

from rivven_connect._adapters import check_connector
from rivven_connect._errors import ExitCode
from rivven_connect._problems import escape_lines
from rivven_connect._registry import Registries
from rivven_connect.cli.logs import watch_connector
from rivven_connect.cli.options import (
    CONNECTOR_HELP,
    config_options,
    connector_argument,
    edge_options,
)
from rivven_connect.cli.target import find_target
from rivven_connect.pipeline.checking import check_pipeline
from rivven_connect.pipeline.loading import load_pipeline
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.planning import plan_pipeline


@click.command(
    help=f"""Check a connector, or all of a pipeline, against the real systems.

    {CONNECTOR_HELP} A pipeline file is checked whole. Exit code 3 means that a check failed.

    \b
    Example:
      rivven-connect check source:jsonl --config jsonl.yaml
      rivven-connect check pipeline.yaml
    """
)
@connector_argument
@config_options
@edge_options
def check(
    connector: str,
    config: Path | None,
    allow_inline_secrets: bool,
    as_json: bool,
    debug: bool,  # read by the edge
) -> int:
    """Check a connector or pipeline."""
    if Path(connector).is_file() or connector.endswith((".yaml", ".yml")):
        if config is not None:
            raise click.UsageError("--config belongs to a connector; a pipeline has its own")
        watch_connector()
        plan = plan_pipeline(
            load_pipeline(connector),
            Registries.installed(),
            allow_inline_secrets=allow_inline_secrets,
        )
        return asyncio.run(_check_pipeline(plan, as_json=as_json))
    target = find_target(connector)
    if target.kind == "transform":
        raise click.UsageError("a transform connects to nothing; there is nothing to check")
    parsed = target.config(config, allow_inline_secrets=allow_inline_secrets)
    result = asyncio.run(check_connector(target.factory.create(), parsed))
    click.echo(json.dumps(result.to_json(), indent=2) if as_json else escape_lines(str(result)))
    if result.passed and not result.checks and not as_json:
        click.echo("the connector has no checks of its own; its config is valid", err=True)
    return ExitCode.OK if result.passed else ExitCode.CONNECTOR


async def _check_pipeline(plan: PipelinePlan, *, as_json: bool) -> int:
    for warning in plan.warnings:
        click.echo(warning.render(), err=True)
    found = []
    async for one in check_pipeline(plan):
        found.append(one)
        if not as_json:
            click.echo(escape_lines(f"{one.kind} {one.name}: {one.result}"))
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in found], indent=2))
    return ExitCode.OK if all(one.result.passed for one in found) else ExitCode.CONNECTOR
