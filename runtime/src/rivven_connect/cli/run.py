"""`run`: runs a pipeline."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import click

from rivven_connect._errors import ExitCode
from rivven_connect._problems import escape_lines
from rivven_connect._registry import Registries
from rivven_connect.cli.logs import configure_logging, wants_json, watch_connector
from rivven_connect.cli.options import edge_options
from rivven_connect.cli.progress import LiveProgress, LogProgress, is_interactive
from rivven_connect.cli.signals import draining_on_signals
from rivven_connect.pipeline.checking import check_pipeline, check_selection
from rivven_connect.pipeline.engine import run_pipeline
from rivven_connect.pipeline.explain import explain as explain_plan
from rivven_connect.pipeline.loading import load_pipeline
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.planning import plan_pipeline
from rivven_connect.pipeline.store import StateStore
from rivven_connect.pipeline.summary import RunSummary


@click.command(
    help="""Run a pipeline until its sources end, or until SIGTERM or Ctrl-C.

    The first signal stops reading and delivers what was read (exit 0); a second one ends at once.

    \b
    Example:
      rivven-connect run pipeline.yaml
      rivven-connect run pipeline.yaml --explain
    """
)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--explain", is_flag=True, help="Print the guarantee of each path, and why; no run.")
@click.option("--dry-run", is_flag=True, help="Check everything against the real systems; no run.")
@click.option("--accept-config-change", is_flag=True, help="Not available in this version.")
@click.option("--allow-inline-secrets", is_flag=True, help="Accept secrets that stand in the file.")
@edge_options
def run(
    *,
    file: Path,
    explain: bool,
    dry_run: bool,
    accept_config_change: bool,
    allow_inline_secrets: bool,
    as_json: bool,
    debug: bool,  # read by the edge
) -> int:
    """Run a pipeline."""
    if accept_config_change:
        raise click.UsageError(
            "--accept-config-change is not available in this version: config changes are not "
            "compared with the saved state yet"
        )
    watch_connector()
    loaded = load_pipeline(file)
    plan = plan_pipeline(loaded, Registries.installed(), allow_inline_secrets=allow_inline_secrets)
    for warning in plan.warnings:
        click.echo(warning.render(), err=True)
    if explain:
        _explain(plan, as_json=as_json)
        return ExitCode.OK
    if dry_run:
        return asyncio.run(_dry_run(plan))
    _warn_of_loss(plan)
    _run(plan, as_json=as_json)
    return ExitCode.OK


def _run(plan: PipelinePlan, *, as_json: bool) -> None:
    """Run, and show what was done, also when an error ended it."""
    log = plan.settings.log
    configure_logging(log.level, log.format)
    live = is_interactive() and log.format == "auto"
    observer = LiveProgress() if live else LogProgress()
    store = StateStore.open(plan.state_dir, plan.name)
    try:
        asyncio.run(_drive(plan, store, observer))
    finally:
        observer.close()
        store.close()
        if observer.summary is not None:
            _show(plan, observer.summary, as_json=as_json)


async def _drive(
    plan: PipelinePlan, store: StateStore, observer: LiveProgress | LogProgress
) -> RunSummary:
    stop = asyncio.Event()
    with draining_on_signals(stop, plan.settings.shutdown_timeout_ms):
        return await run_pipeline(plan, store=store, observer=observer, stop=stop)


def _show(plan: PipelinePlan, summary: RunSummary, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(summary.to_dict()))
    elif wants_json(plan.settings.log.format):
        fields = {"fields": {"summary": summary.to_dict()}}
        logging.getLogger("rivven_connect.pipeline").info("finished", extra=fields)
    else:
        click.echo(summary.render(), err=True)
        for line in _dead_letters(plan, summary):
            click.echo(line, err=True)


def _dead_letters(plan: PipelinePlan, summary: RunSummary) -> Iterator[str]:
    """Yield a warning for each place that got dead letters: exit code 0 must not hide them."""
    for owner in (*plan.sources, *plan.sinks):
        known = summary.sources if owner in plan.sources else summary.sinks
        count = known[owner.name].dead_letters
        if count and owner.dead_letter is not None:
            path = os.path.relpath(owner.dead_letter.path)
            yield f"warning: {count:,} of {known[owner.name].read:,} records of {owner.name} became dead letters, in {path}"


def _explain(plan: PipelinePlan, *, as_json: bool) -> None:
    paths = explain_plan(plan)
    if as_json:
        click.echo(json.dumps([path.to_dict() for path in paths], indent=2))
    else:
        click.echo("\n".join(path.render() for path in paths))


def _warn_of_loss(plan: PipelinePlan) -> None:
    for path in explain_plan(plan):
        if path.level == "L0":
            click.echo(f"warning: {path.render()}", err=True)


async def _dry_run(plan: PipelinePlan) -> int:
    passed = True
    async for one in check_pipeline(plan):
        passed = passed and one.result.passed
        click.echo(escape_lines(f"{one.kind} {one.name}: {one.result}"))
    if not passed:
        return ExitCode.CONNECTOR
    for source in plan.sources:
        streams = await check_selection(plan, source)
        click.echo(f"source {source.name} would read: {', '.join(streams) or 'nothing'}")
    _explain(plan, as_json=False)
    return ExitCode.OK
