"""Bring a project in step with its manifest, or say where it is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import msgspec

from rivven_connect.documents import InputError, Problem
from rivven_generator import pyproject
from rivven_generator.advice import Missing, author_file, find_left_behind, find_missing
from rivven_generator.disk import Disk
from rivven_generator.journal import is_interrupted, recover
from rivven_generator.load import LoadedManifest, load_manifest
from rivven_generator.lockfile import (
    MANIFEST_FILE,
    Lock,
    LockedFile,
    content_digest,
    load_lock,
    newer_tool,
    text_digest,
    tool_digest,
    tool_versions,
)
from rivven_generator.ownership import Decision, render_diff
from rivven_generator.plan import Layout, embedded_layout, plan_generated, standalone_layout
from rivven_generator.project import PYPROJECT, displayed, lies_in, opened_project, require_layout
from rivven_generator.project_errors import ProjectConflict, project_error
from rivven_generator.validator_stubs import declared_validators, validators_module
from rivven_generator.write import Written, decided, located, write_generated


class Generated(msgspec.Struct, frozen=True):
    """What a run did, and what is left to the author."""

    files: Written
    missing: list[Missing]
    project_lines: list[str]
    warnings: Sequence[Problem]
    left_behind: list[tuple[str, str]] = msgspec.field(default_factory=list)


class Planned(msgspec.Struct, frozen=True):
    """Everything that generation is decided from, read once."""

    loaded: LoadedManifest
    layout: Layout
    lock: Lock
    plan: Mapping[str, str]


def generate_project(
    folder: str, *, force: bool = False, sync: bool = False, disk_type: type[Disk] = Disk
) -> Generated:
    """Write what the manifest of the project in `folder` determines.

    Raises:
        InputError: the manifest is wrong, or the disk refused; nothing was written.
        ProjectConflict: a person has to decide first; nothing was written.
        ProjectBusy: another generator is at work.
    """
    with opened_project(folder, disk_type) as disk, disk.exclusive():
        recover(disk)
        planned = plan_project(disk)
        lines, synced = _compare(disk, planned, sync=sync)
        lock = _accepting(disk, planned, lines)
        files = write_generated(
            disk, planned.plan, lock, once=_births(planned), compared=synced, force=force
        )
        missing = find_missing(disk, planned.loaded, planned.layout)
        moves = find_left_behind(disk, planned.lock, planned.layout)
    shown = [] if synced else lines
    return Generated(files, missing, shown, planned.loaded.warnings, moves)


def check_project(folder: str) -> None:
    """Return if the project is in step with its manifest, by generating it in memory.

    Raises:
        InputError: the manifest is wrong.
        ProjectConflict: it is not; the problems name each file, `diff` shows the differences.
    """
    with opened_project(folder) as disk:
        _require_settled(disk)
        planned = plan_project(disk)
        lines, _ = _compare(disk, planned, sync=False)
        decision = decided(disk, planned.plan, planned.lock)
        problems = _drift(decision) + pyproject.differences(lines, PYPROJECT)
        if problems:
            raise ProjectConflict(located(disk, problems), diff=differences(decision))


def preview_project(folder: str) -> str:
    """Return the diff that `generate` would make, from what is on disk to what would be there."""
    with opened_project(folder) as disk:
        _require_settled(disk)
        planned = plan_project(disk)
        return differences(decided(disk, planned.plan, planned.lock))


def plan_project(disk: Disk) -> Planned:
    """Read manifest and lock and plan the generated files.

    Raises:
        InputError: the manifest is wrong, or the lock damaged.
        ProjectConflict: a later rivven generated the project.
    """
    old = load_lock(disk)
    _refuse_newer(disk, old)
    locked = require_layout(disk, old)
    loaded = load_manifest(displayed(disk.shown(MANIFEST_FILE)))
    layout = (
        embedded_layout(locked.tests_dir) if locked.embedded else standalone_layout(loaded.manifest)
    )
    if locked.embedded:
        _require_package(disk, loaded)
    lock = dataclasses.replace(
        locked, tools=tool_versions(), digest=tool_digest(), inputs=input_digests(loaded)
    )
    return Planned(loaded, layout, lock, plan_generated(loaded, layout))


def input_digests(loaded: LoadedManifest) -> dict[str, str]:
    """Return path -> SHA-256 of the manifest and of the schema files that it names."""
    digests = {MANIFEST_FILE: text_digest(loaded.document.text)}
    streams = loaded.document.value.get("streams") or []
    for stream in streams:
        name = stream.get("schema")
        if isinstance(name, str):
            digests[name] = text_digest(loaded.record_schemas[stream["name"]].text)
    return digests


def differences(decision: Decision) -> str:
    """Return all diffs, from the files on disk to what `generate` would write."""
    changes = [*decision.changes, *(conflict.change for conflict in decision.conflicts)]
    return "".join(
        render_diff(change, turned=True) for change in sorted(changes, key=lambda c: c.path)
    )


def _require_settled(disk: Disk) -> None:
    if is_interrupted(disk):
        problem = Problem(
            code="RVN510",
            message="an earlier run was interrupted",
            hint="run `rivven generate`, which finishes or undoes it",
            path=disk.shown(""),
        )
        raise ProjectConflict([problem])


def _refuse_newer(disk: Disk, lock: Lock | None) -> None:
    """Refuse to undo the work of a later rivven."""
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415  # only where they differ

    name = "rivven-toolkit"
    theirs, ours = lock.tools.get(name) if lock else None, tool_versions()[name]
    if theirs is None or theirs == ours:
        return
    try:
        newer = Version(theirs) > Version(ours)
    except InvalidVersion:
        newer = True
    if newer:
        raise newer_tool(disk, f"{name} {theirs} (this is {ours})")


def _require_package(disk: Disk, loaded: LoadedManifest) -> None:
    """Refuse an embedded package whose folder is not where its name says."""
    if not lies_in(loaded.manifest.package, disk.shown("")):
        raise package_mismatch(loaded.manifest.package, disk.shown(MANIFEST_FILE))


def package_mismatch(package: str, path: str) -> InputError:
    """Return the error of a package name that does not lead to its folder."""
    return project_error(
        "RVN516",
        f"the package {package!r} does not lie in this folder",
        "let `package` in connector.yaml be the dotted name of the folder",
        path=path,
    )


def _births(planned: Planned) -> dict[str, str]:
    """Return the author's files that a growing manifest asks for: the first validator's module."""
    stubs = declared_validators(planned.loaded.manifest)
    path = author_file(planned.layout, "validators")
    return {path: validators_module(stubs)} if stubs else {}


def _compare(disk: Disk, planned: Planned, *, sync: bool) -> tuple[list[str], dict[str, str]]:
    """Return the lines to change in `pyproject.toml`, and its new text if it is to be edited."""
    content = None if planned.lock.embedded else disk.read(PYPROJECT)
    if content is None:
        return [], {}
    expected = pyproject.expected_lines(planned.loaded.manifest)
    text = content.decode("utf-8", "replace")
    lines = pyproject.compare_project(text, expected)
    return lines, {PYPROJECT: pyproject.sync_project(text, expected)} if sync and lines else {}


def _accepting(disk: Disk, planned: Planned, lines: Sequence[str]) -> Lock:
    """Remember `pyproject.toml` as it is while it fits, so that `--check` need not read it again."""
    content = None if planned.lock.embedded else disk.read(PYPROJECT)
    if content is None:
        return planned.lock
    accepted = "" if lines else content_digest(content)
    files = {**planned.lock.files, PYPROJECT: LockedFile("compared", accepted)}
    return dataclasses.replace(planned.lock, files=files)


def _drift(decision: Decision) -> list[Problem]:
    outdated = [
        Problem(
            code="RVN503",
            message=_state_of(change.old, change.new),
            hint="run `rivven generate`",
            path=change.path,
        )
        for change in decision.changes
    ]
    return outdated + [conflict.problem for conflict in decision.conflicts]


def _state_of(old: bytes | None, new: bytes | None) -> str:
    if old is None:
        return "is missing"
    return "belongs to nothing in the manifest any more" if new is None else "is out of date"
