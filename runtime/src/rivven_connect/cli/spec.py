"""`spec`: prints the generated spec file; no code of the connector runs."""

from __future__ import annotations

import click

from rivven_connect._installed import LookupFailure, find_spec_file
from rivven_connect.cli.options import CONNECTOR_HELP, connector_argument, edge_options


@click.command(
    help=f"""Print what a connector is, as JSON: its version, config schema and abilities.

    {CONNECTOR_HELP}

    \b
    Example:
      rivven-connect spec source:jsonl
    """
)
@connector_argument
@edge_options
def spec(connector: str, as_json: bool, debug: bool) -> None:  # read by the edge
    """Print a connector's spec."""
    try:
        path = find_spec_file(connector)
    except LookupFailure:
        path = None  # looked up again below, where the error is made for people
    if path is None:
        from rivven_connect.cli.target import find_target  # noqa: PLC0415  # imports the connector

        click.echo(find_target(connector).factory.spec().model_dump_json(indent=2))
    else:
        click.echo(path.read_text(encoding="utf-8"), nl=False)
