"""`rivven schema`."""

from __future__ import annotations

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("subject", metavar="manifest|pipeline|CONNECTOR")
@click.argument("rest", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def schema(context: click.Context, subject: str, rest: tuple[str, ...]) -> object:
    """Print the JSON Schema of the manifest, of the pipeline file, or of a connector's config.

    CONNECTOR is an installed name (`jsonl`, `source:jsonl`) or a project folder.
    """
    if subject == "manifest":
        from rivven_generator.schema import manifest_schema_text  # noqa: PLC0415

        click.echo(manifest_schema_text(), nl=False)
        return None
    from rivven_connect.cli import COMMANDS  # noqa: PLC0415

    command = COMMANDS["schema"].load()
    return command.main([subject, *rest], prog_name=context.command_path, standalone_mode=False)
