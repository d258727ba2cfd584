"""`rivven generate`."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import click

from rivven_generator.project_errors import ProjectConflict

if TYPE_CHECKING:
    from rivven_generator.generate import Generated


@click.command()
@click.argument("folder", metavar="[DIR]", default=".")
@click.option("--check", is_flag=True, help="Write nothing; fail if anything is out of step.")
@click.option("--full", is_flag=True, help="With --check: generate in memory, whatever hashes say.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@click.option("--force", is_flag=True, help="Overwrite hand edits; a backup of each is kept.")
@click.option("--sync-project", is_flag=True, help="Edit the lines of pyproject.toml that differ.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def generate(
    folder: str,
    *,
    check: bool,
    full: bool,
    diff: bool,
    force: bool,
    sync_project: bool,
    as_json: bool,
) -> None:
    """Bring the project in DIR in step with its connector.yaml.

    Rewrites generated files and removes those that belong to nothing any more. Your own files are
    never touched; what they lack is printed. Exit code 7 means that a person has to decide: a
    generated file was edited by hand or, with --check, something is out of step.
    """
    if full and not check:
        raise click.UsageError("--full goes with --check")
    if (check or diff) and (force or sync_project):
        raise click.UsageError("--check and --diff write nothing; --force and --sync-project do")
    try:
        if check:
            _check(folder, full=full, as_json=as_json)
        elif diff:
            _preview(folder, as_json=as_json)
        else:
            _generate(folder, force=force, sync=sync_project, as_json=as_json)
    except ProjectConflict as conflict:
        if conflict.diff and not as_json and (diff or not check):
            click.echo(conflict.diff, nl=False)
        raise


def _check(folder: str, *, full: bool, as_json: bool) -> None:
    # Only hashes are loaded here; what plans and renders costs ten times as much.
    from rivven_generator.freshness import is_fresh  # noqa: PLC0415
    from rivven_generator.lockfile import load_lock  # noqa: PLC0415
    from rivven_generator.project import opened_project  # noqa: PLC0415

    with opened_project(folder) as disk:
        lock = load_lock(disk)
        fresh = not full and lock is not None and is_fresh(disk, lock)
    if not fresh:
        gc.disable()  # as below
        from rivven_generator.generate import check_project  # noqa: PLC0415

        check_project(folder)
    _echo_json({"in_step": True}) if as_json else click.echo("in step")


def _preview(folder: str, *, as_json: bool) -> None:
    from rivven_generator.generate import preview_project  # noqa: PLC0415

    diff = preview_project(folder)
    _echo_json({"diff": diff}) if as_json else click.echo(diff or "nothing to change\n", nl=False)


def _generate(folder: str, *, force: bool, sync: bool, as_json: bool) -> None:
    # Next to nothing of what is imported and built here is garbage before the process ends, and
    # looking for some takes a tenth of the time.
    gc.disable()
    from rivven_generator.generate import generate_project  # noqa: PLC0415

    result = generate_project(folder, force=force, sync=sync)
    _echo_json(_as_json(result)) if as_json else _echo_result(result, folder)


def _echo_result(result: Generated, folder: str) -> None:
    from rivven_connect.documents import render_problems  # noqa: PLC0415
    from rivven_generator.advice import render_left_behind, render_missing  # noqa: PLC0415

    if result.warnings:
        click.echo(render_problems(result.warnings), err=True)
    files = result.files
    for verb, paths in (("wrote", files.written), ("removed", files.removed)):
        for path in paths:
            click.echo(f"{verb} {_below(folder, path)}")
    for path in files.backups:
        click.echo(f"kept your edit as {_below(folder, path)}")
    if not (files.written or files.removed):
        click.echo("nothing to change")
    if result.project_lines:
        click.echo("\npyproject.toml does not fit the manifest (--sync-project edits these lines):")
        for line in result.project_lines:
            click.echo(f"  {line}")
    if result.left_behind:
        click.echo(f"\n{render_left_behind(result.left_behind)}")
    if result.missing:
        click.echo(f"\n{render_missing(result.missing)}", nl=False)


def _below(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path))


def _as_json(result: Generated) -> dict[str, object]:
    return {
        "written": result.files.written,
        "removed": result.files.removed,
        "backups": result.files.backups,
        "not_written_yet": [
            {"name": one.name, "file": one.file, "stub": one.stub} for one in result.missing
        ],
        "project_lines": result.project_lines,
        "left_behind": [{"from": old, "to": new} for old, new in result.left_behind],
        "warnings": [problem.to_dict() for problem in result.warnings],
    }


def _echo_json(value: object) -> None:
    import json  # noqa: PLC0415

    click.echo(json.dumps(value, indent=2))
