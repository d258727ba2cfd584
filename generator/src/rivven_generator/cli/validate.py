"""`rivven validate`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from rivven_connect.documents import InputError, Problem, render_problems
from rivven_generator.load import LoadedManifest, load_manifest

_BAD_INPUT = 2


@click.command(
    help="""Check a connector.yaml and say what is wrong, where, and how to fix it.

    PATH is the manifest or its folder; the default is the current folder. Nothing of the connector
    is imported and nothing is written. Exit code 2 means that there are errors; `rivven explain
    CODE` says more about one.

    \b
    Example:
      rivven validate connector.yaml
    """,
)
@click.argument("path", metavar="[DIR|FILE]", default=".", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def validate(context: click.Context, path: Path, *, as_json: bool) -> None:
    """Print what is wrong with the manifest, or what it describes."""
    try:
        loaded = load_manifest(path)
    except InputError as error:
        _report(error.problems, as_json=as_json)
        context.exit(_BAD_INPUT)
    if as_json:
        _report(loaded.warnings, as_json=True, loaded=loaded)
    else:
        if loaded.warnings:
            click.echo(render_problems(loaded.warnings), err=True)
        click.echo(summary(loaded))


def summary(loaded: LoadedManifest) -> str:
    """Return one line: what the manifest describes, and how many warnings there were."""
    manifest = loaded.manifest
    parts = [f"{manifest.kind} {manifest.name} {manifest.version}"]
    if manifest.kind == "source":
        parts.append(_counted(len(manifest.streams), "stream"))
    parts.append(_counted(len(loaded.warnings), "warning"))
    return f"valid: {', '.join(parts)}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _report(
    problems: Sequence[Problem], *, as_json: bool, loaded: LoadedManifest | None = None
) -> None:
    if not as_json:
        errors = sum(problem.severity == "error" for problem in problems)
        click.echo(render_problems(problems), err=True)
        click.echo(_counted(errors, "error"), err=True)
        return
    result: dict[str, object] = {"valid": loaded is not None}
    if loaded is not None:
        result |= {
            "kind": loaded.manifest.kind,
            "name": loaded.manifest.name,
            "version": loaded.manifest.version,
            "streams": [stream.name for stream in loaded.manifest.streams],
        }
    result["problems"] = [problem.to_dict() for problem in problems]
    click.echo(json.dumps(result, indent=2))
