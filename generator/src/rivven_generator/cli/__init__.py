"""The `rivven` command: the generator's commands, and the runtime's beside them.

Each command is a module that is imported when it is used, and not before.
"""

from __future__ import annotations

from typing import Final

from rivven_connect.cli import COMMANDS as RUNTIME_COMMANDS
from rivven_connect.cli.lazy import LazyCommand, LazyGroup

COMMANDS: Final = {
    "new": LazyCommand("rivven_generator.cli.new:new", "Scaffold a connector that works at once."),
    "generate": LazyCommand(
        "rivven_generator.cli.generate:generate", "Bring a project in step with its manifest."
    ),
    "test": LazyCommand("rivven_generator.cli.test:test", "Run a project's tests."),
    "validate": LazyCommand("rivven_generator.cli.validate:validate", "Check a connector.yaml."),
    "import": LazyCommand(
        "rivven_generator.cli.import_:import_", "Make a manifest from another tool's."
    ),
    "infer": LazyCommand(
        "rivven_generator.cli.infer:infer", "Make a stream's schema from sample records."
    ),
    "explain": LazyCommand("rivven_generator.cli.explain:explain", "Print what a code means."),
    **RUNTIME_COMMANDS,
    "schema": LazyCommand(
        "rivven_generator.cli.schema:schema", "Print a JSON Schema for editors and forms."
    ),
}
"""Name -> command; `schema` is the runtime's, and knows the manifest as well."""

GROUP: Final = LazyGroup(
    "rivven",
    COMMANDS,
    help="""Make connectors from a connector.yaml, keep them in step, and run them.

    \b
    Example:
      rivven new source my-source
      cd my-source
      rivven test
    """,
    distribution="rivven-toolkit",
)


def main() -> None:
    """Run the command line and exit with its code."""
    from rivven_connect.cli.edge import exit_from  # noqa: PLC0415  # keeps `import` of COMMANDS light

    exit_from(GROUP)
