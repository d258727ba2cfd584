"""The lines of an author's `pyproject.toml` that the manifest decides: dependencies, entry point."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

import msgspec

from rivven_generator import naming
from rivven_generator.manifest import Manifest
from rivven_generator.project_errors import InputError, Problem, project_error

RUNTIME_REQUIREMENT = "rivven-connect>=0.1,<0.2"
"""What every project depends on: the runtime that its generated files were made for."""

TOOLKIT_REQUIREMENT = "rivven-toolkit[dev]>=0.1,<0.2"
"""What a project is developed with."""


class Expected(msgspec.Struct, frozen=True):
    """What the manifest says about the project's packaging."""

    group: str
    name: str
    package: str
    target: str
    dependencies: tuple[str, ...]


def expected_lines(manifest: Manifest) -> Expected:
    """Return what `pyproject.toml` has to say."""
    return Expected(
        group=naming.entry_point_group(manifest.kind),
        name=manifest.name,
        package=manifest.package,
        target=f"{manifest.package}:{manifest.class_names.connector}",
        dependencies=(RUNTIME_REQUIREMENT, *manifest.dependencies),
    )


def compare_project(text: str, expected: Expected) -> list[str]:
    """Return the lines to change, ready to be shown; none if all is well.

    Raises:
        InputError: the text is not the TOML of a project.
    """
    project = _table(_parse(text), "project")
    lines = [
        f'[project] dependencies: {"change to" if old else "add"} "{new}"'
        for old, new in _wrong_dependencies(project, expected)
    ]
    target = _table(_table(project, "entry-points"), expected.group).get(expected.name)
    if not _fits(target, expected):
        entry = f'{expected.name} = "{expected.target}"'
        lines.append(f'[project.entry-points."{expected.group}"]: add {entry}')
    return lines


def sync_project(text: str, expected: Expected) -> str:
    """Return the text with those lines changed and every other byte as it was.

    Raises:
        InputError: the text is not the TOML of a project.
    """
    wrong = compare_project(text, expected)
    if not wrong:
        return text
    import tomlkit  # noqa: PLC0415  # only where something is edited

    document: Any = tomlkit.parse(text)
    project = document["project"]
    changes = _wrong_dependencies(_table(_parse(text), "project"), expected)
    if changes:
        listed = project.setdefault("dependencies", tomlkit.array())
        for old, new in changes:
            if old:
                listed[list(listed).index(old)] = new
            else:
                listed.append(new)
    groups = project.setdefault("entry-points", tomlkit.table(is_super_table=True))
    group = groups.setdefault(expected.group, tomlkit.table())
    if not _fits(group.get(expected.name), expected):
        group[expected.name] = expected.target
    return str(tomlkit.dumps(document))


def differences(lines: Sequence[str], path: str) -> list[Problem]:
    """Return the lines to change as problems, for `--check`."""
    return [
        Problem(
            code="RVN512",
            message=line,
            hint="edit it, or run `rivven generate --sync-project`",
            path=path,
        )
        for line in lines
    ]


def _wrong_dependencies(project: dict[str, Any], expected: Expected) -> list[tuple[str, str]]:
    """Return (line that is there or empty, line that belongs there)."""
    if "dependencies" in project.get("dynamic", ()):
        return []
    listed = project.get("dependencies", ())
    differing = [text for text in expected.dependencies if text not in listed]
    if not differing:
        return []  # the usual case, and what reads requirements need not be loaded
    present = {name: text for text in listed if (name := _name(text))}
    wrong: list[tuple[str, str]] = []
    for text in differing:
        old = present.get(_name(text), "")
        # The runtime's range is the author's to widen; only its absence is wrong.
        settled = bool(old) and (text == RUNTIME_REQUIREMENT or _same_requirement(old, text))
        if not settled:
            wrong.append((old, text))
    return wrong


def _same_requirement(one: str, other: str) -> bool:
    from packaging.requirements import Requirement  # noqa: PLC0415  # only where lines differ

    old, new = Requirement(one), Requirement(other)
    return old.specifier == new.specifier and new.extras <= old.extras


def _name(requirement: Any) -> str:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415  # as above
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    try:
        return canonicalize_name(Requirement(str(requirement)).name)
    except InvalidRequirement:
        return ""


def _fits(target: Any, expected: Expected) -> bool:
    module = str(target or "").partition(":")[0].strip()
    return module == expected.package or module.startswith(f"{expected.package}.")


def _parse(text: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unusable(f"is not TOML: {error}") from error
    if not isinstance(document.get("project"), dict):
        raise _unusable("has no [project] table")
    return document


def _table(parent: dict[str, Any], key: str) -> dict[str, Any]:
    found = parent.get(key, {})
    if not isinstance(found, dict):
        raise _unusable(f"`{key}` is not a table")
    return found


def _unusable(reason: str) -> InputError:
    return project_error("RVN515", reason, "repair the file", path="pyproject.toml")
