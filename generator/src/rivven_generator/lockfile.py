"""`rivven.lock`: which tool wrote which file of a project from which inputs.

JSON, sorted, without time, host or absolute path: the same project gives the same bytes anywhere.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import os
import posixpath
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from rivven_generator.disk import Disk
from rivven_generator.project_errors import ProjectConflict, project_error

LOCK_FILE = "rivven.lock"
MANIFEST_FILE = "connector.yaml"
_FORMAT = 1
_SOURCES = ("rivven_generator", "rivven_templates")
_CODE_GENERATOR = "datamodel_code_generator"

Owner: TypeAlias = Literal["generated", "once", "compared"]
"""Who may write a file: always rivven; `new` only; `new`, and then lines of it on request."""


@dataclasses.dataclass(frozen=True)
class LockedFile:
    """One file of the project as rivven last wrote or accepted it."""

    owner: Owner
    sha256: str


@dataclasses.dataclass(frozen=True)
class Lock:
    """The content of `rivven.lock`; `inputs` are the manifest and its record schemas."""

    embedded: bool
    tests_dir: str
    digest: str = ""
    tools: Mapping[str, str] = dataclasses.field(default_factory=dict)
    inputs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    files: Mapping[str, LockedFile] = dataclasses.field(default_factory=dict)

    def owned(self, owner: Owner) -> dict[str, str]:
        """Return path -> SHA-256 of the files of one owner."""
        return {path: file.sha256 for path, file in self.files.items() if file.owner == owner}

    def dump(self) -> str:
        """Return the text of the lock file."""
        value = {
            "lock": _FORMAT,
            "tools": dict(self.tools),
            "digest": self.digest,
            "layout": {"embedded": self.embedded, "tests": self.tests_dir},
            "inputs": dict(self.inputs),
            "files": {path: dataclasses.asdict(file) for path, file in self.files.items()},
        }
        return json.dumps(value, indent=2, sort_keys=True) + "\n"


def load_lock(disk: Disk) -> Lock | None:
    """Return the lock of the project, None where there is none.

    Raises:
        InputError: the file is damaged, or names a path outside the project.
        ProjectConflict: a later rivven wrote it.
    """
    content = disk.read(LOCK_FILE)
    if content is None:
        return None
    try:
        value = json.loads(content)
        newer = value["lock"] != _FORMAT
        lock = None if newer else _parsed(value)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise project_error(
            "RVN508",
            "is no lock file of rivven, or a merge left it damaged",
            "take one side's version from version control and run `rivven generate`",
            path=disk.shown(LOCK_FILE),
        ) from error
    if lock is None:
        raise newer_tool(disk, "a format that this one does not know")
    for path in lock.files:
        if not _is_inside(path, lock):
            raise project_error(
                "RVN505",
                f"names {path!r}, which lies outside the project",
                "take the file from version control",
                path=disk.shown(LOCK_FILE),
            )
    return lock


def newer_tool(disk: Disk, version: str) -> ProjectConflict:
    """Return the refusal to touch the project of a later rivven."""
    error = project_error(
        "RVN509",
        f"was written by {version}; going back would undo its work",
        "install that version of rivven-toolkit, or a later one",
        path=disk.shown(LOCK_FILE),
    )
    return ProjectConflict(list(error.problems))


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text as its reader sees it: a BOM and CRLF make no difference."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def content_digest(content: bytes) -> str:
    """Return the same for the bytes of a file; bytes that are no text are hashed as they are."""
    try:
        return text_digest(content.decode("utf-8"))
    except UnicodeDecodeError:
        return hashlib.sha256(content).hexdigest()


def tool_digest() -> str:
    """Return one SHA-256 of the generator, its templates and the pinned code generator's version.

    Read from the installed files, without importing them.
    """
    total = hashlib.sha256()
    for package in _SOURCES:
        for folder in _folders_of(package):
            for path in _source_files(folder):
                with open(os.path.join(folder, path), "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
                total.update(f"{package}/{path} {content}\n".encode())
    total.update(_code_generator_version().encode())
    return total.hexdigest()


def tool_versions() -> dict[str, str]:
    """Return the version of each distribution that decides what is generated."""
    from importlib.metadata import version  # noqa: PLC0415  # costs more than a whole `--check`

    names = ("rivven-toolkit", "rivven-templates", "datamodel-code-generator")
    return {name: version(name) for name in names}


def _parsed(value: Any) -> Lock:
    layout = value["layout"]
    files = {
        str(path): LockedFile(_owner(file["owner"]), str(file["sha256"]))
        for path, file in value["files"].items()
    }
    return Lock(
        embedded=bool(layout["embedded"]),
        tests_dir=str(layout["tests"]),
        digest=str(value["digest"]),
        tools={str(name): str(found) for name, found in value["tools"].items()},
        inputs={str(path): str(found) for path, found in value["inputs"].items()},
        files=files,
    )


def _owner(text: Any) -> Owner:
    for owner in ("generated", "once", "compared"):
        if text == owner:
            return owner
    raise ValueError(text)


def _is_inside(path: str, lock: Lock) -> bool:
    plain = posixpath.normpath(path)
    inside = not plain.startswith("../") and plain not in {"..", "."} and not path.startswith("/")
    tests = posixpath.normpath(lock.tests_dir)
    return plain == path and (inside or (lock.embedded and plain.startswith(f"{tests}/")))


def _folders_of(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)
    return list(spec.submodule_search_locations or ()) if spec else []


def _source_files(folder: str) -> list[str]:
    found: list[str] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found += [
            os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")
            for name in names
            if not name.endswith((".pyc", ".pyo"))
        ]
    return sorted(found)


def _code_generator_version() -> str:
    """Return its version from the name of its metadata folder; reading it properly is slow."""
    spec = importlib.util.find_spec(_CODE_GENERATOR)
    if spec is None or spec.origin is None:
        return ""
    site = os.path.dirname(os.path.dirname(spec.origin))
    names = (name for name in os.listdir(site) if name.startswith(f"{_CODE_GENERATOR}-"))
    return ",".join(sorted(names))
