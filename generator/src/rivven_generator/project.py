"""Which folder is a connector project, and where its files may lie."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from rivven_generator.disk import Disk
from rivven_generator.lockfile import MANIFEST_FILE, Lock
from rivven_generator.project_errors import project_error

PYPROJECT = "pyproject.toml"


@contextlib.contextmanager
def opened_project(folder: str, disk_type: type[Disk] = Disk) -> Iterator[Disk]:
    """Open the connector project in `folder` for reading and writing.

    A standalone project is its own root. An embedded one may write below the repository that it is
    part of, because its generated tests lie beside its package.

    Raises:
        InputError: there is no `connector.yaml`.
    """
    real = os.path.realpath(folder)
    if not os.path.isdir(real):
        raise project_error("RVN500", "is not a folder", path=folder)
    if not os.path.lexists(os.path.join(real, MANIFEST_FILE)):
        raise project_error(
            "RVN500",
            f"has no {MANIFEST_FILE}",
            "name the folder of a connector, or make one with `rivven new`",
            path=folder,
        )
    root = real if os.path.lexists(os.path.join(real, PYPROJECT)) else repository_of(real)
    with disk_type(root, relative(real, root)) as disk:
        yield disk


def repository_of(folder: str) -> str:
    """Return the folder that `folder` is part of.

    The nearest one under version control, else the outermost with a `pyproject.toml`, else the
    current folder if it lies below that, else itself.
    """
    outermost = ""
    for above in ancestors(folder):
        if os.path.lexists(os.path.join(above, ".git")):
            return above
        if os.path.lexists(os.path.join(above, PYPROJECT)):
            outermost = above
    here = os.path.realpath(".")
    return outermost or (here if here in ancestors(folder) else folder)


def ancestors(folder: str) -> list[str]:
    """Return `folder` and every folder above it, but for the file system's root."""
    found: list[str] = []
    while folder != os.path.dirname(folder):
        found.append(folder)
        folder = os.path.dirname(folder)
    return found


def displayed(path: str) -> str:
    """Return a path as a person in the current folder would write it."""
    near = os.path.relpath(path)
    return path if near.startswith("..") else near


def relative(path: str, start: str) -> str:
    """Return the POSIX path from `start` to `path`, empty if they are the same."""
    found = os.path.relpath(path, start).replace(os.sep, "/")
    return "" if found == "." else found


def lies_in(package: str, folder: str) -> bool:
    """Return whether `folder` ends with the folders of a dotted package name."""
    parts = package.split(".")
    return folder.rstrip("/").split("/")[-len(parts) :] == parts


def require_layout(disk: Disk, lock: Lock | None) -> Lock:
    """Return the lock, or, for a standalone project that lost it, an empty one.

    Raises:
        InputError: nobody knows where the tests of this embedded connector lie.
    """
    if lock is not None:
        return lock
    if disk.read(PYPROJECT) is None:
        raise project_error(
            "RVN508",
            "is missing, and without it nobody knows where the generated tests lie",
            "take it from version control, or make the connector with `rivven new`",
            path=disk.shown("rivven.lock"),
        )
    return Lock(embedded=False, tests_dir="tests/generated")
