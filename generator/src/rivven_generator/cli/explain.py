"""`rivven explain`."""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

import click

_CODE: Final = re.compile(r"(?:RVN)?([0-9]{3})", re.IGNORECASE)
_START: Final = re.compile(r"^(?=# RVN[0-9]{3}: )", re.MULTILINE)
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)\s]+\)")


@click.command(
    help="""Print the page of an error code: what it means, an example, the fix.

    CODE stands in front of a message, such as RVN305.

    \b
    Example:
      rivven explain RVN305
    """,
)
@click.argument("code", metavar="CODE")
def explain(code: str) -> None:
    """Print the page of a code."""
    found = _CODE.fullmatch(code.strip())
    page = pages().get(f"RVN{found[1]}") if found else None
    if page is None:
        reason = "no message has this code" if found else "a code is RVN and three digits"
        raise click.BadParameter(f"{reason}, such as RVN305", param_hint="CODE")
    click.echo(plain(page))


def pages() -> dict[str, str]:
    """Return the page of each code, as Markdown; they come with the package."""
    text = resources.files("rivven_generator").joinpath("error_pages.txt").read_text("utf-8")
    return {page[2:8]: page for page in _START.split(text) if page}


def plain(page: str) -> str:
    """Return a page as a terminal shows it: examples indented, links without their targets."""
    lines: list[str] = []
    inside = False
    for line in page.strip().splitlines():
        if line.startswith("```"):
            inside = not inside
        elif inside:
            lines.append(f"    {line}".rstrip())
        else:
            lines.append(_LINK.sub(r"\1", line).removeprefix("## ").removeprefix("# "))
    return "\n".join(lines)
