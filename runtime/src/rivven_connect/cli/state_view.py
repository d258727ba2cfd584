"""How `state` shows a saved state, and what it did to one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from rivven_connect.pipeline.snapshot import Snapshot
from rivven_connect.pipeline.state_edit import Edit
from rivven_connect.pipeline.state_rows import StateRow
from rivven_connect.pipeline.store import EDITED


def tell(done: str, edit: Edit, *, as_json: bool) -> None:
    """Print what was done, and where what was there before is kept."""
    if as_json:
        removed = [{"source": row.source, "stream": row.name} for row in edit.removed]
        copy = str(edit.copy) if edit.copy else None
        click.echo(json.dumps({"done": done, "removed": removed, "copy": copy}))
    else:
        click.echo(f"{done}; before: {edit.copy}" if edit.copy else done, err=True)


def count_states(rows: Sequence[StateRow]) -> str:
    """Return `3 states`."""
    return "1 state" if len(rows) == 1 else f"{len(rows)} states"


def snapshot_lines(found: Snapshot) -> list[str]:
    """Return the lines that a person reads."""
    meta = found.meta
    counts = (
        f"{count_states(found.states)}, {meta.commits} commits, last {meta.committed_at or 'never'}"
    )
    lines = [f"pipeline {meta.pipeline}: {counts}"]
    lines += [f"  source {row.source}  {row.name}  {row.value}" for row in found.states]
    lines += [
        f"  {connector.replace(':', ' ')}  {name.replace('_', ' ')} {value:,}"
        for (connector, name), value in found.counters.items()
        if value and not name.startswith(EDITED)
    ]
    return lines


def snapshot_to_json(folder: Path, name: str, found: Snapshot | None) -> dict[str, Any]:
    """Return the object that a program reads."""
    place = {"pipeline": name, "path": str(folder / f"{name}.db"), "exists": found is not None}
    if found is None:
        return place
    return {
        **place,
        "commits": found.meta.commits,
        "committed_at": found.meta.committed_at or None,
        "states": [
            {
                "source": row.source,
                "stream": row.stream,
                "partition": row.partition,
                "value": json.loads(row.value),
            }
            for row in found.states
        ],
        "counters": [
            {"connector": connector, "name": counter, "value": value}
            for (connector, counter), value in found.counters.items()
        ],
    }
