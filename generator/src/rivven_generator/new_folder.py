"""A new project appears as a whole: built beside its place, then moved there in one step."""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import shutil
from collections.abc import Iterator, Mapping

from rivven_generator.disk import Disk
from rivven_generator.journal import Change, apply_changes, recover
from rivven_generator.project_errors import (
    InputError,
    ProjectBusy,
    project_error,
    unwritable,
)


def create_project(target: str, files: Mapping[str, str], disk_type: type[Disk] = Disk) -> None:
    """Create the folder `target` with `files` in it, or nothing.

    An existing empty folder is filled; the one a link leads to, if it is a link.

    Raises:
        InputError: the folder is not empty, its parent is missing, or the disk refused.
        ProjectBusy: another rivven is creating the same project.
    """
    real = os.path.realpath(target)
    if os.path.lexists(real):
        if not os.path.isdir(real):
            raise project_error("RVN511", "exists and is not a folder", path=target)
        with disk_type(real) as disk:
            fill_folder(disk, files)
        return
    parent, name = os.path.split(real)
    if not os.path.isdir(parent):
        raise project_error("RVN507", "is missing", "create it first", path=parent)
    try:
        _build_beside(parent, name, files, disk_type)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise not_empty(target) from error
        raise unwritable(error, target) from error


def create_package(
    root: str, base: str, files: Mapping[str, str], disk_type: type[Disk] = Disk
) -> None:
    """Create the package folder `base` below `root` with `files`, some of them elsewhere in `root`.

    Raises:
        InputError: the folder is not empty, or the disk refused; nothing was created.
        ProjectBusy: another rivven is creating the same connector.
    """
    missing = [path for path in _folders(f"{base}/x") if not os.path.isdir(f"{root}/{path}")]
    with disk_type(root) as above:
        try:
            for path in missing:
                above.make_folder(path)
            with disk_type(root, base) as disk:
                fill_folder(disk, files)
        except (OSError, InputError) as error:
            with contextlib.suppress(OSError, InputError):
                for path in reversed(missing):
                    above.remove_folder(path)
            if isinstance(error, OSError):
                raise unwritable(error, os.path.join(root, base)) from error
            raise


def fill_folder(disk: Disk, files: Mapping[str, str]) -> None:
    """Write `files` into the existing, empty base folder of `disk`, or nothing.

    Raises:
        InputError: the folder is not empty, or the disk refused.
        ProjectBusy: another rivven is writing there.
    """
    with disk.exclusive():
        recover(disk)
        if disk.entries(""):
            raise not_empty(disk.shown(""))
        changes = [Change(path, None, text.encode()) for path, text in sorted(files.items())]
        taken = [change.path for change in changes if disk.read(change.path) is not None]
        if taken:
            raise project_error(
                "RVN502", "is in the way", "move it away, or choose another folder", path=taken[0]
            )
        apply_changes(disk, changes)


def not_empty(folder: str) -> InputError:
    """Return the refusal to scaffold over somebody's files."""
    return project_error(
        "RVN511", "is not empty", "choose a new folder with --directory, or empty it", path=folder
    )


def _build_beside(parent: str, name: str, files: Mapping[str, str], disk_type: type[Disk]) -> None:
    building = f".{name}.rivven-new"
    with (
        disk_type(parent) as above,
        _made_folder(above, building),
        disk_type(parent, building) as disk,
        disk.exclusive(),
    ):
        if os.path.lexists(os.path.join(parent, name)):
            raise not_empty(os.path.join(parent, name))
        # What a killed run left; the lock says that nobody is using it.
        _empty(os.path.join(parent, building))
        for path, text in sorted(files.items()):
            for folder in _folders(path):
                disk.make_folder(folder)
            disk.create(path, text.encode())
        above.replace(building, name)


@contextlib.contextmanager
def _made_folder(disk: Disk, path: str) -> Iterator[None]:
    """Make a folder for the time of the block; on failure it goes, with what is in it."""
    disk.make_folder(path)
    try:
        yield
    except ProjectBusy:
        raise  # the folder is somebody else's
    except (OSError, InputError):
        shutil.rmtree(disk.shown(path), ignore_errors=True)
        raise


def _empty(folder: str) -> None:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def _folders(path: str) -> list[str]:
    found: list[str] = []
    while path := posixpath.dirname(path):
        found.insert(0, path)
    return found
