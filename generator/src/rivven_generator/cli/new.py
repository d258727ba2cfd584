"""`rivven new`."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from typing import TYPE_CHECKING, Literal

import click

from rivven_generator.cli.names import check_name

if TYPE_CHECKING:
    from rivven_generator.scaffold import Request, Scaffolded


@click.command()
@click.argument("kind", type=click.Choice(["source", "sink", "transform"]))
@click.argument("name", callback=check_name)
@click.option("--manifest", metavar="FILE", help="Start from this connector.yaml.")
@click.option("--directory", metavar="DIR", help="The project's folder; default: ./NAME.")
@click.option("--embedded", metavar="PACKAGE_DIR", help="Put it into a package that you have.")
@click.option("--tests", metavar="DIR", help="With --embedded: the folder of its tests.")
@click.option("--no-input", is_flag=True, help="Ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def new(
    kind: Literal["source", "sink", "transform"],
    name: str,
    *,
    manifest: str | None,
    directory: str | None,
    embedded: str | None,
    tests: str | None,
    no_input: bool,
    as_json: bool,
) -> None:
    """Scaffold the source, sink or transform NAME.

    Without --manifest it is a small connector that works in memory, to be replaced piece by piece.
    With it, the methods to write are stubs. Either way the project is green at once.
    """
    if (embedded is None) != (tests is None):
        raise click.UsageError("--embedded and --tests go together")
    if embedded is not None and directory is not None:
        raise click.UsageError("--embedded and --directory exclude each other")
    gc.disable()  # as for `generate`
    from rivven_generator.scaffold import Request, new_project  # noqa: PLC0415  # loads all templates

    request = Request(
        kind=kind,
        name=name,
        folder=embedded or directory or name,
        manifest=manifest,
        tests=tests,
        description="" if no_input or as_json or manifest else _ask_description(kind),
    )
    result = new_project(request)
    _echo_json(result) if as_json else _echo(request, result)


def _ask_description(kind: str) -> str:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return ""
    text: str = click.prompt(f"What does the {kind} do?", default="", show_default=False)
    return text.strip()


def _echo(request: Request, result: Scaffolded) -> None:
    from rivven_connect.documents import render_problems  # noqa: PLC0415

    if result.warnings:
        click.echo(render_problems(result.warnings), err=True)
    click.echo(f"created {result.folder}")
    for path in result.files:
        click.echo(f"  {os.path.normpath(os.path.join(request.folder, path))}")
    if result.embedding:
        click.echo("\nadd to the pyproject.toml of its distribution:")
        for line in result.embedding:
            click.echo(f"  {line}")
    place = os.path.relpath(request.folder)
    quoted = shlex.quote(place)
    click.echo(f"\nnext:\n  rivven test {quoted}")
    if request.manifest is None:
        click.echo(f"  edit {place}/connector.yaml, then: rivven generate {quoted}")


def _echo_json(result: Scaffolded) -> None:
    import json  # noqa: PLC0415

    value = {
        "folder": result.folder,
        "files": result.files,
        "embedding": result.embedding,
        "warnings": [problem.to_dict() for problem in result.warnings],
    }
    click.echo(json.dumps(value, indent=2))
