"""`rivven infer`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import click

from rivven_generator import naming

if TYPE_CHECKING:
    from rivven_generator.importers.samples import Inferred

_LONGEST_NAME = 128


def _check_stream(
    _context: click.Context, _parameter: click.Parameter, name: str | None
) -> str | None:
    if name is not None and (
        not re.fullmatch(naming.STREAM_NAME, name) or len(name) > _LONGEST_NAME
    ):
        raise click.BadParameter(
            f"use ASCII letters, digits, `_`, `-` and `.`, at most {_LONGEST_NAME}, "
            "starting with a letter, such as `orders`"
        )
    return name


@click.command(
    help="""Make a stream's schema from sample records, one JSON object per line.

    FILE is a JSON Lines file, or - for standard input. What it prints is the `streams` of a
    connector.yaml, to be appended to one without; notes go to stderr. Every record of the sample is valid under the schema, and no
    value of one is in it.

    \b
    Example:
      rivven infer orders.jsonl --primary-key id --cursor updated_at
    """,
)
@click.argument("file", metavar="FILE")
@click.option("--name", metavar="STREAM", callback=_check_stream, help="Default: from FILE's name.")
@click.option("--primary-key", metavar="FIELD", multiple=True, help="May be given several times.")
@click.option("--cursor", metavar="FIELD", help="The field that grows with each change.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Read N records at most.")
@click.option("--json", "as_json", is_flag=True, help="Print stream and notes as JSON.")
def infer(
    file: str,
    *,
    name: str | None,
    primary_key: tuple[str, ...],
    cursor: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Print the stream that the sample describes."""
    from rivven_generator.importers.samples import infer_stream  # noqa: PLC0415  # heavy
    from rivven_generator.importers.stream_names import legal_name  # noqa: PLC0415

    stem = "" if file == "-" else os.path.basename(file).partition(".")[0]
    found = infer_stream(
        file,
        name=name or legal_name(stem) or "records",
        primary_key=list(dict.fromkeys(primary_key)),
        cursor=cursor,
        limit=limit,
    )
    _echo_json(found) if as_json else _echo(found, file)


def _echo(found: Inferred, file: str) -> None:
    from rivven_connect.documents import escape_text  # noqa: PLC0415
    from rivven_generator.importers.yaml_text import manifest_yaml  # noqa: PLC0415

    shown = "<stdin>" if file == "-" else escape_text(file)
    for note in found.notes:
        at = f" (at {escape_text(note.pointer)})" if note.pointer else ""
        # All records of the sample are valid anyhow: here, lossless says nothing.
        word = "note" if note.outcome == "lossless" else note.outcome
        click.echo(f"{shown}: {word} {note.code} {note.message}{at}", err=True)
    counted = "1 record" if found.records == 1 else f"{found.records} records"
    click.echo(f"{counted} read", err=True)
    click.echo(manifest_yaml({"streams": [found.stream]}).lstrip("\n"), nl=False)


def _echo_json(found: Inferred) -> None:
    import json  # noqa: PLC0415

    value = {
        "streams": [found.stream],
        "records": found.records,
        "notes": [note.to_dict() for note in found.notes],
    }
    click.echo(json.dumps(value, indent=2))
