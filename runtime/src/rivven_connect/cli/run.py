"""`run`: runs a pipeline."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import click

from rivven_connect._errors import ExitCode, InputError, PipelineError
from rivven_connect._problems import escape_lines, escape_text
from rivven_connect._redaction import redact
from rivven_connect._registry import Registries
from rivven_connect.cli.logs import configure_logging, wants_json, watch_connector
from rivven_connect.cli.options import edge_options
from rivven_connect.cli.progress import (
    LiveProgress,
    LogProgress,
    Progress,
    collect_seldom,
    is_interactive,
)
from rivven_connect.cli.running import Run, run_watched
from rivven_connect.pipeline.explain import explain as explain_plan
from rivven_connect.pipeline.fingerprint import check_identity
from rivven_connect.pipeline.loading import LoadedPipeline, load_pipeline
from rivven_connect.pipeline.monitoring import RunState, endpoint_problems
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.planning import plan_pipeline
from rivven_connect.pipeline.store import StateStore
from rivven_connect.pipeline.summary import RunSummary

_log = logging.getLogger("rivven_connect.pipeline")


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
@click.option(
    "--accept-config-change",
    is_flag=True,
    help="Keep the saved state though a config names something else to read or write.",
)
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
    debug: bool,  # read by the edge as well
) -> int:
    """Run a pipeline."""
    watch_connector()
    collect_seldom()
    loaded = load_pipeline(file)
    plan = plan_pipeline(loaded, Registries.installed(), allow_inline_secrets=allow_inline_secrets)
    for warning in plan.warnings:
        click.echo(warning.render(), err=True)
    _check_endpoints(loaded)
    if explain:
        _explain(plan, as_json=as_json)
        return ExitCode.OK
    if dry_run:
        return asyncio.run(_dry_run(plan, as_json=as_json))
    _warn_of_loss(plan)
    debug = debug or os.environ.get("RIVVEN_DEBUG") == "1"
    _run(
        plan,
        as_json=as_json,
        accept_config_change=accept_config_change,
        allow_inline_secrets=allow_inline_secrets,
        debug=debug,
    )
    return ExitCode.OK


def _run(
    plan: PipelinePlan,
    *,
    as_json: bool,
    accept_config_change: bool,
    allow_inline_secrets: bool,
    debug: bool,
) -> None:
    """Run, and show what was done, also when an error ended it."""
    log = plan.settings.log
    configure_logging(log.level, log.format)
    live = is_interactive() and log.format == "auto"
    progress: Progress = LiveProgress() if live else LogProgress()
    state, elsewhere = RunState(plan, progress.started), None
    if plan.settings.workers > 1:
        state, elsewhere = _divided(
            plan, progress, allow_inline_secrets=allow_inline_secrets, debug=debug
        ) or (state, None)
    store = StateStore.open(plan.state_dir, plan.name)
    try:
        check_identity(plan, store, accept=accept_config_change)
        # What ended before it read is in no state's summary.
        state.summary = run_watched(plan, store, state, progress, elsewhere)
    except PipelineError as error:
        if as_json or not wants_json(log.format):
            raise
        fields = {"exit_code": int(error.exit_code)}
        _log.error("%s", error, extra={"fields": fields})  # no traceback for people
        raise click.exceptions.Exit(int(error.exit_code)) from error
    finally:
        store.close()
        if state.summary is not None:
            _show(plan, state.summary, as_json=as_json)


def _divided(
    plan: PipelinePlan, progress: Progress, *, allow_inline_secrets: bool, debug: bool
) -> tuple[RunState, Run] | None:
    """Return what runs the plan in several processes, and their state; None where one is enough."""
    from rivven_connect.cli.supervising import Supervisor  # noqa: PLC0415  # most runs have no workers
    from rivven_connect.pipeline.gathering import GatheredState  # noqa: PLC0415
    from rivven_connect.pipeline.groups import shares_of  # noqa: PLC0415

    shares = shares_of(plan)
    if len(shares) < 2:
        return None
    state = GatheredState(plan, progress.started)
    supervisor = Supervisor(
        plan, shares, state, allow_inline_secrets=allow_inline_secrets, debug=debug
    )
    return state, supervisor.run


def _check_endpoints(loaded: LoadedPipeline) -> None:
    """Warn of endpoints that others reach.

    Raises:
        InputError: an endpoint needs what is not installed.
    """
    problems = list(endpoint_problems(loaded))
    errors = [one for one in problems if one.severity == "error"]
    if errors:
        raise InputError(errors)
    for warning in problems:
        click.echo(warning.render(), err=True)


def _show(plan: PipelinePlan, summary: RunSummary, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(summary.to_dict()))
    elif wants_json(plan.settings.log.format):
        fields = {"fields": {"summary": summary.to_dict()}}
        for line in _dead_letters(plan, summary):
            _log.warning("%s", line)
        _log.info("finished", extra=fields)
    else:
        click.echo(escape_lines(redact(summary.render())), err=True)
        for line in _dead_letters(plan, summary):
            click.echo(f"warning: {line}", err=True)


def _dead_letters(plan: PipelinePlan, summary: RunSummary) -> Iterator[str]:
    """Yield a warning for each place that got dead letters: exit code 0 must not hide them."""
    for owner in (*plan.sources, *plan.sinks):
        known = summary.sources if owner in plan.sources else summary.sinks
        count = known[owner.name].dead_letters
        if count and owner.dead_letter is not None:
            place, read = owner.dead_letter, known[owner.name].read
            path = os.path.relpath(place.path)
            line = f"{count:,} of {read:,} records of {owner.name} became dead letters, in {path}"
            if count > place.max_ratio * read and not summary.failed:
                line += (
                    f"; that is more than max_ratio {place.max_ratio:g}, and too few records to stop: "
                    f"the window of {place.window:,} tolerates {place.max_ratio * place.window:,.0f}"
                )
            yield f"{line}; `rivven dlq show {plan.path}` prints them"


def _explain(plan: PipelinePlan, *, as_json: bool) -> None:
    paths = explain_plan(plan)
    if as_json:
        click.echo(json.dumps([path.to_dict() for path in paths], indent=2))
        return
    click.echo("\n".join(f"{path.render()}\n  records: {path.records}" for path in paths))
    if plan.settings.workers > 1:
        from rivven_connect.pipeline.groups import render_shares  # noqa: PLC0415  # as above

        click.echo("\n".join(render_shares(plan)))


def _warn_of_loss(plan: PipelinePlan) -> None:
    for path in explain_plan(plan):
        if path.level == "L0":
            click.echo(f"warning: {path.render()}", err=True)


async def _dry_run(plan: PipelinePlan, *, as_json: bool) -> int:
    from rivven_connect.pipeline.checking import check_pipeline, check_selection  # noqa: PLC0415

    checks = []
    async for one in check_pipeline(plan):
        checks.append(one)
        if not as_json:
            click.echo(escape_lines(f"{one.kind} {one.name}: {one.result}"))
    passed = all(one.result.passed for one in checks)
    streams: dict[str, list[str]] = {}
    for source in plan.sources if passed else ():
        streams[source.name] = [redact(name) for name in await check_selection(plan, source)]
        if not as_json:
            names = escape_text(", ".join(streams[source.name]), limit=2000)
            click.echo(f"source {source.name} would read: {names or 'nothing'}")
    if as_json:
        paths = [path.to_dict() for path in explain_plan(plan)]
        rows = [one.to_dict() for one in checks]
        click.echo(json.dumps({"checks": rows, "streams": streams, "paths": paths}, indent=2))
    elif passed:
        _explain(plan, as_json=False)
    return ExitCode.OK if passed else ExitCode.CONNECTOR
