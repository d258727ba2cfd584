"""`dlq`: shows dead letters, and puts them through the pipeline again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

import click

from rivven_connect._errors import ExitCode, InputError
from rivven_connect._registry import Registries
from rivven_connect.cli.dead_letters import letter_counts, print_letter, print_result
from rivven_connect.cli.logs import configure_logging, watch_connector
from rivven_connect.cli.options import edge_options
from rivven_connect.cli.signals import draining_on_signals, run_until_drained
from rivven_connect.pipeline.loading import LoadedPipeline, load_pipeline
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.planning import plan_pipeline
from rivven_connect.pipeline.replay import plan_replay, replay
from rivven_connect.pipeline.replay_choice import (
    Chosen,
    ReplayResult,
    check_chosen,
    letter_files,
    stored_lines,
)
from rivven_connect.pipeline.store import StateStore

_file = click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
_owner = click.option(
    "--owner",
    "owners",
    multiple=True,
    metavar="OWNER",
    help="Only letters of this source or sink, as `sources/NAME` or `sinks/NAME`; may be repeated.",
)
_id = click.option(
    "--id", "ids", multiple=True, metavar="ID", help="Only this letter; may be repeated."
)


@click.group(
    help="""List, show and replay dead letters: records that a pipeline could not deliver.

    \b
    Example:
      rivven-connect dlq list pipeline.yaml
      rivven-connect dlq replay pipeline.yaml --dry-run
    """
)
def dlq() -> None:
    """Group the commands."""


@dlq.command(
    "list",
    short_help="Count dead letters by error and stream.",
    help="""Count the dead letters of each source and sink, by error and by stream.

    \b
    Example:
      rivven-connect dlq list pipeline.yaml
    """,
)
@_file
@edge_options
def list_(*, file: Path, as_json: bool, debug: bool) -> int:  # `debug` is read by the edge
    """Count the dead letters."""
    loaded = load_pipeline(file)
    found = list(letter_counts(loaded))
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in found], indent=2))
    else:
        for one in found:
            click.echo("\n".join(one.render()))
        if not any(one.letters or one.damaged for one in found):
            click.echo(f"{file} has no dead letters.")
    return ExitCode.OK


@dlq.command(
    short_help="Print dead letters.",
    help="""Print dead letters: what failed, where, why, and the record as it was.

    With --json, one JSON object per line.

    \b
    Example:
      rivven-connect dlq show pipeline.yaml --owner sinks/lake --limit 5
    """,
)
@_file
@_owner
@_id
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N letters.")
@edge_options
def show(
    *,
    file: Path,
    owners: Sequence[str],
    ids: Sequence[str],
    limit: int | None,
    as_json: bool,
    debug: bool,  # read by the edge
) -> int:
    """Print dead letters."""
    loaded = load_pipeline(file)
    _learn_secrets(loaded)
    chosen = Chosen(frozenset(owners), frozenset(ids))
    check_chosen(loaded, chosen)
    shown = 0
    for path in letter_files(loaded):
        for line in stored_lines(path):
            if limit is not None and shown >= limit:
                return ExitCode.OK
            if line.letter is not None and chosen.has(line.letter):
                print_letter(line.letter, as_json=as_json)
                shown += 1
            elif line.problem is not None and not ids:
                click.echo(line.problem.render(), err=True)
    if not shown:
        click.echo("There are no dead letters to show.", err=True)
    return ExitCode.OK


@dlq.command(
    "replay",
    short_help="Put dead letters through the pipeline again.",
    help="""Put dead letters through the pipeline again, each from the place where it failed.

    A letter of a transform enters at that transform, a letter of a sink behind the sink's transforms.
    Delivered letters are gone from their file; what fails again is kept, and exit code 3 says so.
    Stopped or killed, the next replay goes on. Records that the source could not parse are kept.

    \b
    Example:
      rivven-connect dlq replay pipeline.yaml --owner sinks/lake
      rivven-connect dlq replay pipeline.yaml --dry-run
    """,
)
@_file
@_owner
@_id
@click.option("--dry-run", is_flag=True, help="Say what would be replayed; no run.")
@click.option("--allow-inline-secrets", is_flag=True, help="Accept secrets that stand in the file.")
@edge_options
def replay_(
    *,
    file: Path,
    owners: Sequence[str],
    ids: Sequence[str],
    dry_run: bool,
    allow_inline_secrets: bool,
    as_json: bool,
    debug: bool,  # read by the edge
) -> int:
    """Replay dead letters."""
    watch_connector()
    loaded = load_pipeline(file)
    plan = plan_pipeline(loaded, Registries.installed(), allow_inline_secrets=allow_inline_secrets)
    chosen = Chosen(frozenset(owners), frozenset(ids))
    check_chosen(loaded, chosen)
    result = plan_replay(plan, chosen) if dry_run else _replay(plan, chosen)
    for problem in result.problems:
        click.echo(problem.render(), err=True)
    print_result(result, dry_run=dry_run, as_json=as_json)
    return ExitCode.OK if dry_run or result.is_complete else ExitCode.CONNECTOR


def _replay(plan: PipelinePlan, chosen: Chosen) -> ReplayResult:
    configure_logging(plan.settings.log.level, plan.settings.log.format)
    store = StateStore.open(plan.state_dir, plan.name)
    try:
        return run_until_drained(_drive(plan, chosen, store))
    finally:
        store.close()


async def _drive(plan: PipelinePlan, chosen: Chosen, store: StateStore) -> ReplayResult:
    stop = asyncio.Event()
    with draining_on_signals(stop, plan.settings.shutdown_timeout_ms):
        return await replay(plan, chosen, store=store, stop=stop)


def _learn_secrets(loaded: LoadedPipeline) -> None:
    """Register the pipeline's secrets, so that they are masked; where one is missing, it is not shown."""
    with contextlib.suppress(InputError):
        plan_pipeline(loaded, Registries.installed(), allow_inline_secrets=True)
