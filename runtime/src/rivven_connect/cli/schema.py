"""`schema`: prints the JSON Schema of pipeline files, or of a connector's config."""

from __future__ import annotations

import json

import click

from rivven_connect._installed import LookupFailure, find_spec_file
from rivven_connect.cli.options import CONNECTOR_HELP, edge_options


@click.command(
    help=f"""Print a JSON Schema: of pipeline files (`pipeline`), or of a connector's config.

    {CONNECTOR_HELP}

    \b
    Example:
      rivven-connect schema pipeline > pipeline.schema.json
      rivven-connect schema source:jsonl
    """
)
@click.argument("what", metavar="pipeline|CONNECTOR")
@edge_options
def schema(what: str, as_json: bool, debug: bool) -> None:  # read by the edge
    """Print a JSON Schema."""
    click.echo(json.dumps(_schema(what), indent=2, ensure_ascii=False))


def _schema(what: str) -> object:
    if what == "pipeline":
        from rivven_connect.pipeline.file import pipeline_schema  # noqa: PLC0415  # loads pydantic

        return pipeline_schema()
    try:
        path = find_spec_file(what)
    except LookupFailure:
        path = None  # looked up again below, where the error is made for people
    if path is not None:
        return json.loads(path.read_text(encoding="utf-8")).get("config_schema", {})
    from rivven_connect.cli.target import find_target  # noqa: PLC0415  # imports the connector

    return find_target(what).factory.config_schema()
