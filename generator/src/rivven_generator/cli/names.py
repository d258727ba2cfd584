"""What the command line takes as the name of a connector."""

from __future__ import annotations

import re
from typing import Final

import click

from rivven_generator import naming

LONGEST_NAME: Final = 64


def check_name(
    _context: click.Context, _parameter: click.Parameter, name: str | None
) -> str | None:
    """Return the name, or refuse one that no connector may have."""
    if name is None:
        return None
    if not re.fullmatch(naming.CONNECTOR_NAME, name) or len(name) > LONGEST_NAME:
        raise click.BadParameter(
            f"use lower-case letters, digits and single dashes, at most {LONGEST_NAME}, "
            "starting with a letter, such as `github-issues`"
        )
    return name
