"""The `rivven-connect` command.

Each command is a module that is imported when it is used, and not before: the table below is all
that `--help` needs.
"""

from __future__ import annotations

from typing import Final

from rivven_connect.cli.lazy import LazyCommand, LazyGroup

COMMANDS: Final = {
    "spec": LazyCommand("rivven_connect.cli.spec:spec", "Print what a connector is, as JSON."),
    "check": LazyCommand(
        "rivven_connect.cli.check:check", "Check a connector, or all of a pipeline, for real."
    ),
    "discover": LazyCommand(
        "rivven_connect.cli.discover:discover", "List the streams that a source offers."
    ),
    "read": LazyCommand("rivven_connect.cli.read:read", "Print a source's events as JSON Lines."),
    "connectors": LazyCommand(
        "rivven_connect.cli.connectors:connectors", "List the installed connectors."
    ),
    "schema": LazyCommand(
        "rivven_connect.cli.schema:schema", "Print a JSON Schema for editors and forms."
    ),
    "run": LazyCommand(
        "rivven_connect.cli.run:run", "Run a pipeline.", first="rivven_connect._documents"
    ),
    "status": LazyCommand("rivven_connect.cli.status:status", "Say how a pipeline is doing."),
    "state": LazyCommand(
        "rivven_connect.cli.state:state", "Show, export, import and reset the saved state."
    ),
    "dlq": LazyCommand("rivven_connect.cli.dlq:dlq", "List, show and replay dead letters."),
    "init": LazyCommand("rivven_connect.cli.init:init", "Print an example pipeline that runs."),
}
"""Name -> command; the generator's command line mounts the same ones."""

GROUP: Final = LazyGroup(
    "rivven-connect",
    COMMANDS,
    help="""Run connectors and pipelines.

    \b
    Example:
      rivven-connect init > pipeline.yaml
      rivven-connect run pipeline.yaml
    """,
    distribution="rivven-connect",
)


def main() -> None:
    """Run the command line and exit with its code."""
    from rivven_connect.cli.edge import exit_from  # noqa: PLC0415  # keeps `import` of COMMANDS light

    exit_from(GROUP)
