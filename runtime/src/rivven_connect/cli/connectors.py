"""`connectors`: lists what is installed, from generated spec files alone."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from rivven_connect._installed import GROUPS, Located, LookupFailure, installed
from rivven_connect.cli.options import edge_options


@click.command(
    help="""List the installed connectors.

    \b
    Example:
      rivven-connect connectors --search json
      rivven-connect connectors --kind sink --json
    """
)
@click.option("--search", metavar="TEXT", help="In name, title, description, tags or aliases.")
@click.option("--kind", type=click.Choice(list(GROUPS)), help="Only this kind.")
@click.option("--category", metavar="NAME", help="Only this category.")
@click.option("--tag", metavar="NAME", help="Only with this tag.")
@edge_options
def connectors(
    *,
    search: str | None,
    kind: str | None,
    category: str | None,
    tag: str | None,
    as_json: bool,
    debug: bool,  # read by the edge
) -> None:
    """List the installed connectors."""
    rows = [
        row
        for row in map(describe, installed())
        if kind in (None, row["kind"])
        and category in (None, row["category"])
        and (tag is None or tag in row["tags"])
        and (search is None or matches_search(row, search))
    ]
    _mark_clashes(rows)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        text = row["problem"] or row["description"]
        click.echo(f"{row['name']:<{width}}  {row['kind']:<9}  {row['version']:<8}  {text}")
    if not rows:
        click.echo("no connector matches", err=True)
        known = sorted({row["category"] for row in map(describe, installed()) if row["category"]})
        if category is not None and category not in known:
            click.echo(f"  fix: categories are {', '.join(known)}", err=True)
        else:
            click.echo("  fix: without options, all of them are listed", err=True)


def describe(one: Located) -> dict[str, Any]:
    """Return what is known of a connector; of a broken one, what is wrong with it."""
    problem = ""
    try:
        spec = one.spec()
    except LookupFailure as failure:
        spec, problem = {}, failure.message
    return {
        "name": one.name,
        "kind": one.kind,
        "version": spec.get("version") or one.distribution_version,
        "title": spec.get("title") or one.name.upper().replace("_", " ").replace("-", " "),
        "description": spec.get("description") or f"{one.name} connector",
        "category": spec.get("category"),
        "tags": spec.get("tags") or [],
        "aliases": spec.get("aliases") or [],
        "distribution": one.distribution,
        "distribution_version": one.distribution_version,
        "problem": problem,
    }


def matches_search(row: dict[str, Any], text: str) -> bool:
    """Whether name, title, description, a tag or an alias contains the text, in any case."""
    fields = [row["name"], row["title"], row["description"], *row["tags"], *row["aliases"]]
    return any(text.casefold() in str(field).casefold() for field in fields)


def _mark_clashes(rows: list[dict[str, Any]]) -> None:
    claims = Counter((row["kind"], name) for row in rows for name in _claimed(row))
    for row in rows:
        if claims[row["kind"], row["name"]] > 1:
            row["problem"] = f"RVN703 claimed by two distributions; here {row['distribution']}"
            continue
        twice = sorted(name for name in _claimed(row) if claims[row["kind"], name] > 1)
        if twice:
            row["problem"] = f"RVN703 the alias {twice[0]!r} names another connector as well"


def _claimed(row: dict[str, Any]) -> set[str]:
    return {row["name"], *row["aliases"]}
