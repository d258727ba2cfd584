"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path)


def config_options(command: F) -> F:
    """Add `--config` and `--allow-inline-secrets`."""
    command = click.option(
        "--allow-inline-secrets",
        is_flag=True,
        help="Accept secrets that stand in the file as literals.",
    )(command)
    return click.option(
        "--config", type=_FILE, metavar="FILE", help="The connector's config, YAML or JSON."
    )(command)


def edge_options(command: F) -> F:
    """Add `--json` and `--debug`, which also decide how errors are shown."""
    command = click.option(
        "--debug", is_flag=True, help="Show where an error comes from; secrets stay masked."
    )(command)
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, also for errors.")(
        command
    )


connector_argument = click.argument("connector", metavar="CONNECTOR")
"""An installed name (`source:jsonl` where kinds share one) or a project folder (`./my-source`)."""

CONNECTOR_HELP = (
    "CONNECTOR is an installed name (`source:jsonl` where a source and a sink share one) or a "
    "project folder (`./my-source`)."
)
