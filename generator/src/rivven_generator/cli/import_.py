"""`rivven import`."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Literal

import click

from rivven_generator.cli.names import check_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rivven_generator.importers.notes import Imported, Note

_FORMATS = ("airbyte-spec", "singer-settings", "conduit", "json-schema", "openapi")
_BAD_INPUT = 2


@click.command(
    name="import",
    help="""Make a connector.yaml from another tool's description of a connector.

    FORMAT is airbyte-spec (spec.json, spec.yaml or a low-code manifest.yaml), singer-settings (a
    Meltano plugin, a meltano.yml, or what `--about --format=json` prints), conduit
    (connector.yaml), json-schema or openapi (OpenAPI 3, Swagger 2). The manifest goes to the screen
    and notes about it to stderr: what was repaired, and what a manifest cannot say and was dropped.
    FILE is only read; nothing that it refers to is fetched.

    \b
    Example:
      rivven import airbyte-spec spec.yaml --output connector.yaml
      rivven new source my-source --manifest connector.yaml
    """,
)
@click.argument("format_name", metavar="FORMAT", type=click.Choice(_FORMATS))
@click.argument("file", metavar="FILE")
@click.option(
    "--kind",
    type=click.Choice(["source", "sink", "transform"]),
    help="What the connector is; default: what FILE says, else source.",
)
@click.option("--name", callback=check_name, help="Its name; default: made from what FILE says.")
@click.option(
    "--catalog", metavar="FILE", help="Take the streams of this Airbyte or Singer catalog."
)
@click.option("--output", metavar="MANIFEST", help="Write to this new file instead of the screen.")
@click.option("--closed", is_flag=True, help="Refuse undeclared properties where FILE is silent.")
@click.option("--strict", is_flag=True, help="Fail, and write nothing, if anything was dropped.")
@click.option("--json", "as_json", is_flag=True, help="Print manifest and notes as JSON.")
def import_(
    format_name: str,
    file: str,
    *,
    kind: Literal["source", "sink", "transform"] | None,
    name: str | None,
    catalog: str | None,
    output: str | None,
    closed: bool,
    strict: bool,
    as_json: bool,
) -> int:
    """Print or write the manifest; return the exit code."""
    from rivven_generator.importers.formats import add_catalog, import_file  # noqa: PLC0415  # heavy

    imported = import_file(format_name, file, kind=kind, name=name, closed=closed)
    found = [(file, imported.notes)]
    if catalog is not None:
        _check_catalog(imported)
        imported, notes = add_catalog(imported, catalog)
        found.append((catalog, notes))
    dropped = [(path, [n for n in notes if n.outcome == "dropped"]) for path, notes in found]
    lost = sum(len(notes) for _, notes in dropped)
    refused = strict and lost > 0
    if as_json:
        _echo_json(imported, found, refused=refused)
    else:
        for path, shown in dropped if refused else found:
            _echo_notes(shown, path)
    if refused:
        click.echo(f"refused: {lost} dropped, and --strict allows none", err=True)
        return _BAD_INPUT
    if output is not None:
        _write(output, imported)
    if not as_json:
        _echo_result(imported, output)
    return 0


def _check_catalog(imported: Imported) -> None:
    if imported.manifest["kind"] != "source":
        raise click.UsageError("only a source has streams; --catalog does not go with another kind")
    if "streams" in imported.manifest:
        raise click.UsageError("FILE describes streams itself; leave --catalog out")


def _write(path: str, imported: Imported) -> None:
    from rivven_generator.importers.yaml_text import manifest_yaml  # noqa: PLC0415
    from rivven_generator.project_errors import project_error, unwritable  # noqa: PLC0415

    text = manifest_yaml(imported.manifest)
    try:
        # A new file only: an author's manifest is never replaced.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        hint = "name another file, or remove this one first"
        raise project_error("RVN502", "this file exists already", hint, path=path) from None
    except (OSError, ValueError) as error:
        raise unwritable(error if isinstance(error, OSError) else OSError(), path) from error
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        os.unlink(path)
        raise unwritable(error, path) from error


def _echo_result(imported: Imported, output: str | None) -> None:
    from rivven_generator.importers.yaml_text import manifest_yaml  # noqa: PLC0415

    manifest = imported.manifest
    if output is None:
        click.echo(manifest_yaml(manifest), nl=False)
        return
    click.echo(f"wrote {output}: {manifest['kind']} {manifest['name']}")
    command = ["rivven", "new", manifest["kind"], manifest["name"], "--manifest", output]
    click.echo(f"\nnext:\n  {shlex.join(command)}")


def _echo_notes(notes: Sequence[Note], file: str) -> None:
    from rivven_connect.documents import escape_text  # noqa: PLC0415

    quiet = 0
    for note in notes:
        if note.outcome == "lossless":
            quiet += 1
            continue
        place = f"{escape_text(file)}:{note.line}:{note.column}"
        click.echo(f"{place}: {note.outcome} {note.code} {note.message}", err=True)
    if quiet:
        click.echo(f"and {quiet} lossless; --json lists them", err=True)


def _echo_json(
    imported: Imported, found: Sequence[tuple[str, Sequence[Note]]], *, refused: bool
) -> None:
    import json  # noqa: PLC0415

    value = {
        "manifest": None if refused else imported.manifest,
        "notes": [{"path": path, **note.to_dict()} for path, notes in found for note in notes],
    }
    click.echo(json.dumps(value, indent=2))
