"""Whether a project is as `generate` left it, by hashes alone: nothing is parsed or rendered."""

from __future__ import annotations

from rivven_generator.disk import Disk
from rivven_generator.journal import is_interrupted
from rivven_generator.lockfile import Lock, content_digest, tool_digest
from rivven_generator.project import PYPROJECT
from rivven_generator.project_errors import InputError


def is_fresh(disk: Disk, lock: Lock) -> bool:
    """Whether inputs, tool and generated files are those of the lock.

    False means only that a closer look is needed.
    """
    return (
        not is_interrupted(disk)
        and _same_inputs(disk, lock)
        and all(_same(disk, path, sha) for path, sha in lock.owned("generated").items())
        and _same_project(disk, lock)
        and lock.digest == tool_digest()
    )


def _same_inputs(disk: Disk, lock: Lock) -> bool:
    try:
        contents = [(disk.read(path), sha256) for path, sha256 in lock.inputs.items()]
    except InputError:
        return False  # whether an input may be a link is for its loader to say
    return bool(lock.inputs) and all(
        content is not None and content_digest(content) == sha256 for content, sha256 in contents
    )


def _same(disk: Disk, path: str, sha256: str) -> bool:
    content = disk.read(path)
    return content is not None and content_digest(content) == sha256


def _same_project(disk: Disk, lock: Lock) -> bool:
    accepted = lock.owned("compared").get(PYPROJECT)
    return lock.embedded or (accepted is not None and _same(disk, PYPROJECT, accepted))
