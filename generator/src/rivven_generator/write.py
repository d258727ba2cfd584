"""The last step: planned files and the lock go to disk, all together or not at all."""

from __future__ import annotations

import ast
import dataclasses
import json
import posixpath
from collections.abc import Mapping, Sequence

import msgspec

from rivven_generator.disk import Disk
from rivven_generator.journal import Change, apply_changes, digest
from rivven_generator.lockfile import (
    LOCK_FILE,
    Lock,
    LockedFile,
    Owner,
    content_digest,
    text_digest,
)
from rivven_generator.ownership import Decision, check_paths, decide
from rivven_generator.project import displayed
from rivven_generator.project_errors import Problem, ProjectConflict

BACKUP_FOLDER = ".rivven/backup"


class Written(msgspec.Struct, frozen=True):
    """What came of a write; paths are relative to the connector's folder."""

    written: list[str]
    removed: list[str]
    backups: list[str]


def read_present(disk: Disk, plan: Mapping[str, str], lock: Lock) -> dict[str, bytes | None]:
    """Return what is on disk at every path that generation may touch."""
    return {path: disk.read(path) for path in sorted({*plan, *lock.owned("generated")})}


def decided(disk: Disk, plan: Mapping[str, str], lock: Lock) -> Decision:
    """Return what writing `plan` would change; touches nothing.

    Raises:
        InputError: a planned path cannot be used.
    """
    check_paths(plan)
    return decide(plan, lock, read_present(disk, plan, lock))


def write_generated(
    disk: Disk,
    plan: Mapping[str, str],
    lock: Lock,
    *,
    once: Mapping[str, str] | None = None,
    compared: Mapping[str, str] | None = None,
    force: bool = False,
) -> Written:
    """Write what is planned and the new lock; unchanged files are not touched.

    `lock` is the old lock with new tools, digest and inputs. `once` are the author's files: each is
    written only if it is not there and was never written before. `compared` are edited files of
    the author, to be written as given. `force` overwrites hand edits and keeps backups of them.

    Raises:
        ProjectConflict: a generated file was edited by hand; nothing was written.
        InputError: the disk refused; nothing was written.
    """
    verify_texts(plan)
    decision = decided(disk, plan, lock)
    if decision.conflicts and not force:
        raise ProjectConflict(
            located(disk, [conflict.problem for conflict in decision.conflicts]),
            diff="".join(conflict.diff for conflict in decision.conflicts),
        )
    overwritten = [conflict.change for conflict in decision.conflicts]
    backups = [_backup(disk, change) for change in overwritten if change.old is not None]
    born = _births(disk, once or {}, lock)
    edited = _edits(disk, compared or {})
    main = [*decision.changes, *overwritten, *born, *edited]
    new_lock = dataclasses.replace(lock, files=_files(plan, lock, born, edited))
    apply_changes(disk, [*backups, *main, *_lock_change(disk, new_lock)])
    return Written(
        written=sorted(change.path for change in main if change.new is not None),
        removed=sorted(change.path for change in main if change.new is None),
        backups=[change.path for change in backups],
    )


def located(disk: Disk, problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems with paths that lead to the files from the current folder."""
    return [
        dataclasses.replace(problem, path=displayed(disk.shown(str(problem.path))))
        for problem in problems
    ]


def verify_texts(plan: Mapping[str, str]) -> None:
    """Make sure that what we are about to write parses.

    Raises:
        RuntimeError: it does not, which is our bug.
    """
    for path, text in plan.items():
        try:
            if path.endswith(".py"):
                ast.parse(text)
            elif path.endswith(".json"):
                json.loads(text)
        except (SyntaxError, ValueError) as error:
            raise RuntimeError(f"the generator made a file that does not parse: {path}") from error


def _births(disk: Disk, once: Mapping[str, str], lock: Lock) -> list[Change]:
    return [
        Change(path, None, text.encode())
        for path, text in once.items()
        if path not in lock.files and disk.read(path) is None
    ]


def _edits(disk: Disk, compared: Mapping[str, str]) -> list[Change]:
    changes = [Change(path, disk.read(path), text.encode()) for path, text in compared.items()]
    return [change for change in changes if change.old != change.new]


def _files(
    plan: Mapping[str, str], lock: Lock, born: Sequence[Change], edited: Sequence[Change]
) -> dict[str, LockedFile]:
    files = {path: file for path, file in lock.files.items() if file.owner != "generated"}
    owned: list[tuple[Sequence[Change], Owner]] = [(born, "once"), (edited, "compared")]
    for changes, owner in owned:
        files |= {c.path: LockedFile(owner, digest(c.new)) for c in changes if c.new is not None}
    return files | {path: LockedFile("generated", digest(t.encode())) for path, t in plan.items()}


def _lock_change(disk: Disk, lock: Lock) -> list[Change]:
    old, text = disk.read(LOCK_FILE), lock.dump()
    if old is not None and content_digest(old) == text_digest(text):
        return []
    return [Change(LOCK_FILE, old, text.encode())]


def _backup(disk: Disk, change: Change) -> Change:
    """Return the change that keeps a copy; earlier backups are never overwritten."""
    inside = posixpath.normpath(change.path).replace("../", "")
    first = f"{BACKUP_FOLDER}/{inside}.rivven-backup"
    path, number = first, 1
    while disk.read(path) not in {None, change.old}:
        path, number = f"{first}.{number}", number + 1
    return Change(path, disk.read(path), change.old)
