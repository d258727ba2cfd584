"""`state`: shows, saves, brings back and resets what a pipeline remembers."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import msgspec.structs

from rivven_connect._errors import ExitCode, InputError
from rivven_connect._problems import Problem, escape_text
from rivven_connect._redaction import redact
from rivven_connect.cli.logs import configure_logging
from rivven_connect.cli.options import edge_options
from rivven_connect.cli.state_view import count_states, snapshot_lines, snapshot_to_json, tell
from rivven_connect.pipeline.loading import load_pipeline
from rivven_connect.pipeline.private_files import replace_file
from rivven_connect.pipeline.snapshot import Snapshot, read_snapshot
from rivven_connect.pipeline.state_edit import Content, edits, replace_state, reset_state
from rivven_connect.pipeline.state_exchange import export_state, load_import
from rivven_connect.pipeline.state_rows import StateRow

_FILE = click.Path(path_type=Path)
_pipeline = click.argument("file", type=_FILE, metavar="PIPELINE")


@click.group(
    help="""Show, export, import and reset the saved state of a pipeline.

    The state says how far each source was read. It is kept per pipeline file, in
    `.rivven-state` beside it, and nothing but these commands ever empties it.

    \b
    Example:
      rivven-connect state show pipeline.yaml
      rivven-connect state reset pipeline.yaml --source shop
    """
)
def state() -> None:
    """Group of the commands below."""


@state.command(
    help="""Show how far each source was read; works while the pipeline runs.

    \b
    Example:
      rivven-connect state show pipeline.yaml
    """
)
@_pipeline
@edge_options
def show(*, file: Path, as_json: bool, debug: bool) -> int:
    """Print a saved state."""
    folder, name = _place(file)
    found = read_snapshot(folder, name)
    if as_json:
        click.echo(redact(json.dumps(snapshot_to_json(folder, name, found), indent=2)))
    else:
        for line in snapshot_lines(found) if found else [f"pipeline {name} has no saved state yet"]:
            click.echo(escape_text(redact(line), limit=2000))
    return ExitCode.OK


@state.command(
    help="""Write the state as JSON: to keep it, to look into it, to import it elsewhere.

    What the pipeline's configs named when it was saved is not in the file. The file is
    private (0600).

    \b
    Example:
      rivven-connect state export pipeline.yaml --output state.json
    """
)
@_pipeline
@click.option("--output", type=_FILE, metavar="FILE", help="Where to; default: standard output.")
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
@edge_options
def export(*, file: Path, output: Path | None, force: bool, as_json: bool, debug: bool) -> int:
    """Export a saved state."""
    found = _existing(file)
    text = json.dumps(export_state(found), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return ExitCode.OK
    if os.path.lexists(output) and not force:
        raise InputError([_problem("RVN734", output, "the file exists", "--force replaces it")])
    try:
        replace_file(output, [text.encode("utf-8")])
    except OSError as error:
        message = f"the file cannot be written: {error.strerror}"
        raise InputError([_problem("RVN734", output, message)]) from error
    click.echo(f"exported {count_states(found.states)} to {output}", err=True)
    return ExitCode.OK


@state.command(
    name="import",
    help="""Replace the whole state by an exported one, or by a backup of the database.

    FILE is what `state export` wrote, or a `.bak` from the state folder. All of it is checked
    first. What was there before is kept beside the database. Records that were read after the
    imported state will be read again; records before it are never read.

    \b
    Example:
      rivven-connect state import pipeline.yaml state.json
      rivven-connect state import pipeline.yaml .rivven-state/pipeline.db.bak
    """,
)
@_pipeline
@click.argument("saved", type=_FILE, metavar="FILE")
@click.option("--rename", is_flag=True, help="Accept the state of a pipeline of another name.")
@click.option("--accept-edits", is_flag=True, help="Accept checksums that do not fit.")
@edge_options
def import_(
    *, file: Path, saved: Path, rename: bool, accept_edits: bool, as_json: bool, debug: bool
) -> int:
    """Import a state."""
    folder, name = _place(file)
    found = load_import(saved, accept_edits=accept_edits)
    if found.pipeline != name and not rename:
        message = f"it is the state of pipeline {found.pipeline!r}, not of {name!r}"
        hint = "if the pipeline file was renamed, import it with --rename"
        raise InputError([_problem("RVN732", saved, message, hint)])
    configure_logging("info", "auto")
    counters = {**found.content.counters, **edits(_sources(file))}
    content = msgspec.structs.replace(found.content, counters=counters)
    edit = replace_state(folder, name, content, why="import")
    tell(f"imported {count_states(content.states)}", edit, as_json=as_json)
    return ExitCode.OK


@state.command(
    help="""Forget how far sources were read: the next run reads them from their start.

    Sinks keep what they have: one that appends gets the records again, beside the old ones.
    Without --source all is forgotten, what the configs named included. Also the way out of a
    database that is damaged, emptied or another pipeline's. What was there before is kept
    beside the database, never deleted.

    \b
    Example:
      rivven-connect state reset pipeline.yaml --source shop --stream orders
      rivven-connect state reset pipeline.yaml --yes
    """
)
@_pipeline
@click.option("--source", metavar="NAME", help="Only this source.")
@click.option("--stream", metavar="NAME", help="Only this stream of the source.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@edge_options
def reset(
    *, file: Path, source: str | None, stream: str | None, yes: bool, as_json: bool, debug: bool
) -> int:
    """Reset a state."""
    if stream is not None and source is None:
        raise click.UsageError("--stream needs --source")
    folder, name = _place(file)
    rows = _chosen(file, source, stream) if source is not None else ()
    if source is None and not any((folder / f"{name}{end}").exists() for end in (".db", ".marker")):
        click.echo(f"pipeline {name} has no saved state; nothing to reset", err=True)
        return ExitCode.OK
    what = f"{count_states(rows)} of source {source}" if source else f"all state of pipeline {name}"
    _ask(f"Forget {what}?", yes=yes)
    configure_logging("info", "auto")
    if source is None:
        content = Content(counters=edits(_sources(file)))
        edit = replace_state(folder, name, content, why="reset")
    else:
        edit = reset_state(folder, name, rows, whole=stream is None)
    tell(f"forgot {what}", edit, as_json=as_json)
    return ExitCode.OK


def _place(file: Path) -> tuple[Path, str]:
    """Return the state folder and the name of a pipeline file; no secret is resolved."""
    loaded = load_pipeline(file)
    folder = loaded.path.resolve().parent / loaded.file.settings.state_dir
    return folder, loaded.path.stem


def _sources(file: Path) -> Iterable[str]:
    return load_pipeline(file).file.sources


def _existing(file: Path) -> Snapshot:
    folder, name = _place(file)
    found = read_snapshot(folder, name)
    if found is None:
        raise InputError([_problem("RVN733", file, f"pipeline {name} has no saved state yet")])
    return found


def _chosen(file: Path, source: str, stream: str | None) -> Sequence[StateRow]:
    """Return the rows of a source, or of one of its streams."""
    found = _existing(file).states
    rows = [row for row in found if row.source == source]
    if not rows:
        raise InputError([_unknown(file, f"source {source!r}", source, {r.source for r in found})])
    if stream is None:
        return rows
    chosen = [row for row in rows if stream in {row.stream, row.name}]
    if not chosen:
        what = f"stream {stream!r} of source {source!r}"
        raise InputError([_unknown(file, what, stream, {row.stream for row in rows})])
    return chosen


def _unknown(file: Path, what: str, name: str, known: set[str]) -> Problem:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    listed = ", ".join(sorted(known)) or "none"
    hint = f"did you mean {near[0]!r}?" if near else f"there is saved state of: {listed}"
    return _problem("RVN733", file, f"there is no saved state of {what}", hint)


def _problem(code: str, path: Path, message: str, hint: str = "") -> Problem:
    return Problem(code=code, message=message, hint=hint, path=path)


def _ask(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Say --yes where nobody can be asked")
    click.confirm(question, abort=True, err=True)
