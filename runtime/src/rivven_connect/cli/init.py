"""`init`: prints an example pipeline that runs as it stands."""

from __future__ import annotations

import click

EXAMPLE = """\
# A pipeline: sources publish to topics, sinks receive them. Run it with
#   rivven-connect run pipeline.yaml
# and see what it promises with
#   rivven-connect run pipeline.yaml --explain
version: "1.0"

sources:
  orders:
    connector: datagen           # `rivven-connect connectors` lists what is installed
    config:                      # `rivven-connect schema source:datagen` says what may stand here
      pattern: orders
      max_events: 1000
      events_per_second: 0       # 0: as fast as possible
    # topic: orders              # the source's own id is the default

sinks:
  file:
    connector: jsonl
    topics: [orders]
    config:
      path: orders.jsonl
      # token: "${env:TOKEN}"    # secrets come from the environment or from ${file:/path}
    # dead_letter: {path: dead/orders.jsonl}   # without it, a record that fails stops the run

settings:
  # Where the pipeline remembers how far it got; a second run continues from there.
  state_dir: .rivven-state
"""


@click.command(
    help="""Print a commented example pipeline that runs as it stands.

    \b
    Example:
      rivven-connect init > pipeline.yaml
    """
)
@click.pass_context
def init(context: click.Context) -> None:
    """Print an example pipeline; its comments name the program that was called."""
    program = context.find_root().info_name
    click.echo(EXAMPLE.replace("rivven-connect ", f"{program} "), nl=False)
