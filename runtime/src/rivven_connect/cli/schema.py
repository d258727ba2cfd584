"""`schema`: prints what editors and form builders need of a file, or of a connector's config."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import click

from rivven_connect._installed import LookupFailure, locate
from rivven_connect.cli.options import CONNECTOR_HELP, edge_options

Subject: TypeAlias = Callable[[], dict[str, Any]]
"""Makes the JSON Schema of one sort of file."""


class _Described(NamedTuple):
    """The schema of a config, and the connector's name for people."""

    schema: dict[str, Any]
    title: str = ""


def schema_command(files: Mapping[str, Subject]) -> click.Command:
    """Return the command; `files` are the sorts of files whose schema it knows, by name."""
    names = "|".join(files)

    @click.command(help=_help_of(files))
    @click.argument("what", metavar=f"{names}|CONNECTOR")
    @click.option(
        "--format",
        "form",
        type=click.Choice(["json", "yaml", "form"]),
        default="json",
        show_default=True,
        help="JSON Schema as JSON or YAML; or with a uiSchema beside it.",
    )
    @edge_options
    def schema(what: str, form: str, as_json: bool, debug: bool) -> None:  # read by the edge
        if form == "yaml" and as_json:
            raise click.UsageError("--json and --format yaml exclude each other")
        if form == "form" and what in files:
            raise click.UsageError(
                f"--format form is for connectors; `{what}` is a file, not a form"
            )
        found = _Described(files[what]()) if what in files else _described(what)
        click.echo(_text(found, form), nl=False)

    return schema


def _help_of(files: Mapping[str, Subject]) -> str:
    listed = " or ".join(f"{name} files (`{name}`)" for name in files)
    examples = "\n".join(
        f"      rivven-connect schema {name} > {name}.schema.json" for name in files
    )
    return f"""Print a JSON Schema: of {listed}, or of a connector's config.

    {CONNECTOR_HELP}

    With `--format form` it is a pair of `schema` and `uiSchema`, as react-jsonschema-form reads it:
    order, groups, titles, placeholders and widgets of the fields.

    \b
    Example:
{examples}
      rivven-connect schema source:jsonl --format yaml
      rivven-connect schema ./my-source --format form
    """


def _text(found: _Described, form: str) -> str:
    if form == "yaml":
        from rivven_connect._yaml_text import yaml_text  # noqa: PLC0415  # only here is YAML needed

        return yaml_text(found.schema, compact=True)
    value = found.schema
    if form == "form":
        from rivven_connect.forms import form_of  # noqa: PLC0415

        value = form_of(found.schema, title=found.title)
    return f"{json.dumps(value, indent=2, ensure_ascii=False)}\n"


def _described(connector: str) -> _Described:
    try:
        located = locate(connector)
        if located.spec_file() is not None:
            spec = located.spec()
            return _Described(spec.get("config_schema", {}), spec.get("title", ""))
    except LookupFailure:
        from rivven_connect.cli.target import located_errors  # noqa: PLC0415  # only on failure

        with located_errors(connector):
            raise
    from rivven_connect.cli.target import find_target  # noqa: PLC0415  # imports the connector

    factory = find_target(connector).factory
    return _Described(factory.config_schema(), factory.spec().title or "")


def pipeline_schema() -> dict[str, Any]:
    """Return the JSON Schema of a pipeline file."""
    from rivven_connect.pipeline import file  # noqa: PLC0415  # loads pydantic

    return file.pipeline_schema()


FILES: Final[Mapping[str, Subject]] = {"pipeline": pipeline_schema}
"""The sorts of files that the runtime reads."""

schema: Final = schema_command(FILES)
