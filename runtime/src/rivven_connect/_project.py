"""Connectors in a folder: a project beside its `connector.yaml`, or a package that embeds one."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

from rivven_connect._installed import GROUPS, Located, LookupFailure


def locate_project(folder: Path, kind: str | None = None) -> Located:
    """Return the connector that lives in `folder`.

    With a `pyproject.toml` its entry point says which; without one, the folder is itself a package
    (the embedded layout) and its `spec.json` says which.

    Raises:
        LookupFailure: the folder holds no connector of that kind.
    """
    if not os.path.isfile(folder / "connector.yaml"):  # a name may be too long for a path
        raise LookupFailure(
            "RVN705",
            f"{folder} is no connector project: it has no connector.yaml",
            "name the folder that holds connector.yaml",
        )
    folder = folder.resolve()
    found = _from_pyproject(folder) or _from_package(folder)
    if kind is not None and found.kind != kind:
        raise LookupFailure("RVN701", f"{folder} is a {found.kind}; a {kind} is needed here")
    return found


def _from_pyproject(folder: Path) -> Located | None:
    path = folder / "pyproject.toml"
    if not path.is_file():
        return None
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError) as error:
        raise LookupFailure("RVN705", f"{path} is not readable: {type(error).__name__}") from error
    declared = _declared(project)
    if len(declared) != 1:
        raise LookupFailure(
            "RVN705",
            f"{path} declares {len(declared)} connectors; exactly one belongs into a project",
            '[project.entry-points."rivven.sources"] (or .sinks, .transforms) names it',
        )
    kind, name, target = declared[0]
    root = folder / "src" if (folder / "src").is_dir() else folder
    return Located(
        kind=kind,
        name=name,
        target=target,
        distribution=str(project.get("name", "")),
        distribution_version=str(project.get("version", "")),
        root=root,
    )


def _declared(project: dict[str, Any]) -> list[tuple[str, str, str]]:
    points = project.get("entry-points", {})
    return [
        (kind, name, str(target).replace(" ", ""))
        for kind, group in GROUPS.items()
        for name, target in points.get(group, {}).items()
    ]


def _from_package(folder: Path) -> Located:
    spec_file = folder / "_generated" / "spec.json"
    try:
        spec = json.loads(spec_file.read_text(encoding="utf-8"))
        kind, name = str(spec["kind"]), str(spec["connector_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LookupFailure(
            "RVN705",
            f"{folder} has neither a pyproject.toml nor a readable _generated/spec.json",
            "run `rivven generate` there",
        ) from error
    root, parts = folder.parent, [folder.name]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    return Located(kind=kind, name=name, target=".".join([*parts, kind]), root=root)
